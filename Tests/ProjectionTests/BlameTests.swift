import Foundation
import Journal
import Projection
import TestKit
import Testing

/// Histories of one journal with everything that can happen to a record, made without a server: what
/// a feed and a push would append is appended by hand.
struct MadeHistory {
  let store: Store
  var random: SeededRandom
  private var version: UInt64 = 0
  private var sent: [SequenceNumber] = []

  init(_ store: Store, seed: UInt64) async throws {
    self.store = store
    random = SeededRandom(seed: seed)
    let declaration = try RemoteDeclaration(name: "s", kind: "journal", url: "http://localhost")
    let declared = try Draft(.declared, body: declaration.body())
    try await store.journal.transact { _ = try $0.append(declared) }
  }

  private static let names = ["a", "b", "c"]

  private mutating func fields() -> Fields {
    var fields = Fields()
    for name in Self.names where random.next() % 2 == 0 {
      fields[name] = .integer(Int64(random.next() % 3))
    }
    return fields
  }

  mutating func step() async throws {
    let key = "r\(random.next() % 3)"
    let exists = try store.get("c", key) != nil
    let actor = "p\(random.next() % 3)"
    switch random.next() % 12 {
    case 0..<3 where exists:
      let (set, unset) = (fields(), Self.names.randomElement(using: &random) ?? "a")
      try await store.write(by: actor) { tx in
        try tx.update("c", key, set: set, unset: set[unset] == nil ? [unset] : [])
      }
    case 0..<3:
      let fields = fields()
      try await store.write(by: actor) { try $0.create("c", key, fields) }
    case 3:
      let fields = fields()
      try await store.write(by: actor) { try $0.put("c", key, fields) }
    case 4 where exists:
      try await store.write(by: actor) { try $0.delete("c", key) }
    case 5..<8: try await remoteChange(key)
    case 8, 9: try await send()
    default: try await answer()
    }
  }

  private mutating func remoteChange(_ key: String) async throws {
    version += 1
    var body = BodyBuilder()
    var writer = CBORWriter()
    try writer.fields(fields())
    body.add(.collection, text: "c")
    body.add(.key, text: key)
    let isDeleted = random.next() % 5 == 0
    if !isDeleted { body.add(.fields, raw: writer.bytes) }
    body.add(.remote, text: "s")
    body.add(.epoch, text: "e")
    body.add(.version, version: ServerVersion(timestamp: version, tieBreak: 0))
    body.add(.born, version: ServerVersion(timestamp: 1, tieBreak: 0))
    body.add(.state, unsigned: isDeleted ? 1 : 0)
    if random.next() % 2 == 0 {
      body.add(.originID, data: [UInt8](repeating: UInt8(version & 0x7F), count: 16))
    }
    let draft = try Draft(.remoteChange, body: body.finish())
    try await store.journal.transact { _ = try $0.append(draft) }
  }

  private mutating func send() async throws {
    let pending = try store.journal.read { reader in
      var pending: [SequenceNumber] = []
      try reader.scanEdits { sequence, state in
        if state.delivery == .pending { pending.append(sequence) }
        return true
      }
      return pending
    }
    guard !pending.isEmpty, sent.isEmpty else { return }
    var body = BodyBuilder()
    body.add(.remote, text: "s")
    body.add(.entries) { $0.ranges(pending) }
    let draft = try Draft(.sent, body: body.finish())
    try await store.journal.transact { _ = try $0.append(draft) }
    sent = pending
  }

