/// What a journal's tables take beside the bodies in them.
struct Sizes {
  let directory: String
  let work: Workload

  /// The tables that grow with every entry; `records` grows with the records.
  private static let perEntry = ["entries", "ids", "edits", "tree"]

  /// Bytes per entry in pages beside the bodies.
  func overBody() throws -> Double {
    let bytes = try Self.perEntry.reduce(0) { try $0 + Baseline.bytes(of: $1, in: directory) }
    return Double(bytes - work.bodyBytes) / Double(work.entries.count)
  }

  func line(_ name: String) throws -> String {
    let tables = try Self.perEntry.map { try Baseline.bytes(of: $0, in: directory) }
    let over = Double(tables.reduce(0, +) - work.bodyBytes) / Double(work.entries.count)
    let parts = zip(Self.perEntry, tables)
      .map { "\($0) \(Format.two(Double($1) / Double(work.entries.count)))" }
    let records = Double(try Baseline.bytes(of: "records", in: directory)) / Double(work.records)
    return "- \(name): \(Format.two(over)) bytes per entry over a body of "
      + "\(Format.two(Double(work.bodyBytes) / Double(work.entries.count))) "
      + "(\(parts.joined(separator: ", "))); records \(Format.two(records)) bytes per record"
  }
}
