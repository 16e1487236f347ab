import CBaseline

/// The journal written in C, as the rows use it.
final class Baseline {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  private let raw: OpaquePointer

  private init(_ raw: OpaquePointer) {
    self.raw = raw
  }

  static func create(at directory: String) throws -> Baseline {
    var raw: OpaquePointer?
    try check(baseline_create(directory, &raw))
    return try Baseline(unwrap(raw))
  }

  static func open(at directory: String) throws -> Baseline {
    var raw: OpaquePointer?
    try check(baseline_open(directory, &raw))
    return try Baseline(unwrap(raw))
  }

  /// To be called once, last.
  func close() {
    baseline_close(raw)
  }

  func append(_ entries: ArraySlice<baseline_entry>, batch: Int) throws {
    try entries.withUnsafeBufferPointer {
      try Self.check(baseline_append(raw, $0.baseAddress, $0.count, batch))
    }
  }

  /// - Returns: The number of rows.
  func scan(_ table: String) throws -> Int {
    var rows = 0
    var bytes = 0
    try Self.check(baseline_scan(raw, table, &rows, &bytes))
    return rows
  }

  func rebuild() throws {
    try Self.check(baseline_rebuild(raw))
  }

  /// The bytes of a table's pages in a journal that is closed.
  static func bytes(of table: String, in directory: String) throws -> Int {
    var bytes = 0
    try check(baseline_table_bytes(directory, table, &bytes))
    return bytes
  }

  /// Microseconds of each flush.
  static func flushes(_ count: Int, file: String) throws -> [Double] {
    var microseconds = [Double](repeating: 0, count: count)
    try check(baseline_flushes(file, &microseconds, count))
    return microseconds
  }

  private static func unwrap(_ raw: OpaquePointer?) throws -> OpaquePointer {
    guard let raw else { throw Failure(description: "C gave no journal") }
    return raw
  }

  private static func check(_ code: Int32) throws {
    guard code != 0 else { return }
    throw Failure(description: baseline_message(code).map { String(cString: $0) } ?? "\(code)")
  }
}