  private mutating func answer() async throws {
    guard !sent.isEmpty else { return }
    let segment = try store.journal.lastSequenceOf(.sent)
    let isRefused = random.next() % 3 == 0
    let edits = sent
    sent = []
    if isRefused {
      var body = BodyBuilder()
      body.add(.remote, text: "s")
      body.add(.sent, unsigned: segment)
      body.add(.refusals) { writer in
        writer.array(count: edits.count)
        for edit in edits {
          writer.array(count: 3)
          writer.unsigned(edit)
          writer.text("tooLarge")
          writer.text("no")
        }
      }
      let draft = try Draft(.refused, body: body.finish())
      return try await store.journal.transact { _ = try $0.append(draft) }
    }
    version += 1
    let answered = ServerVersion(timestamp: version, tieBreak: 0)
    var body = BodyBuilder()
    body.add(.remote, text: "s")
    body.add(.sent, unsigned: segment)
    body.add(.results) { writer in
      writer.array(count: edits.count)
      for edit in edits {
        writer.array(count: 4)
        writer.unsigned(edit)
        writer.unsigned(answered.timestamp)
        writer.unsigned(answered.tieBreak)
        writer.unsigned(0)
      }
    }
    let draft = try Draft(.accepted, body: body.finish())
    try await store.journal.transact { _ = try $0.append(draft) }
    guard random.next() % 2 == 0 else { return }
    var cursor = BodyBuilder()
    cursor.add(.remote, text: "s")
    cursor.add(.epoch, text: "e")
    cursor.add(.cursor, text: "c\(version)")
    cursor.add(.through, version: answered)
    let moved = try Draft(.cursor, body: cursor.finish())
    try await store.journal.transact { _ = try $0.append(moved) }
  }
}

extension Journal {
  fileprivate func lastSequenceOf(_ kind: EntryKind) throws -> SequenceNumber {
    try read { reader in
      var last: SequenceNumber = 0
      try reader.scanEntries(from: 1) { entry in
        if entry.header.kind == kind { last = entry.sequence }
        return true
      }
      return last
    }
  }
}

extension StoredEntry {
  fileprivate var sequence: SequenceNumber { header.sequence }
}

@Suite struct `Blame and history` {
  private static let keys = ["r0", "r1", "r2"]

  /// The visible fields of every record after every entry, folded from the start each time.
  private func states(_ store: Store) throws -> [[String: Fields]] {
    try (0...store.journal.lastSequence).map { sequence in
      try store.read(at: .sequence(sequence)) { snapshot in
        var states: [String: Fields] = [:]
        for key in Self.keys { states[key] = try snapshot.get("c", key) }
        return states
      }
    }
  }

  /// Whether the entry itself says that the field has this value.
  private func holds(_ entry: Entry, _ name: String, _ value: Value) -> Bool {
    for member in ["fields", "set"] {
      if case .object(let fields) = entry.members[member], fields[name] == value { return true }
    }
    return false
  }

