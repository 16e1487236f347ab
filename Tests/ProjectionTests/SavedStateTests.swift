import Foundation
import Projection
import TestKit
import Testing

@testable import Journal

@Suite struct `A saved state` {
  /// Everything a fold consists of, as bytes.
  private func rows(_ state: MemoryFoldState) throws -> [[UInt8]] {
    var rows = BaselineRows(state)
    var all: [[UInt8]] = []
    while case let slice = try rows.nextSlice(), !slice.isEmpty {
      all += slice.map { [$0.table.rawValue, UInt8($0.key.count & 0xFF)] + $0.key + $0.payload }
    }
    return all
  }

  private func folded(_ store: Store, _ sequence: SequenceNumber) throws -> [[UInt8]] {
    try store.journal.read(span: .long) { reader in
      try rows(Replay.fold(reader, through: sequence, with: RecordFolder()))
    }
  }

  private func restored(_ store: Store, _ sequence: SequenceNumber) throws -> [[UInt8]] {
    try store.journal.read(span: .long) { reader in
      try rows(Replay.restore(reader, through: sequence, with: RecordFolder()))
    }
  }

  /// Whether a fold up to a sequence begins with a saved state.
  private func isUsed(_ store: Store, _ sequence: SequenceNumber) throws -> Bool {
    try store.journal.read { try SavedStates.nearest($0, through: sequence) } != nil
  }

