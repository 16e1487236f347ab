import Foundation
import Journal
import Projection

/// The rows of the table, over journals below one directory.
struct Rows {
  let work: Workload
  let runs: Int
  let directory: String

  enum Place: String {
    case baseline
    case api
    case inner
  }

  func path(_ place: Place) -> String {
    directory + "/" + place.rawValue
  }

  private func remove(_ place: Place) throws {
    if FileManager.default.fileExists(atPath: path(place)) {
      try FileManager.default.removeItem(atPath: path(place))
    }
  }

  func makeBaseline() throws -> Baseline {
    try remove(.baseline)
    try FileManager.default.createDirectory(
      atPath: path(.baseline), withIntermediateDirectories: true)
    return try Baseline.create(at: path(.baseline))
  }

  func makeStore(_ place: Place) throws -> Store {
    try remove(place)
    return try Store.create(at: path(place), label: "benchmark")
  }

  /// The last round's journals stay for the rows that read.
  func append(_ name: String, count: Int, batch: Int) async throws -> Measurement {
    let starts = stride(from: 0, to: count, by: batch)
    return try await .run(
      name, count: count, runs: runs,
      baseline: {
        let journal = try makeBaseline()
        defer { journal.close() }
        return try cost { try journal.append(work.entries[..<count], batch: batch) }
      },
      api: {
        let store = try makeStore(.api)
        defer { store.close() }
        return try await costAwaiting {
          for start in starts {
            try await store.write { tx in
              for edit in work.edits[start..<min(start + batch, count)] {
                try tx.put(Workload.collection, edit.key, edit.fields)
              }
            }
          }
        }
      },
      inner: {
        let store = try makeStore(.inner)
        defer { store.close() }
        let batches = starts.map { Array(work.drafts[$0..<min($0 + batch, count)]) }
        return try await costAwaiting {
          for drafts in batches {
            _ = try await store.journal.transact { try $0.appendGroup(drafts).count }
          }
        }
      })
  }

  func scanRecords() async throws -> Measurement {
    let baseline = try Baseline.open(at: path(.baseline))
    defer { baseline.close() }
    let store = try Store.open(at: path(.api))
    defer { store.close() }
    return try await .run(
      "scan all records", count: work.records, unit: "records", runs: runs,
      baseline: { try cost { try expect(baseline.scan("records"), work.records) } },
      api: {
        try cost {
          try expect(store.read { try $0.query(Query(Workload.collection)).count }, work.records)
        }
      },
      inner: {
        try cost {
          var rows = 0
          try store.read { snapshot in
            try snapshot.scanLent { _, _ in
              rows += 1
              return true
            }
          }
          try expect(rows, work.records)
        }
      })
  }

  func scanEntries() async throws -> Measurement {
    let baseline = try Baseline.open(at: path(.baseline))
    defer { baseline.close() }
    let store = try Store.open(at: path(.api))
    defer { store.close() }
    var measurement = Measurement(
      name: "scan all entries", count: work.entries.count, unit: "entries")
    for _ in 0..<runs {
      measurement.baseline.append(
        try cost { try expect(baseline.scan("entries"), work.entries.count) })
      measurement.inner.append(
        try cost {
          var rows = 0
          try store.journal.read { reader in
            try reader.scanHeld(from: 1) { _ in
              rows += 1
              return true
            }
          }
          // The journal begins with its `opened` entry.
          try expect(rows, work.entries.count + 1)
        })
    }
    return measurement
  }

  func rebuild() async throws -> Measurement {
    let baseline = try Baseline.open(at: path(.baseline))
    defer { baseline.close() }
    let store = try Store.open(at: path(.api))
    defer { store.close() }
    return try await .run(
      "rebuild", count: work.entries.count, runs: runs,
      baseline: { try cost { try baseline.rebuild() } },
      api: { try await costAwaiting { try await store.rebuild() } })
  }

  /// Opens twenty times a round: one is too short to be measured.
  func open() async throws -> Measurement {
    let times = 20
    return try await .run(
      "open and close", count: times, unit: "times", runs: runs,
      baseline: {
        try cost {
          for _ in 0..<times { try Baseline.open(at: path(.baseline)).close() }
        }
      },
      api: {
        try cost {
          for _ in 0..<times { try Store.open(at: path(.api)).close() }
        }
      })
  }

  /// A row that reads less than it should would look fast.
  func expect(_ found: Int, _ expected: Int) throws {
    guard found == expected else {
      throw Baseline.Failure(description: "\(found) rows were read instead of \(expected)")
    }
  }
}
