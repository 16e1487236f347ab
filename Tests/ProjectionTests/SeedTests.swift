import Foundation
import Journal
import Projection
import TestKit
import Testing

@Suite struct `A store from a seed` {
  private let scratch: Scratch

  init() throws {
    scratch = try Scratch()
  }

  /// A pack of a journal with some fighters; `edits` more make it long.
  private func seed(
    isLocal: Bool = true, edits: Int = 0, isTrimmed: Bool = false,
    configuration: Journal.Configuration = .init()
  ) async throws -> String {
    let author = try Store.create(
      at: scratch("author"), label: "author", isLocal: isLocal, configuration: configuration)
    defer { author.close() }
    try await author.write { tx in
      try tx.create("fighters", "tony", ["color": "blue"])
      try tx.create("fighters", "chris", ["color": "red"])
    }
    for number in 0..<edits {
      try await author.write { try $0.put("n", "\(number % 7)", ["n": .integer(Int64(number))]) }
    }
    if isTrimmed { _ = try await author.compact(keeping: .newest(20)) }
    let path = scratch("seed.pack")
    try author.journal.read { reader in
      let checkpoint = try Journal.checkpoint(of: reader, path: author.journal.path)
      _ = try reader.pack(to: path, checkpoint: checkpoint)
    }
    return path
  }

  private func install(
    _ seed: String, _ name: String = "j", configuration: Journal.Configuration = .init()
  ) throws -> Store {
    try Store.install(seed: seed, at: scratch(name), label: name, configuration: configuration)
  }

  @Test func `S-AL-14 is installed once, keeps what is added, and is migrated once`() async throws {
    let seed = try await seed()
    let migrations = try Migrations(
      Migration("20130118") { tx in
        for number in 1...5 {
          try tx.insert("fighters", ["name": .string("Migration \(number)")])
        }
      })
    for round in 1...2 {
      let store = try install(seed)
      #expect(try await store.migrate(migrations).applied == (round == 1 ? ["20130118"] : []))
      if round == 1 {
        try await store.write { try $0.create("fighters", "mine", ["color": "green"]) }
      }
      let fighters = try store.read { try $0.query(Query("fighters")) }
      #expect(fighters.count == 8)
      let names = fighters.compactMap { $0.fields["name"] }
      #expect(Set(names) == Set((1...5).map { .string("Migration \($0)") }))
      #expect(try store.read { try $0.get("fighters", "tony") } == ["color": "blue"])
      #expect(try store.read { try $0.get("fighters", "mine") } == ["color": "green"])
      #expect(try store.problems() == [])
      store.close()
      // The seed is not needed any more.
      if round == 1 { try FileManager.default.removeItem(atPath: seed) }
    }
  }

  @Test func `S-AL-14 is refused when the seed is missing or damaged, and nothing is left`()
    async throws
  {
    let seed = try await seed(edits: 30)
    let whole = try Data(contentsOf: URL(fileURLWithPath: seed))
    let before = try FileManager.default.contentsOfDirectory(atPath: scratch.path).sorted()
    func refused(_ path: String) throws -> String? {
      let error = #expect(throws: JournalError.self) { try install(path) }
      let after = try FileManager.default.contentsOfDirectory(atPath: scratch.path)
      #expect(after.filter { $0 != "bad.pack" }.sorted() == before)
      return error?.code
    }
    #expect(try refused(scratch("missing.pack")) == "cannot-open")
    let bad = scratch("bad.pack")
    var random = SeededRandom(seed: testSeed(or: 14))
    for _ in 0..<60 {
      var bytes = whole
      let place = Int.random(in: 0..<bytes.count, using: &random)
      bytes[place] ^= UInt8.random(in: 1...255, using: &random)
      try bytes.write(to: URL(fileURLWithPath: bad))
      let code = try refused(bad)
      #expect(["damaged", "cannot-open", "unsupported"].contains(code), "byte \(place)")
    }
    try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: bad))
    #expect(try refused(bad) == "damaged")
    let store = try install(seed)
    defer { store.close() }
    #expect(try store.problems() == [])
  }

  @Test(arguments: [false, true])
  func `is another device in each copy, with the same past`(isTrimmed: Bool) async throws {
    let seed = try await seed(isLocal: false, edits: 600, isTrimmed: isTrimmed)
    let (one, other) = (try install(seed, "one"), try install(seed, "other"))
    defer {
      one.close()
      other.close()
    }
    let author = try JournalReader(PackReader(path: seed))
    #expect(try one.journal.device != other.journal.device)
    #expect(try one.journal.device != author.identity.current.id)
    for store in [one, other] {
      #expect(try store.problems() == [])
      #expect(try store.journal.lastSequence == author.head.lastSequence + 1)
      let moment = author.head.lastSequence
      #expect(try store.picture(at: .sequence(moment)) == store.picture())
      let root = try store.journal.read { try JournalTree($0).root(size: moment) }
      #expect(root == author.head.frontier.root)
      // Never sent anywhere: pending in the seed, pending in the copy.
      #expect(try store.journal.read { try $0.counts().pending } == 602)
      try await store.write { try $0.put("n", "0", ["n": "mine"]) }
      _ = try await store.compact()
      try await store.rebuild()
      #expect(try store.problems() == [])
    }
    let secrets = try [one, other].map { try $0.journal.read { $0.identity.secret } }
    #expect(secrets[0] != secrets[1] && Set(secrets[0]).count > 1)
  }

  @Test func `is settled where the seed is`() async throws {
    let store = try install(try await seed(edits: 5))
    defer { store.close() }
    let counts = try store.journal.read { try $0.counts() }
    #expect(counts.pending == 0 && counts.local == 7)
    #expect(try store.problems() == [])
  }

  @Test func `is encrypted when a key is given, whether the seed is or not`() async throws {
    let keys = Keys()
    let plain = try await seed(edits: 10)
    let sealed = try install(plain, "sealed", configuration: keys.configuration(1))
    #expect(try sealed.verify().problems == [])
    try await sealed.write { try $0.put("n", "0", ["n": "mine"]) }
    sealed.close()
    let file = try dataFile(scratch("sealed"))
    #expect(file.range(of: Data("color".utf8)) == nil)
    #expect(
      code { try Store.open(at: scratch("sealed")).read { try $0.get("n", "0") } } == "key-missing")

    try FileManager.default.removeItem(atPath: scratch("author"))
    try FileManager.default.removeItem(atPath: plain)
    let secret = try await seed(edits: 10, configuration: keys.configuration(1))
    #expect(code { try install(secret, "without") } == "key-missing")
    let copy = try install(secret, "copy", configuration: keys.configuration(1))
    defer { copy.close() }
    #expect(try copy.read { try $0.get("fighters", "tony") } == ["color": "blue"])
    #expect(try copy.verify().problems == [])
  }

  @Test func `needs the bodies`() async throws {
    _ = try await seed()
    let author = try Store.open(at: scratch("author"))
    try author.journal.read { reader in
      _ = try reader.pack(to: scratch("redacted.pack"), checkpoint: nil, isRedacted: true)
    }
    author.close()
    #expect(code { try install(scratch("redacted.pack")) } == "unsupported")
  }
}
