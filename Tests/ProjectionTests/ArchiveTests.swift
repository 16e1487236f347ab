import Foundation
import Journal
import Projection
import TestKit
import Testing

/// Files with what a journal holds or what a trim took, read as the journal is.
@Suite struct `An archive` {
  private let scratch: Scratch
  private let store: Store
  private let clock = ManualClock()

  init() throws {
    scratch = try Scratch()
    store = try Store.create(
      at: scratch("j"), label: "laptop", isLocal: true, configuration: clock.configuration)
  }

  /// Edits of twelve records, alone and in groups.
  private func write(_ count: Int) async throws {
    for number in 0..<count {
      clock.advance(by: 1_000)
      try await store.write(by: "mia") { tx in
        try tx.put(
          "c", "k\(number % 12)",
          ["n": .integer(Int64(number)), "text": .string("secret of \(number)")])
        if number % 3 == 0 { try tx.put("c", "other", ["n": .integer(Int64(number))]) }
      }
    }
  }

  private func picture(ofPack path: String, at sequence: SequenceNumber) throws -> [String] {
    let reader = try JournalReader(PackReader(path: path))
    var lines: [String] = []
    try Snapshot(reader, at: sequence).scan { rowKey, fields in
      let names = try RecordAddress.names(inRowKey: rowKey)
      lines.append("\(names.key) \(JSONText.string(.object(try Snapshot.decode(fields))))")
      return true
    }
    return lines
  }

  private func picture(at sequence: SequenceNumber) throws -> [String] {
    try store.picture(at: .sequence(sequence)).split(separator: "\n")
      .map { String($0.dropFirst(2)) }
  }

  @Test func `has what a trim took, and is named where it is missed`() async throws {
    try await write(200)
    let moments: [SequenceNumber] = [1, 2, 50, 133, 200]
    let before = try moments.map { try picture(at: $0) }
    let path = scratch("first.archive")
    #expect(try await store.compact(keeping: .newest(20), archive: path).trimmed > 200)
    for (moment, picture) in zip(moments, before) {
      #expect(try self.picture(ofPack: path, at: moment) == picture)
      let error = #expect(throws: JournalError.self) { try store.picture(at: .sequence(moment)) }
      #expect(error?.code == "below-horizon")
      #expect(error?.description.contains(path) == true)
    }
    #expect(try Verifier.verify(pack: path, folder: RecordFolder()).problems == [])
    #expect(try store.problems() == [])

    // The next one goes on where this one ends.
    try await write(60)
    let middle = try store.read { $0.reader.horizon.sequence } + 10
    let expected = try picture(at: middle)
    let next = scratch("second.archive")
    #expect(try await store.compact(archive: next).trimmed > 0)
    #expect(try picture(ofPack: next, at: middle) == expected)
    let error = #expect(throws: JournalError.self) { try store.picture(at: .sequence(middle)) }
    #expect(error?.description.contains(next) == true)
    let reader = try JournalReader(PackReader(path: next))
    var backward: [SequenceNumber] = []
    try reader.storage.scanBackward(.entries, from: nil) { key, _ in
      backward.append(key.reduce(0) { $0 << 8 | UInt64($1) })
      return backward.count < 30
    }
    #expect(backward == backward.sorted(by: >) && backward.count == 30)
  }

  @Test func `loses a record that is erased from it, and nothing else`() async throws {
    try await write(150)
    let (path, second) = (scratch("a.archive"), scratch("b.archive"))
    _ = try await store.compact(keeping: .newest(30), archive: path)
    try await write(50)
    // This one begins with a baseline.
    _ = try await store.compact(keeping: .newest(10), archive: second)
    let paths = [path, second]
    let through = try paths.map { try JournalReader(PackReader(path: $0)).head.lastSequence }
    let before = try zip(paths, through).map { try picture(ofPack: $0, at: $1) }
    try await store.erase("c", "k7", because: "asked to", archives: paths)
    #expect(try store.problems() == [])
    for (index, path) in paths.enumerated() {
      #expect(
        try picture(ofPack: path, at: through[index])
          == before[index].filter { !$0.hasPrefix("k7 ") })
      #expect(try Verifier.verify(pack: path, folder: RecordFolder()).problems == [])
      let reader = try JournalReader(PackReader(path: path))
      try reader.scanEntries(from: 1) { entry in
        guard entry.encoding == StoredEntry.plainEncoding, entry.header.kind.isEdit else {
          return true
        }
        let names = try entry.plainBody.withUnsafeBytes { try Body($0).record() }?.names
        #expect(names?.key != "k7")
        return true
      }
    }
    // What is no archive of this journal stops the erasure before anything is changed.
    let stranger = try Store.create(
      at: scratch("other"), label: "other", isLocal: true, configuration: clock.configuration)
    defer { stranger.close() }
    try await stranger.write { try $0.put("c", "k8", ["n": 1]) }
    _ = try stranger.journal.read { try $0.pack(to: scratch("other.pack"), checkpoint: nil) }
    for wrong in [scratch("other.pack"), scratch("missing")] {
      await #expect(throws: JournalError.self) {
        try await store.erase("c", "k8", because: "asked to", archives: [path, wrong])
      }
    }
    #expect(try store.read { try $0.get("c", "k8") } != nil)
  }

  @Test func `shows no content where it was redacted, and is never written over`() async throws {
    try await write(40)
    let path = scratch("redacted.pack")
    _ = try store.journal.read { try $0.pack(to: path, checkpoint: nil, isRedacted: true) }
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    let reader = try JournalReader(PackReader(path: path))
    #expect(try reader.isRedacted)
    #expect(try reader.entry(7)?.encoding == StoredEntry.withheldEncoding)
    #expect(throws: JournalError.self) { try reader.entry(7)?.plainBody }
    #expect(
      try MerkleTree.root(size: 40, in: JournalTree(reader))
        == store.journal.read { try MerkleTree.root(size: 40, in: JournalTree($0)) })
    for taken in [path, scratch("no directory/pack")] {
      #expect(throws: JournalError.self) {
        try store.journal.read { try $0.pack(to: taken, checkpoint: nil) }
      }
    }
    #expect(throws: JournalError.self) {
      try store.journal.read { try $0.pack(to: scratch("x"), through: 41_000, checkpoint: nil) }
    }
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == bytes)
  }

  @Test func `is not needed to give the space back`() async throws {
    try await write(400)
    _ = try await store.compact()
    let picture = try store.picture()
    let file = scratch("j/data.mdb")
    let busy = #expect(throws: JournalError.self) { try Store.rewrite(at: scratch("j")) }
    #expect(busy?.code == "busy")
    store.close()
    let before = try Data(contentsOf: URL(fileURLWithPath: file)).count
    try Store.rewrite(at: scratch("j"))
    #expect(try Data(contentsOf: URL(fileURLWithPath: file)).count < before)
    let again = try Store.open(at: scratch("j"))
    defer { again.close() }
    #expect(try again.picture() == picture)
    #expect(try again.problems() == [])
    try await again.write { try $0.put("c", "k1", ["n": 1]) }
    #expect(try again.problems() == [])
  }
}