  private func paths(_ store: Store) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: store.journal.path)
      .filter { $0.hasPrefix("state-") }.map { "\(store.journal.path)/\($0)" }.sorted()
  }

  @Test(arguments: 0..<8)
  func `gives the same fold byte for byte as one from the start`(round: Int) async throws {
    let seed = testSeed(or: 6_000) &+ UInt64(round)
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop", isLocal: false)
    defer { store.close() }
    var made = try await MadeHistory(store, seed: seed)
    var saved: [SequenceNumber] = []
    for step in 0..<60 {
      try await made.step()
      if step % 20 == 19 {
        saved.append(try store.journal.lastSequence)
        #expect(try await store.saveState())
        #expect(try await !store.saveState())
      }
    }
    // One in the past as well, which is folded first.
    let past = 1 + made.random.next() % (saved[0] - 1)
    #expect(try await store.saveState(at: .sequence(past)))
    #expect(SavedStates.sequences(in: store.journal.path) == ([past] + saved).sorted())
    for sequence in 0...(try store.journal.lastSequence) {
      #expect(try isUsed(store, sequence) == (sequence >= past), "seed \(seed)")
      #expect(
        try restored(store, sequence) == folded(store, sequence), "seed \(seed), \(sequence)")
    }
    // The same of the file alone, as the command reads it.
    let pages = try PagedReader.open(directory: store.journal.path)
    defer { pages.close() }
    let reader = try JournalReader(pages)
    #expect(try SavedStates.nearest(reader, through: past) != nil)
    #expect(
      try rows(Replay.restore(reader, through: past, with: RecordFolder())) == folded(store, past))
    #expect(try store.problems() == [])
  }

  private func withSaved(
    _ records: Int = 12, _ body: (Store, String) async throws -> Void
  ) async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop", isLocal: true)
    defer { store.close() }
    for number in 0..<records {
      let text = Value.string("secret\(number)")
      try await store.write {
        try $0.put("c", "r\(number)", ["n": .integer(Int64(number)), "text": text])
      }
    }
    #expect(try await store.saveState())
    try await body(store, try #require(try paths(store).first))
  }

  @Test func `with any bit flipped, cut short or longer is never believed`() async throws {
    try await withSaved(3) { store, path in
      let last = try store.journal.lastSequence
      let expected = try folded(store, last)
      let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
      for bit in 0..<(whole.count * 8) {
        var bytes = whole
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        #expect(try !isUsed(store, last), "bit \(bit)")
        if bit % 97 == 0 { #expect(try restored(store, last) == expected) }
      }
      for count in 0..<whole.count {
        try Data(whole.prefix(count)).write(to: URL(fileURLWithPath: path))
        #expect(try !isUsed(store, last), "\(count) bytes")
      }
      try Data(whole).write(to: URL(fileURLWithPath: path))
      #expect(try isUsed(store, last))
      try FileManager.default.removeItem(atPath: path)
      #expect(try restored(store, last) == expected)
    }
  }

  @Test func `is for nobody else to read`() async throws {
    try await withSaved { _, path in
      let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
      #expect(mode as? Int == 0o600)
    }
  }

  @Test func `of another future of the same journal is not believed`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop", isLocal: true)
    for number in 0..<5 {
      try await store.write { try $0.put("c", "r", ["n": .integer(Int64(number))]) }
    }
    #expect(try await store.saveState())
    store.close()
    try FileManager.default.copyItem(atPath: scratch("j"), toPath: scratch("copy"))
    // Both go on, differently, to the same sequence.
    for (name, number) in [("j", 10), ("copy", 20)] {
      let store = try Store.open(at: scratch(name))
      defer { store.close() }
      try await store.write { try $0.put("c", "r", ["n": .integer(Int64(number))]) }
      #expect(try await store.saveState())
    }
    let name = "/" + SavedStates.name(7)
    try FileManager.default.removeItem(atPath: scratch("j") + name)
    try FileManager.default.copyItem(
      atPath: scratch("copy") + name, toPath: scratch("j") + name)
    let again = try Store.open(at: scratch("j"))
    defer { again.close() }
    try await again.write { try $0.put("c", "r", ["n": 30]) }
    #expect(try again.get("c", "r", at: .sequence(7)) == ["n": 10])
    #expect(try again.get("c", "r", at: .sequence(6)) == ["n": 4])
    #expect(try isUsed(again, 6))
  }

  @Test func `goes with an erasure, and nothing of the text is in any file`() async throws {
    let scratch = try Scratch()
    let path = scratch("j")
    let store = try Store.create(at: path, label: "laptop", isLocal: true)
    for number in 0..<6 {
      try await store.write { try $0.put("c", "r\(number)", ["text": .string("secret\(number)x")]) }
    }
    #expect(try await store.saveState())
    #expect(try await store.saveState(at: .sequence(4)))
    // What a save that was killed leaves behind.
    try FileManager.default.copyItem(
      atPath: "\(path)/\(SavedStates.name(4))", toPath: "\(path)/\(SavedStates.partName)")
    let before = try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(SavedStates.name(4))"))
    try await store.erase("c", "r1", because: "asked to")
    #expect(try paths(store) == [])
    // One that comes back from a copy is of a time before the erasure.
    try before.write(to: URL(fileURLWithPath: "\(path)/\(SavedStates.name(4))"))
    #expect(try !isUsed(store, 4))
    #expect(try store.get("c", "r1", at: .sequence(4)) == nil)
    try FileManager.default.removeItem(atPath: "\(path)/\(SavedStates.name(4))")
    #expect(try await store.saveState())
    store.close()
    try Store.rewrite(at: path)
    for name in try FileManager.default.contentsOfDirectory(atPath: path) {
      let data = try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)"))
      #expect(data.range(of: Data("secret1x".utf8)) == nil, "\(name)")
    }
    let again = try Store.open(at: path)
    defer { again.close() }
    #expect(try isUsed(again, again.journal.lastSequence))
    #expect(try again.problems() == [])
  }

  @Test func `that is being written when an erasure comes is given up`() async throws {
    try await withSaved { store, _ in
      let path = store.journal.path
      // What a save does, up to the point before it names its file.
      let token = try #require(try store.journal.read { try $0.meta(MetaKey.savedStates) })
      let part = "\(path)/\(SavedStates.partName)"
      let file = try await store.journal.transact { try PartFile(part, token, $0) }
      let mine = try #require(file)
      // Nobody else writes meanwhile.
      #expect(try await store.journal.transact { try PartFile(part, token, $0) } == nil)
      try await store.erase("c", "r1", because: "asked to")
      #expect(try paths(store) == [])
      let place = "\(path)/\(SavedStates.name(9))"
      #expect(try await !store.journal.transact { try mine.place(place, token, $0) })
      #expect(try await store.journal.transact { try PartFile(part, token, $0) } == nil)
      #expect(try paths(store) == [])
      #expect(try store.problems() == [])
    }
  }

  @Test func `below a new horizon is dropped, one above it stays`() async throws {
    try await withSaved { store, _ in
      #expect(try await store.saveState(at: .sequence(4)))
      let last = try store.journal.lastSequence
      let report = try await store.compact(keeping: .newest(5))
      #expect(report.horizon > 5)
      #expect(SavedStates.sequences(in: store.journal.path) == [last])
      #expect(try isUsed(store, last))
      for sequence in (report.horizon - 1)...last {
        #expect(try restored(store, sequence) == folded(store, sequence))
      }
    }
  }

  @Test func `is not made of an encrypted journal, and goes when one is encrypted`() async throws {
    let keys = Keys()
    let scratch = try Scratch()
    let store = try Store.create(
      at: scratch("j"), label: "laptop", configuration: keys.configuration(1))
    try await store.write { try $0.put("c", "r", ["n": 1]) }
    #expect(try await !store.saveState())
    #expect(try paths(store) == [])
    store.close()
    try await withSaved { store, path in
      try await store.journal.rekey(to: keys.encryption(1))
      #expect(!FileManager.default.fileExists(atPath: path))
      #expect(try await !store.saveState())
      #expect(try store.get("c", "r1", at: .sequence(3)) == ["n": 1, "text": "secret1"])
    }
  }

  @Test func `comes by itself every so many entries`() async throws {
    let scratch = try Scratch()
    var configuration = Journal.Configuration()
    configuration.savedStateInterval = 20
    let store = try Store.create(
      at: scratch("j"), label: "laptop", isLocal: true, configuration: configuration)
    defer { store.close() }
    for number in 0..<100 {
      try await store.write { try $0.put("c", "r\(number % 3)", ["n": .integer(Int64(number))]) }
      store.journal.finishSaving()
    }
    let saved = SavedStates.sequences(in: store.journal.path)
    #expect(saved == [20, 40, 60, 80, 100])
    for sequence in saved {
      #expect(try restored(store, sequence) == folded(store, sequence))
    }
    #expect(try store.problems() == [])
  }

  @Test func `is kept close in the near past and ever further apart behind it`() {
    var kept: [SequenceNumber] = []
    for number in 1...400 {
      kept.append(SequenceNumber(number) * 100)
      while let victim = SavedStates.victim(among: kept) { kept.remove(at: victim) }
    }
    #expect(kept.count == SavedStates.limit)
    #expect(kept.last == 40_000)
    // Asked for any moment, the way from the state below it is short against its age.
    for sequence in stride(from: SequenceNumber(2_000), through: 39_900, by: 100) {
      let below = kept.last { $0 <= sequence } ?? 0
      #expect(Double(sequence - below) <= max(200, 0.4 * Double(40_000 - sequence)))
    }
  }

  @Test func `that cannot be written fails no write`() async throws {
    let scratch = try Scratch()
    var configuration = Journal.Configuration()
    configuration.savedStateInterval = 5
    let store = try Store.create(
      at: scratch("j"), label: "laptop", isLocal: true, configuration: configuration)
    defer { store.close() }
    // A directory stands where the file should.
    try FileManager.default.createDirectory(
      atPath: "\(store.journal.path)/\(SavedStates.partName)", withIntermediateDirectories: false)
    for number in 0..<30 {
      try await store.write { try $0.put("c", "r", ["n": .integer(Int64(number))]) }
    }
    #expect(try store.get("c", "r") == ["n": 29])
    #expect(SavedStates.sequences(in: store.journal.path) == [])
    await #expect(throws: JournalError.self) { try await store.saveState() }
    #expect(try store.problems() == [])
  }
}