  /// Against the fold of every prefix, which knows nothing of how blame is found: the value is visible
  /// without a break since the entry that is said, and not before; and the entry that is blamed says
  /// so itself.
  @Test(arguments: 0..<24)
  func `agree with the fold of every moment`(round: Int) async throws {
    let seed = testSeed(or: 4_000) &+ UInt64(round)
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop", isLocal: false)
    defer { store.close() }
    var made = try await MadeHistory(store, seed: seed)
    for _ in 0..<45 { try await made.step() }
    #expect(try store.problems() == [], "seed \(seed)")
    let states = try states(store)
    for moment in [states.count - 1, states.count / 2] {
      for key in Self.keys {
        let blame = try store.blame("c", key, at: .sequence(UInt64(moment)))
        let place = "seed \(seed), \(key) at \(moment)"
        #expect((blame == nil) == (states[moment][key] == nil), "\(place)")
        guard let blame, let fields = states[moment][key] else { continue }
        #expect(blame.fields.map(\.name) == fields.names, "\(place)")
        for field in blame.fields {
          #expect(fields[field.name] == field.value, "\(place)")
          let entry = try #require(field.cause.entry, "\(place)")
          #expect(holds(entry.entry, field.name, field.value), "\(place).\(field.name)")
          let since = try #require(entry.since, "\(place)")
          #expect(entry.sequence <= since, "\(place)")
          for sequence in Int(since)...moment {
            #expect(states[sequence][key]?[field.name] == field.value, "\(place).\(field.name)")
          }
          #expect(
            states[Int(since) - 1][key]?[field.name] != field.value, "\(place).\(field.name)")
        }
        let since = try #require(blame.existence.entry?.since, "\(place)")
        #expect(states[Int(since) - 1][key] == nil, "\(place)")
        #expect(states[Int(since)...moment].allSatisfy { $0[key] != nil }, "\(place)")
      }
    }
    try checkHistory(store, states, "seed \(seed)")
  }

  /// Each event leads from the state before it to the one after, and none that changed something is
  /// left out.
  private func checkHistory(_ store: Store, _ states: [[String: Fields]], _ place: String) throws {
    for key in Self.keys {
      let history = try store.history(of: "c", key)
      #expect(history.earlier == nil)
      var told: Set<SequenceNumber> = []
      for event in history.events {
        told.insert(event.sequence)
        #expect(event.before == states[Int(event.sequence) - 1][key], "\(place) \(key)")
        #expect(event.after == states[Int(event.sequence)][key], "\(place) \(key)")
        for change in event.changes {
          #expect(event.before?[change.name] == change.before)
          #expect(event.after?[change.name] == change.after)
          #expect(change.before != change.after)
        }
      }
      let about = try store.read { try $0.entries(about: "c", key) }.map(\.sequence)
      #expect(told.isSuperset(of: about), "\(place) \(key)")
      for sequence in 1..<states.count where states[sequence][key] != states[sequence - 1][key] {
        #expect(told.contains(UInt64(sequence)), "\(place) \(key)")
      }
    }
  }

  @Test func `name who, when and why, and what each field was`() async throws {
    let scratch = try Scratch()
    let clock = ManualClock()
    let store = try Store.create(
      at: scratch("j"), label: "laptop", configuration: clock.configuration)
    defer { store.close() }
    try await store.write(by: "mia", because: "shopping") {
      try $0.create("notes", "n1", ["title": "Milk", "done": false])
    }
    clock.advance(by: 5_000)
    try await store.write(by: "tom") { try $0.update("notes", "n1", set: ["done": true]) }
    try await store.write(by: "ann") { try $0.update("notes", "n1", set: ["done": true]) }
    let events = try store.history(of: "notes", "n1").events
    #expect(events.map(\.actor) == ["mia", "tom", "ann"])
    #expect(events[0].reason == "shopping")
    #expect(
      events[0].changes == [
        FieldChange(name: "done", before: nil, after: false),
        FieldChange(name: "title", before: nil, after: "Milk"),
      ])
    #expect(events[1].changes == [FieldChange(name: "done", before: false, after: true)])
    #expect(events[1].time.milliseconds == events[0].time.milliseconds + 5_000)
    #expect(events[2].changes == [])
    let blame = try #require(try store.blame("notes", "n1"))
    #expect(blame["done"]?.entry?.actor == "tom")
    #expect(blame["title"]?.entry?.actor == "mia")
    #expect(blame.existence.entry?.sequence == 2)
    #expect(try store.blame("notes", "n1", at: .sequence(2))?["done"]?.entry?.actor == "mia")
    #expect(try store.blame("notes", "nobody") == nil)
    #expect(try store.problems() == [])
  }

  struct Note: Record, Equatable {
    static let schema = Schema<Note>("notes")
    var id: RecordID<Note>
    var title: String
    var due: Date?
  }

  @Test func `show a record of a type as it was`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop", records: [Note.self])
    defer { store.close() }
    let first = Note(id: "n1", title: "Milk", due: Date(timeIntervalSince1970: 86_400.25))
    try await store.write(by: "mia") { try $0.create(first) }
    try await store.write(by: "tom") { try $0.update(Note.self, "n1") { $0.title = "Bread" } }
    try await store.write { try $0.delete(Note.self, "n1") }
    let history = try store.history(of: Note.self, "n1")
    #expect(history.map(\.before?.title) == [nil, "Milk", "Bread"])
    #expect(history.map(\.after?.title) == ["Milk", "Bread", nil])
    #expect(history[0].after == first)
    #expect(history[1].event.changes.map(\.name) == ["title"])
    #expect(try store.fetch(Note.self, "n1", at: .sequence(2)) == first)
    #expect(try store.fetch(Note.self, "n1") == nil)
    #expect(try store.fetch(Note.where(\.title == "Bread"), at: .sequence(3)).count == 1)
    #expect(try store.count(Request<Note>(), at: .sequence(1)) == 0)
  }

  @Test func `say what lies below the horizon, and in which archive`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop", isLocal: true)
    defer { store.close() }
    try await store.write(by: "mia") { try $0.create("c", "r", ["a": 1, "b": 1]) }
    try await store.write(by: "tom") { try $0.update("c", "r", set: ["a": 2]) }
    let report = try await store.compact(archive: scratch("old.pack"))
    try await store.write(by: "ann") { try $0.update("c", "r", set: ["b": 3, "a": 2]) }
    let blame = try #require(try store.blame("c", "r"))
    #expect(blame["b"]?.entry?.actor == "ann")
    guard case .belowHorizon(let past) = try #require(blame["a"]) else {
      Issue.record("the value of `a` was given before the horizon")
      return
    }
    #expect(past.through + 1 == report.horizon)
    #expect(past.archive == scratch("old.pack"))
    #expect(blame.existence.entry == nil)
    let history = try store.history(of: "c", "r")
    #expect(history.earlier == past)
    #expect(history.events.map(\.actor) == ["ann"])
    #expect(history.events[0].before == ["a": 2, "b": 1])
    #expect { try store.blame("c", "r", at: .sequence(1)) } throws: {
      ($0 as? JournalError)?.code == "below-horizon"
    }
    // The archive knows.
    let pack = try JournalReader(PackReader(path: scratch("old.pack")))
    let earlier = try Blame.of("c", "r", in: pack, through: pack.head.lastSequence)
    #expect(earlier?["a"]?.entry?.actor == "tom")
    #expect(earlier?["b"]?.entry?.actor == "mia")
  }

  /// A server shows an edit of ours back while others of the record are still open; one that lay over it
  /// is refused.
  @Test func `blame the edit made here for what the server shows back`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    _ = try await MadeHistory(store, seed: 0)
    func append(_ kind: EntryKind, _ make: (inout BodyBuilder) throws -> Void) async throws {
      var body = BodyBuilder()
      try make(&body)
      let draft = try Draft(kind, body: body.finish())
      try await store.journal.transact { _ = try $0.append(draft) }
    }
    func send(_ edit: SequenceNumber) async throws -> SequenceNumber {
      try await append(.sent) { body in
        body.add(.remote, text: "s")
        body.add(.entries) { $0.ranges([edit]) }
      }
      return try store.journal.read { $0.head.lastSequence }
    }
    let version = ServerVersion(timestamp: 1, tieBreak: 0)
    let mine = try await store.write(by: "mia") { try $0.create("c", "r", ["a": 1]) }
    let sent = try await send(mine.sequences[0])
    try await append(.accepted) { body in
      body.add(.remote, text: "s")
      body.add(.sent, unsigned: sent)
      body.add(.results) { writer in
        writer.array(count: 1)
        writer.array(count: 4)
        for number in [mine.sequences[0], 1, 0, 0] { writer.unsigned(number) }
      }
    }
    try await store.write(by: "tom") { try $0.update("c", "r", set: ["b": 2]) }
    try await append(.remoteChange) { body in
      body.add(.collection, text: "c")
      body.add(.key, text: "r")
      body.add(.fields, raw: [0xA1, 0x61, 0x61, 0x01])
      body.add(.remote, text: "s")
      body.add(.epoch, text: "e")
      body.add(.version, version: version)
      body.add(.born, version: version)
      body.add(.state, unsigned: 0)
    }
    let over = try await store.write(by: "ann") { try $0.update("c", "r", set: ["a": 5]) }
    #expect(try store.blame("c", "r")?["a"]?.entry?.actor == "ann")
    let again = try await send(over.sequences[0])
    try await append(.refused) { body in
      body.add(.remote, text: "s")
      body.add(.sent, unsigned: again)
      body.add(.refusals) { writer in
        writer.array(count: 1)
        writer.array(count: 3)
        writer.unsigned(over.sequences[0])
        writer.text("tooLarge")
        writer.text("no")
      }
    }
    #expect(try store.get("c", "r") == ["a": 1, "b": 2])
    let blame = try #require(try store.blame("c", "r"))
    #expect(blame["a"]?.entry?.actor == "mia")
    #expect(blame["a"]?.entry?.since == (try store.journal.lastSequence))
    #expect(blame["b"]?.entry?.actor == "tom")
    let refusal = try #require(try store.history(of: "c", "r").events.last)
    #expect(refusal.kind == .refused)
    #expect(refusal.changes == [FieldChange(name: "a", before: 5, after: 1)])
    #expect(try store.problems() == [])
  }

  @Test func `know nothing of what was erased`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    try await store.write(by: "mia") { try $0.create("c", "r", ["a": 1]) }
    try await store.erase("c", "r", because: "asked to")
    #expect(try store.blame("c", "r") == nil)
    #expect(try store.blame("c", "r", at: .sequence(2)) == nil)
    #expect(try store.history(of: "c", "r").events.isEmpty)
    try await store.write(by: "tom") { try $0.create("c", "r", ["a": 1]) }
    #expect(try store.blame("c", "r")?["a"]?.entry?.actor == "tom")
    #expect(try store.history(of: "c", "r").events.map(\.actor) == ["tom"])
    #expect(try store.diff(from: .sequence(1), to: .sequence(2)).isEmpty)
    #expect(try store.problems() == [])
  }

  @Test func `blame an open edit below the horizon, which is still held`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    try await store.write(by: "mia") { try $0.create("c", "r", ["a": 1]) }
    _ = try await store.compact()
    try await store.write(by: "tom") { try $0.update("c", "r", set: ["b": 1]) }
    let blame = try #require(try store.blame("c", "r"))
    #expect(blame["a"]?.entry?.actor == "mia")
    #expect(blame["b"]?.entry?.actor == "tom")
  }
}

