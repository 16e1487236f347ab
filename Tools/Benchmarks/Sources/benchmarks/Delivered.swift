import Journal
import Projection

/// Bytes of edits that a server has accepted, and of edits trimmed away afterwards.
struct Delivered {
  let directory: String
  let work: Workload

  private static let remote = "main"
  private static let perEntry = ["entries", "ids", "edits", "tree", "gaps", "baseline"]

  /// Appends all edits, accepts and settles them in runs of 1,000, measures, trims and measures
  /// again: bytes over the body of a settled edit, bytes left of a trimmed one.
  ///
  /// The delivery entries count as part of what they deliver. The baseline is left out: it holds
  /// records, not entries.
  func measure() async throws -> (settled: Double, trimmed: Double) {
    let edits = work.drafts.count
    do {
      let store = try Store.create(at: directory, label: "benchmark")
      defer { store.close() }
      try await store.journal.declare(
        .init(name: Self.remote, kind: "journal", url: "http://127.0.0.1:1"))
      for start in stride(from: 0, to: edits, by: Workload.batch) {
        let drafts = Array(work.drafts[start..<min(start + Workload.batch, edits)])
        try await store.journal.transact { context in
          let appended = try context.appendGroup(drafts).compactMap(\.sequence)
          try Self.settle(appended, in: context)
        }
      }
    }
    let settled = try bytes() - work.bodyBytes
    do {
      let store = try Store.open(at: directory)
      defer { store.close() }
      _ = try await store.compact()
    }
    return (Double(settled) / Double(edits), Double(try bytes()) / Double(edits))
  }

  private func bytes() throws -> Int {
    try Self.perEntry.filter { $0 != "baseline" }
      .map { try Baseline.bytes(of: $0, in: directory) }.reduce(0, +)
  }

  /// What a server would have given: milliseconds of today, each edit a little later.
  private static func version(of edit: SequenceNumber) -> ServerVersion {
    ServerVersion(timestamp: 1_795_000_000_000 + 7 * edit, tieBreak: edit)
  }

  private static func settle(_ edits: [SequenceNumber], in context: AppendContext) throws {
    guard let first = edits.first, let last = edits.last else { return }
    var sent = BodyBuilder()
    sent.add(.remote, text: remote)
    sent.add(.device, data: context.identity.current.id.bytes)
    sent.add(.entries) { writer in
      writer.array(count: 1)
      writer.array(count: 2)
      writer.unsigned(first)
      writer.unsigned(last)
    }
    sent.add(.digest, data: [UInt8](repeating: 1, count: 32))
    let sealed = try context.append(Draft(.sent, body: sent.finish())).sequence ?? 0
    var accepted = BodyBuilder()
    accepted.add(.remote, text: remote)
    accepted.add(.sent, unsigned: sealed)
    try accepted.add(acceptances: edits.map { Acceptance($0, version(of: $0)) })
    try context.append(Draft(.accepted, body: accepted.finish()))
    var cursor = BodyBuilder()
    cursor.add(.remote, text: remote)
    cursor.add(.epoch, text: "one")
    cursor.add(.cursor, text: "\(last)")
    cursor.add(.through, version: version(of: last))
    cursor.add(.generation, unsigned: 0)
    try context.append(Draft(.cursor, body: cursor.finish()))
  }
}
