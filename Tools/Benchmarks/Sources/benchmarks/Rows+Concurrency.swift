import Foundation
import Journal
import Projection

extension Rows {
  static let appenders = 64

  /// One appender that waits for each commit, against 64 at once: commits a second of both.
  func concurrent() async throws -> Measurement {
    let each = 50
    let count = Self.appenders * each
    let edits = work.edits.prefix(count)
    return try await .run(
      "append, 64 appenders (C column: one)", count: count, runs: runs,
      baseline: {
        let store = try makeStore(.inner)
        defer { store.close() }
        return try await costAwaiting {
          for edit in edits {
            try await store.write { try $0.put(Workload.collection, edit.key, edit.fields) }
          }
        }
      },
      api: {
        let store = try makeStore(.inner)
        defer { store.close() }
        return try await costAwaiting {
          try await withThrowingTaskGroup(of: Void.self) { group in
            for appender in 0..<Self.appenders {
              let own = edits.dropFirst(appender * each).prefix(each)
              group.addTask {
                for edit in own {
                  try await store.write { try $0.put(Workload.collection, edit.key, edit.fields) }
                }
              }
            }
            try await group.waitForAll()
          }
        }
      })
  }

  /// The edits of the batched row, written by SQLite's C interface.
  func sqlite() throws -> [Cost] {
    try (0..<runs).map { _ in
      try removeSQLite()
      return try cost { try Baseline.sqlite(sqliteFile, work.entries, batch: Workload.batch) }
    }
  }

  private var sqliteFile: String { directory + "/sqlite" }

  private func removeSQLite() throws {
    for suffix in ["", "-wal", "-shm"] {
      let file = sqliteFile + suffix
      if FileManager.default.fileExists(atPath: file) {
        try FileManager.default.removeItem(atPath: file)
      }
    }
  }

  /// Opening a journal whose edits are all pending, against opening SQLite and reading 20,000 rows.
  func openPending() throws -> Measurement {
    let pending = min(20_000, work.entries.count)
    try removeSQLite()
    try Baseline.sqlite(sqliteFile, Array(work.entries.prefix(pending)), batch: Workload.batch)
    var measurement = Measurement(
      name: "open, 20,000 pending (C column: SQLite opens and reads them)", count: 1,
      unit: "times")
    for _ in 0..<runs {
      measurement.baseline.append(
        try cost { try Baseline.sqliteOpenAndRead(sqliteFile, limit: pending) })
      measurement.api.append(try cost { try Store.open(at: path(.api)).close() })
    }
    return measurement
  }

  /// Allocations per appended entry and per commit (inner path), and per scanned entry.
  struct Allocations {
    var entry: Double
    var commit: Double
    var scanned: Double
  }

  /// A commit of 1,000 entries against one of half as many tells entry and commit apart. What LMDB
  /// allocates for the pages of such commits is not ours and left out.
  func allocations() async throws -> Allocations? {
    guard Baseline.canCountAllocations else { return nil }
    let half = Workload.batch / 2
    let store = try makeStore(.inner)
    defer { store.close() }
    let baseline = try makeBaseline()
    defer { baseline.close() }
    var counts: [Int] = []
    var start = 0
    for size in [Workload.batch, half, Workload.batch] {
      let drafts = Array(work.drafts[start..<start + size])
      let entries = work.entries[start..<start + size]
      start += size
      let own = try await Baseline.allocations {
        _ = try await store.journal.transact { try $0.appendGroup(drafts).count }
      }
      let engine = try await Baseline.allocations { try baseline.append(entries, batch: size) }
      counts.append(own - engine)
    }
    // The first commit only warms up.
    let entry = Double(counts[2] - counts[1]) / Double(half)
    var rows = 0
    let scanned = try await Baseline.allocations {
      try store.journal.read { reader in
        try reader.scanHeld(from: 1) { _ in
          rows += 1
          return true
        }
      }
    }
    return Allocations(
      entry: entry, commit: Double(counts[1]) - entry * Double(half),
      scanned: Double(scanned) / Double(rows))
  }
}