@Suite struct `A difference between two moments` {
  @Test(arguments: 0..<8)
  func `is that of the two states, either way round`(round: Int) async throws {
    let seed = testSeed(or: 5_000) &+ UInt64(round)
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    var made = try await MadeHistory(store, seed: seed)
    for _ in 0..<40 { try await made.step() }
    if round % 2 == 1 { _ = try await store.saveState(at: .sequence(20)) }
    let last = try store.journal.lastSequence
    func state(_ sequence: SequenceNumber) throws -> [String: Fields] {
      try store.read(at: .sequence(sequence)) { snapshot in
        var state: [String: Fields] = [:]
        for key in ["r0", "r1", "r2"] { state[key] = try snapshot.get("c", key) }
        return state
      }
    }
    for _ in 0..<12 {
      let (from, to) = (made.random.next() % (last + 1), made.random.next() % (last + 1))
      let (old, new) = (try state(from), try state(to))
      let differences = try store.diff(from: .sequence(from), to: .sequence(to))
      let place = "seed \(seed), \(from) to \(to)"
      #expect(differences.map(\.key) == differences.map(\.key).sorted(), "\(place)")
      let changed = ["r0", "r1", "r2"].filter { old[$0] != new[$0] }
      #expect(differences.map(\.key) == changed, "\(place)")
      for difference in differences {
        var fields = old[difference.key] ?? [:]
        for field in difference.fields {
          #expect(fields[field.name] == field.before, "\(place)")
          fields[field.name] = field.after
        }
        #expect(fields == new[difference.key] ?? [:], "\(place)")
        let kind: RecordDifference.Kind =
          old[difference.key] == nil ? .created : new[difference.key] == nil ? .deleted : .changed
        #expect(difference.kind == kind, "\(place)")
      }
    }
  }

