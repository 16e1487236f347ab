import Foundation
import Projection
import TestKit
import Testing

@testable import Journal

@Suite struct `A change of keys` {
  let scratch: Scratch
  let keys = Keys()

  init() throws {
    scratch = try Scratch()
  }

  /// A journal of some edits, partly trimmed, so that every table has rows.
  private func fill(_ configuration: Journal.Configuration, edits: Int = 40) async throws -> Store {
    let store = try Store.create(
      at: scratch("j"), label: "laptop", isLocal: true, configuration: configuration)
    var random = SeededRandom(seed: testSeed(or: 5))
    for _ in 0..<edits { try await random.edit(store) }
    _ = try await store.compact(keeping: .newest(UInt64(edits) / 2))
    for _ in 0..<5 { try await random.edit(store) }
    return store
  }

  @Test func `leaves root, checkpoint and every answer as they were`() async throws {
    let store = try await fill(keys.configuration(1))
    defer { store.close() }
    let (picture, checkpoint) = (try store.picture(), try store.journal.checkpoint())
    let headers = try entries(store).map(\.header)
    let bodies = try entries(store).map(\.body)
    let rows = try await store.journal.rekey(to: keys.encryption(2, also: 1))
    #expect(rows > 30)
    #expect(try store.journal.encryptionKeyIDs == [2])
    #expect(try store.picture() == picture)
    #expect(try store.journal.checkpoint() == checkpoint)
    #expect(try entries(store).map(\.header) == headers)
    #expect(try entries(store).map(\.body) == bodies)
    #expect(try store.verify().problems == [])
    #expect(try await store.journal.rekey(to: keys.encryption(2)) == 0)
  }

  private func entries(_ store: Store) throws -> [StoredEntry] {
    try store.journal.read { reader in
      var entries: [StoredEntry] = []
      try reader.scanEntries(from: 1) { entry in
        entries.append(entry)
        return true
      }
      return entries
    }
  }

