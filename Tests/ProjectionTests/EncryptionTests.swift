import Foundation
import Projection
import TestKit
import Testing

@testable import Journal

@Suite struct `An encrypted journal` {
  let scratch: Scratch
  let keys = Keys()

  init() throws {
    scratch = try Scratch()
  }

  private func create(_ name: String = "j", isLocal: Bool = false) throws -> Store {
    try Store.create(
      at: scratch(name), label: "laptop", isLocal: isLocal, configuration: keys.configuration(1))
  }

  @Test(arguments: [true, false])
  func `reads as a plain one does, in every way there is`(isLocal: Bool) async throws {
    let clock = ManualClock()
    var configuration = clock.configuration
    let plain = try Store.create(
      at: scratch("plain"), label: "a", isLocal: isLocal, configuration: configuration)
    configuration.encryption = keys.encryption(1)
    var sealed = try Store.create(
      at: scratch("sealed"), label: "b", isLocal: isLocal, configuration: configuration)
    let seed = testSeed(or: 7)
    var (one, other) = (SeededRandom(seed: seed), SeededRandom(seed: seed))
    for round in 0..<60 {
      clock.advance(by: 1_000)
      try await one.edit(plain)
      try await other.edit(sealed)
      if round == 30 {
        let reports = (
          try await plain.compact(keeping: .newest(10)),
          try await sealed.compact(keeping: .newest(10))
        )
        #expect(reports.0.trimmed == reports.1.trimmed, "seed \(seed)")
        sealed.close()
        sealed = try Store.open(at: scratch("sealed"), configuration: configuration)
      }
    }
    defer {
      plain.close()
      sealed.close()
    }
    #expect(try sealed.picture() == plain.picture(), "seed \(seed)")
    for sequence in try plain.journal.read({ $0.horizon.sequence - 1...$0.head.lastSequence }) {
      #expect(
        try sealed.picture(at: .sequence(sequence)) == plain.picture(at: .sequence(sequence)),
        "seed \(seed)")
    }
    for number in 0..<9 {
      let (left, right) = (
        try plain.read { try $0.entries(about: "c", "r\(number)") },
        try sealed.read { try $0.entries(about: "c", "r\(number)") }
      )
      #expect(left.map(\.members) == right.map(\.members), "seed \(seed)")
    }
    #expect(try sealed.verify().problems == [])
    #expect(try sealed.verify().isContentChecked)
    try await sealed.rebuild()
    #expect(try sealed.picture() == plain.picture(), "seed \(seed)")
    #expect(try sealed.verify().problems == [])
  }

  @Test func `keeps what it is told out of its file`() async throws {
    let store = try create()
    try await store.journal.declare(
      .init(name: "main", kind: "journal", url: "https://needle-url.example"))
    try await store.write(by: "needle-actor", because: "needle-reason") { tx in
      try tx.create("notes", "n1", ["needle-field": "needle-value"])
      try tx.create(
        "notes", "n2", ["large": .string(String(repeating: "needle-large", count: 900))])
    }
    try await store.write { try $0.update("notes", "n1", set: ["more": "needle-update"]) }
    // Beside the log, and gone with the next page that tells something: a server's own words.
    let place = RemoteCursor(
      epoch: "e", cursor: "needle-place", through: ServerVersion(timestamp: 1, tieBreak: 0)
    ).encoded
    try await store.journal.transact { try $0.putMeta(MetaKey.place("main"), place) }
    #expect(try store.journal.read { try $0.meta(MetaKey.place("main")) } == place)
    _ = try await store.compact()
    let secret = try await store.journal.transact { try $0.secret }
    #expect(secret.count == 32)
    store.close()
    let file = try dataFile(scratch("j"))
    #expect(file.range(of: Data("needle".utf8)) == nil)
    #expect(file.range(of: Data(secret)) == nil)
    keys.keys[1].withBytes { #expect(file.range(of: Data($0)) == nil) }
    // What the documentation says stays readable.
    #expect(file.range(of: Data("notes".utf8)) != nil)
    // The same search finds all of it where nothing is encrypted.
    let plain = try Store.create(at: scratch("plain"), label: "laptop")
    try await plain.write(by: "needle-actor") { try $0.create("notes", "n1", ["a": "b"]) }
    plain.close()
    #expect(try dataFile(scratch("plain")).range(of: Data("needle".utf8)) != nil)
  }

  @Test func `is opened by its key only`() async throws {
    let created = try create()
    try await created.write { try $0.create("notes", "n1", ["a": 1]) }
    created.close()
    let path = scratch("j")
    #expect(code { try Store.open(at: path) } == "key-missing")
    #expect(
      code { try Store.open(at: path, configuration: keys.configuration(2)) } == "key-missing")
    let wrong = Journal.Configuration(encryption: Journal.Encryption(keys.keys[2]))
    #expect(code { try Store.open(at: path, configuration: wrong) } == "wrong-key")
    struct Locked: Error {}
    let throwing = Journal.Configuration(
      encryption: Journal.Encryption(keyID: 1) { _ -> EncryptionKey? in throw Locked() })
    #expect(throws: Locked.self) { try Store.open(at: path, configuration: throwing) }
    let store = try Store.open(at: path, configuration: keys.configuration(1))
    defer { store.close() }
    #expect(try store.read { try $0.get("notes", "n1") } == ["a": 1])
    #expect(try store.journal.encryptionKeyIDs == [1])
  }

  @Test func `is not made without a key, and no key opens a plain one`() throws {
    let none = Journal.Configuration(encryption: Journal.Encryption(keyID: 1) { _ in nil })
    #expect(
      code { try Store.create(at: scratch("j"), label: "a", configuration: none) } == "key-missing")
    let zero = Journal.Configuration(
      encryption: Journal.Encryption(keyID: 0) { _ in EncryptionKey() })
    #expect(
      code { try Store.create(at: scratch("j"), label: "a", configuration: zero) }
        == "invalid-input")
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == [])
    try Store.create(at: scratch("j"), label: "a").close()
    #expect(
      code { try Store.open(at: scratch("j"), configuration: keys.configuration(1)) }
        == "not-encrypted")
  }

  @Test func `is verified without its key as far as that goes`() async throws {
    let store = try create()
    var random = SeededRandom(seed: testSeed(or: 3))
    for _ in 0..<30 { try await random.edit(store) }
    _ = try await store.compact(keeping: .newest(5))
    let full = try store.verify()
    store.close()
    let report = try Verifier.verify(directory: scratch("j"), folder: RecordFolder())
    #expect(report.problems == [])
    #expect(!report.isContentChecked && full.isContentChecked)
    #expect(report.root == full.root && report.size == full.size)
    // Headers and proofs can be read, contents cannot.
    let reader = try JournalReader(PagedReader.open(directory: scratch("j")))
    #expect(try JournalTree(reader, usesStoredNodes: false).root(size: full.size) == full.root)
    let last = try #require(try reader.entry(full.size))
    #expect(code { try last.plainBody } == "key-missing")
    #expect(code { try Snapshot(reader).get("c", "r1") } == "key-missing")
    #expect(
      code { try Replay.fold(reader, through: full.size, with: RecordFolder()) } == "key-missing")
  }

  @Test func `finds a damaged entry without its key`() async throws {
    let created = try create()
    try await created.write { try $0.create("notes", "n1", ["a": 1]) }
    created.close()
    try tamper(scratch("j")) { transaction in
      var row = try #require(try transaction.value(.entries, sequence: 2))
      row[20] ^= 1
      try transaction.put(.entries, sequence: 2, payload: row)
    }
    let report = try Verifier.verify(directory: scratch("j"), folder: RecordFolder())
    #expect(!report.problems.isEmpty)
  }

  @Test func `names the entry whose ciphertext was changed`() async throws {
    let store = try create()
    try await store.write { tx in
      for number in 1...3 { try tx.create("notes", "n\(number)", ["n": .integer(Int64(number))]) }
    }
    store.close()
    let path = scratch("j")
    try tamper(path) { transaction in
      var row = try #require(try transaction.value(.entries, sequence: 3))
      row[row.count - 20] ^= 4
      try transaction.put(.entries, sequence: 3, payload: row)
    }
    let again = try Store.open(at: path, configuration: keys.configuration(1))
    defer { again.close() }
    let error = #expect(throws: JournalError.self) { try again.journal.read { try $0.entry(3) } }
    #expect(error?.code == "damaged")
    #expect(error?.description.contains("entry 3") == true)
    #expect(try again.journal.read { try $0.entry(4)?.plainBody } != nil)
    let problems = try again.verify().problems
    #expect(problems.contains { $0.contains("entry 3") })
  }

  @Test func `refuses rows that were exchanged`() async throws {
    let store = try create()
    try await store.write { tx in
      for number in 1...4 { try tx.create("notes", "n\(number)", ["n": .integer(Int64(number))]) }
    }
    store.close()
    let path = scratch("j")
    func exchange(_ table: Table, _ one: [UInt8], _ other: [UInt8], from start: Int) throws {
      try tamper(path) { transaction in
        let left = try #require(try transaction.value(table, one))
        let right = try #require(try transaction.value(table, other))
        try transaction.put(table, key: one, payload: Array(left[..<start] + right[start...]))
        try transaction.put(table, key: other, payload: Array(right[..<start] + left[start...]))
      }
    }
    let (one, two) = (
      try RecordAddress(collection: "notes", key: "n1").rowKey,
      try RecordAddress(collection: "notes", key: "n2").rowKey
    )
    try exchange(.records, one, two, from: 0)
    // Bodies under each other's header, and whole rows.
    try exchange(.entries, UInt64(2).sequenceKey, UInt64(3).sequenceKey, from: 75)
    try exchange(.entries, UInt64(4).sequenceKey, UInt64(5).sequenceKey, from: 0)
    let again = try Store.open(at: path, configuration: keys.configuration(1))
    defer { again.close() }
    for key in ["n1", "n2"] {
      #expect(code { try again.read { try $0.get("notes", key) } } == "damaged")
    }
    for sequence: UInt64 in 2...5 {
      #expect(code { try again.journal.read { try $0.entry(sequence) } } == "damaged")
    }
    #expect(try again.read { try $0.get("notes", "n3") } == ["n": 3])
  }

  @Test func `refuses rows nobody encrypted, and a changed key row`() async throws {
    let store = try create()
    try await store.write { try $0.create("notes", "n1", ["n": 1]) }
    let key = try RecordAddress(collection: "notes", key: "n1").rowKey
    let plain = try store.journal.read { try $0.storage.value(.records, key) }
    let entry = try store.journal.read { try $0.storage.value(.entries, sequence: 2) }
    store.close()
    let path = scratch("j")
    try tamper(path) { transaction in
      try transaction.put(.records, key: key, payload: #require(plain))
      try transaction.put(.entries, sequence: 2, payload: #require(entry))
    }
    let again = try Store.open(at: path, configuration: keys.configuration(1))
    #expect(code { try again.read { try $0.get("notes", "n1") } } == "damaged")
    #expect(code { try again.journal.read { try $0.entry(2) } } == "damaged")
    again.close()
    // Allowing plain rows needs the key.
    try tamper(path) { transaction in
      let row = Array(MetaKey.encryption.utf8)
      var (state, checks) = try #require(try SealingState.read(transaction))
      state.keyIDs = [0, 1]
      let stored = try #require(try transaction.value(.meta, row))
      let forged = try state.encoded(with: [1: BodyCipher(EncryptionKey(), salt: [], purpose: "")])
      let box = checks[0].box
      let place = try #require(Data(forged).range(of: Data([0x58, UInt8(box.count)])))
      try transaction.put(
        .meta, key: row, payload: Array(forged[..<place.upperBound]) + box)
      #expect(try transaction.value(.meta, row) != stored)
    }
    #expect(code { try Store.open(at: path, configuration: keys.configuration(1)) } == "wrong-key")
  }

  @Test func `lends its key to what is stored beside it`() async throws {
    let store = try create()
    defer { store.close() }
    let (id, key) = try store.journal.read { reader in
      try #require(try store.journal.keys.currentKey(of: reader))
    }
    let box = try Array("block".utf8).withUnsafeBytes {
      try BodyCipher(key, salt: [1, 2], purpose: "archive").seal($0, authenticating: [3])
    }
    // Whoever opens it has only the closure, and perhaps several keys.
    let ring = KeyRing(Journal.Encryption(keyID: 1, candidates: { _ in keys.keys }))
    func opened(_ key: EncryptionKey) -> [UInt8]? {
      let cipher = BodyCipher(key, salt: [1, 2], purpose: "archive")
      return box.withUnsafeBytes { cipher.open($0, authenticating: [3]) }
    }
    let found = try ring.key(id) { opened($0) != nil }
    #expect(opened(found) == Array("block".utf8))
    #expect(code { try KeyRing(nil).key(id) { _ in true } } == "key-missing")
    #expect(code { try ring.key(id) { _ in false } } == "wrong-key")
    let plain = try Store.create(at: scratch("plain"), label: "a")
    defer { plain.close() }
    #expect(try plain.journal.read { try store.journal.keys.currentKey(of: $0) } == nil)
  }

  @Test func `answers a repeated entry by comparing its body`() async throws {
    let store = try create()
    defer { store.close() }
    let id = try #require(EntryID("0190a0b0-c0d0-7000-8000-000000000001"))
    func append(_ n: Int64) async throws -> SequenceNumber? {
      var writer = CBORWriter()
      try writer.fields(["n": .integer(n)])
      let edit = EditDraft(id: id)
      let draft = try edit.draft(.put(fields: writer.bytes), collection: "c", key: "k")
      return try await store.journal.transact { try $0.append(draft).sequence }
    }
    #expect(try await append(1) == 2)
    #expect(try await append(1) == 2)
    #expect(await asyncCode { try await append(2) } == "entry-id-reused")
  }
}