  @Test func `can be asked of one collection and by date`() async throws {
    let scratch = try Scratch()
    let clock = ManualClock(1_700_000_000_123)
    let store = try Store.create(
      at: scratch("j"), label: "laptop", configuration: clock.configuration)
    defer { store.close() }
    try await store.write { try $0.create("a", "1", ["n": 1]) }
    clock.advance(by: 1)
    try await store.write { tx in
      try tx.update("a", "1", set: ["n": 2])
      try tx.create("b", "1", [:])
    }
    let then = Date(timeIntervalSince1970: 1_700_000_000.123)
    #expect(try store.get("a", "1", at: .date(then)) == ["n": 1])
    #expect(try store.get("a", "1", at: .date(then.addingTimeInterval(0.001))) == ["n": 2])
    #expect(try store.get("a", "1", at: .date(.distantPast)) == nil)
    #expect(try store.get("a", "1", at: .date(.distantFuture)) == ["n": 2])
    let inA = try store.diff(from: .date(then), in: "a")
    #expect(
      inA == [
        RecordDifference(
          collection: "a", key: "1", kind: .changed,
          fields: [FieldChange(name: "n", before: 1, after: 2)])
      ])
    #expect(try store.diff(from: .date(then)).map(\.collection) == ["a", "b"])
    #expect(try store.diff(from: .date(then), to: .date(then)) == [])
    #expect(throws: JournalError.self) { try store.diff(from: .sequence(0), to: .sequence(99)) }
  }
}