  @Test func `makes the old key useless and the new one enough`() async throws {
    let store = try await fill(keys.configuration(1))
    let picture = try store.picture()
    try await store.journal.rekey(to: keys.encryption(2))
    store.close()
    #expect(
      code { try Store.open(at: scratch("j"), configuration: keys.configuration(1)) }
        == "key-missing")
    let again = try Store.open(at: scratch("j"), configuration: keys.configuration(2))
    defer { again.close() }
    #expect(try again.picture() == picture)
    #expect(try again.verify().problems == [])
    let underOld = try storedKeyIDs(again)
    #expect(underOld == [2])
  }

  /// The key ids under which rows lie, as they are stored.
  private func storedKeyIDs(_ store: Store) throws -> Set<UInt32> {
    let pages = try PagedReader.open(directory: store.journal.path)
    var ids: Set<UInt32> = []
    for table in Table.allCases {
      try pages.scan(table, from: nil) { key, stored in
        if let id = RowCipher.keyID(table, key, stored) { ids.insert(id) }
        return true
      }
    }
    return ids
  }

  @Test func `encrypts a plain journal, and takes the encryption off again`() async throws {
    let plain = try await fill(.init())
    let (picture, checkpoint) = (try plain.picture(), try plain.journal.checkpoint())
    let secret = try await plain.journal.transact { try $0.secret }
    #expect(try plain.journal.encryptionKeyIDs == [0])
    try await plain.journal.rekey(to: keys.encryption(1))
    #expect(try plain.picture() == picture)
    #expect(try storedKeyIDs(plain) == [1])
    plain.close()
    #expect(code { try Store.open(at: scratch("j")) } == "key-missing")
    let sealed = try Store.open(at: scratch("j"), configuration: keys.configuration(1))
    #expect(try sealed.picture() == picture)
    #expect(try sealed.verify().problems == [])
    #expect(try await sealed.journal.transact { try $0.secret } == secret)
    try await sealed.write { try $0.put("c", "z", ["n": 1]) }
    try await sealed.journal.rekey(to: nil)
    #expect(try sealed.journal.encryptionKeyIDs == [0])
    sealed.close()
    let again = try Store.open(at: scratch("j"))
    defer { again.close() }
    #expect(try storedKeyIDs(again) == [0])
    #expect(try again.picture() == picture + "c/z {\"n\":1}\n")
    #expect(try again.journal.checkpoint() != checkpoint)
    #expect(try again.verify().problems == [])
    #expect(try await again.journal.transact { try $0.secret } == secret)
    #expect(try again.journal.read { try $0.meta(MetaKey.encryption) } == nil)
  }

  @Test func `is refused for an id that names another key, and without a key`() async throws {
    let store = try await fill(keys.configuration(1), edits: 4)
    defer { store.close() }
    let picture = try store.picture()
    let same = Journal.Encryption(keyID: 1) { _ in keys.keys[2] }
    #expect(await asyncCode { try await store.journal.rekey(to: same) } == "wrong-key")
    let none = Journal.Encryption(keyID: 2) { _ in nil }
    #expect(await asyncCode { try await store.journal.rekey(to: none) } == "key-missing")
    #expect(try store.journal.encryptionKeyIDs == [1])
    #expect(try store.picture() == picture)
  }

  @Test func `stops at a row that was tampered with, and names it`() async throws {
    try await fill(keys.configuration(1), edits: 4).close()
    try tamper(scratch("j")) { transaction in
      var row = try #require(try transaction.value(.entries, sequence: 5))
      row[row.count - 1] ^= 1
      try transaction.put(.entries, sequence: 5, payload: row)
    }
    let store = try Store.open(at: scratch("j"), configuration: keys.configuration(1))
    defer { store.close() }
    let error = await #expect(throws: JournalError.self) {
      try await store.journal.rekey(to: keys.encryption(2))
    }
    #expect(error?.description.contains("entry 5") == true)
  }

  /// What a process that ends in the middle leaves behind: the first transactions of a change.
  private func begin(
    _ store: Store, to target: Journal.Encryption?, steps: Int
  ) async throws {
    if let target { store.journal.keys.add(target) }
    try await store.journal.transact { try Rekey.begin($0, to: target) }
    for _ in 0..<steps { _ = try await store.journal.transact { try Rekey.step($0) } }
  }

  @Test func `cut short is readable by both keys, and finished by calling it again`() async throws {
    let store = try Store.create(
      at: scratch("j"), label: "laptop", configuration: keys.configuration(1))
    for batch in 0..<5 {
      try await store.write { tx in
        for number in 0..<400 {
          try tx.put("c", "k\(batch)-\(number)", ["n": .integer(Int64(number))])
        }
      }
    }
    let picture = try store.picture()
    try await begin(store, to: keys.encryption(2), steps: 1)
    #expect(try store.journal.encryptionKeyIDs == [1, 2])
    #expect(try storedKeyIDs(store) == [1, 2])
    store.close()
    for configuration in [keys.configuration(1), keys.configuration(2)] {
      #expect(
        code { try Store.open(at: scratch("j"), configuration: configuration) } == "key-missing")
    }
    let again = try Store.open(at: scratch("j"), configuration: keys.configuration(2, also: 1))
    defer { again.close() }
    #expect(try again.picture() == picture)
    #expect(try again.verify().problems == [])
    try await again.write { try $0.put("c", "z", ["n": 1]) }
    let written = try again.journal.read { reader in
      try #require(try reader.entry(reader.head.lastSequence))
    }
    #expect(try written.plainBody.count > 0)
    let rows = try await again.journal.rekey(to: keys.encryption(2))
    #expect(rows > 0 && rows < 4_002)
    #expect(try again.journal.encryptionKeyIDs == [2])
    #expect(try storedKeyIDs(again) == [2])
    #expect(try again.picture() == picture + "c/z {\"n\":1}\n")
    #expect(try again.verify().problems == [])
  }

  @Test(arguments: 1...6 as ClosedRange<UInt64>)
  func `at any moment among edits, trims and reopenings changes nothing`(
    standard: UInt64
  ) async throws {
    let seed = testSeed(or: standard)
    var random = SeededRandom(seed: seed)
    let all = Journal.Encryption(keyID: 1) { [keys] in $0 < 4 ? keys.keys[Int($0)] : nil }
    func target(_ id: UInt32) -> Journal.Encryption? {
      var encryption = all
      encryption.keyID = id
      return id == 0 ? nil : encryption
    }
    let twin = try Store.create(at: scratch("twin"), label: "a", isLocal: true)
    defer { twin.close() }
    var store = try Store.create(at: scratch("j"), label: "b", isLocal: true)
    for _ in 0..<60 {
      switch Int.random(in: 0..<10, using: &random) {
      case 0:
        try await begin(
          store, to: target(UInt32.random(in: 0..<4, using: &random)),
          steps: Int.random(in: 0..<2, using: &random))
      case 1:
        try await store.journal.rekey(to: target(UInt32.random(in: 0..<4, using: &random)))
      case 2:
        let isSealed = try store.journal.read { $0.identity.isSealed }
        store.close()
        store = try Store.open(
          at: scratch("j"), configuration: .init(encryption: isSealed ? all : nil))
      case 3:
        let retention = TrimRetention.newest(UInt64.random(in: 0..<20, using: &random))
        _ = try await (store.compact(keeping: retention), twin.compact(keeping: retention))
      default:
        var same = random
        try await same.edit(store)
        try await random.edit(twin)
      }
      #expect(try store.picture() == twin.picture(), "seed \(seed)")
    }
    defer { store.close() }
    #expect(try store.verify().problems == [], "seed \(seed)")
    #expect(try store.journal.lastSequence == twin.journal.lastSequence, "seed \(seed)")
    try await store.journal.rekey(to: target(3))
    #expect(try storedKeyIDs(store) == [3], "seed \(seed)")
    #expect(try store.verify().problems == [], "seed \(seed)")
  }
}
