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

  static func sqlite(_ file: String, _ entries: [baseline_entry], batch: Int) throws {
    try entries.withUnsafeBufferPointer {
      try check(baseline_sqlite_append(file, $0.baseAddress, $0.count, batch))
    }
  }

  static func sqliteOpenAndRead(_ file: String, limit: Int) throws {
    var rows = 0
    try check(baseline_sqlite_open_and_read(file, limit, &rows))
    guard rows == limit else { throw Failure(description: "SQLite read \(rows) of \(limit)") }
  }

  static var canCountAllocations: Bool { baseline_can_count_allocations() != 0 }

  /// Allocations of the whole process while `work` runs.
  static func allocations(_ work: () async throws -> Void) async rethrows -> Int {
    baseline_count_allocations(1)
    defer { baseline_count_allocations(0) }
    try await work()
    return baseline_allocations()
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
