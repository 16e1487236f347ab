import CBaseline
import Foundation
import Journal
import Projection
import Synchronization

/// How long another writer waits while a journal is trimmed, against plain commits of the same run.
///
///     trimming [--entries N] [--records N] [--directory PATH]
@main
enum Trimming {
  static func main() async throws {
    var entries = 1_000_000
    var records = 60_000
    var parent = FileManager.default.temporaryDirectory.path
    var arguments = CommandLine.arguments.dropFirst().makeIterator()
    while let name = arguments.next() {
      let value = arguments.next() ?? ""
      switch (name, Int(value)) {
      case ("--entries", let number?) where number > 0: entries = number
      case ("--records", let number?) where number > 0: records = number
      case ("--directory", _) where !value.isEmpty: parent = value
      default:
        FileHandle.standardError.write(
          Data("usage: trimming [--entries N] [--records N] [--directory PATH]\n".utf8))
        exit(64)
      }
    }
    let directory = "\(parent)/journal-trimming-\(getpid())"
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
    do {
      try await measure(entries, records, directory)
    } catch {
      try FileManager.default.removeItem(atPath: directory)
      throw error
    }
    try FileManager.default.removeItem(atPath: directory)
  }

  private static func measure(_ entries: Int, _ records: Int, _ directory: String) async throws {
    // As many as come about beside the trim: the more flushes, the slower the slowest.
    let raw = try rawCommits(20_000, in: directory + "/raw")
    let store = try Store.create(at: directory + "/journal", label: "trimming", isLocal: true)
    defer { store.close() }
    for start in stride(from: 0, to: entries, by: 1_000) {
      try await store.write { tx in
        for number in start..<min(start + 1_000, entries) {
          try tx.put("c", "k\(number % records)", fields(number))
        }
      }
    }
    let before = try await waits(in: store) { $0 == 20_000 }
    let isDone = Mutex(false)
    let start = ContinuousClock.now
    let trim = Task {
      defer { isDone.withLock { $0 = true } }
      return try await store.compact().trimmed
    }
    let during = try await waits(in: store) { _ in isDone.withLock { $0 } }
    let trimmed = try await trim.value
    let seconds = milliseconds(since: start) / 1_000
    print("trimmed \(trimmed) entries over \(records) records in \(text(seconds)) s\n")
    print(
      "| one commit, ms | number | median | 99.9 % | worst | worst / median raw commit "
        + "| worst / worst raw commit |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    line("one edit, C on LMDB", raw, raw)
    line("one edit, before the trim", before, raw)
    line("one edit, beside the trim", during, raw)
  }

  private static func fields(_ number: Int) -> Fields {
    ["n": .integer(Int64(number)), "text": .string(String(repeating: "x", count: 150))]
  }

  /// The same tables written in C, one edit to a durable commit.
  private static func rawCommits(_ count: Int, in directory: String) throws -> [Double] {
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
    var journal: OpaquePointer?
    try check(baseline_create(directory, &journal))
    defer { baseline_close(journal) }
    let body = [UInt8](repeating: 0x61, count: 190)
    let key = [UInt8]("c".utf8) + [0, 0] + [UInt8]("k1".utf8)
    return try body.withUnsafeBufferPointer { body in
      try key.withUnsafeBufferPointer { key in
        var entry = baseline_entry(
          body: body.baseAddress, body_length: body.count, fields_length: 170,
          row_key: key.baseAddress, row_key_length: key.count)
        return try (0..<count).map { _ in
          let start = ContinuousClock.now
          try check(baseline_append(journal, &entry, 1, 1))
          return milliseconds(since: start)
        }
      }
    }
  }

  private struct Failure: Error {
    let code: Int32
  }

  private static func check(_ code: Int32) throws {
    guard code == 0 else { throw Failure(code: code) }
  }

  /// Writes one edit after the other until `isEnough` of their number, and says how long each took.
  private static func waits(
    in store: Store, until isEnough: (Int) -> Bool
  ) async throws -> [Double] {
    var waits: [Double] = []
    while !isEnough(waits.count) {
      let number = waits.count
      let start = ContinuousClock.now
      try await store.write { try $0.put("other", "k\(number % 100)", fields(number)) }
      waits.append(milliseconds(since: start))
    }
    return waits
  }

  private static func milliseconds(since start: ContinuousClock.Instant) -> Double {
    let elapsed = ContinuousClock.now - start
    return Double(elapsed.components.seconds) * 1e3
      + Double(elapsed.components.attoseconds) / 1e15
  }

  private static func line(_ name: String, _ waits: [Double], _ raw: [Double]) {
    let (sorted, median) = (waits.sorted(), raw.sorted()[raw.count / 2])
    guard let worst = sorted.last, let worstRaw = raw.max() else { return }
    let high = sorted[min(sorted.count - 1, sorted.count * 999 / 1_000)]
    print(
      "| \(name) | \(waits.count) | \(text(sorted[sorted.count / 2])) | \(text(high)) "
        + "| \(text(worst)) | \(text(worst / median)) | \(text(worst / worstRaw)) |")
  }

  private static func text(_ value: Double) -> String { String(format: "%.2f", value) }
}
