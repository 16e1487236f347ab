import Projection
import TestKit
import Testing

@testable import Journal

@Suite struct `Ids of trimmed edits` {
  private static let seed = testSeed(or: UInt64.random(in: 0..<1_000_000))

  /// The rows of `ids`, by entry id.
  private static func rows(_ store: Store) throws -> [EntryID: [UInt8]] {
    try store.journal.read { reader in
      var rows: [EntryID: [UInt8]] = [:]
      try reader.storage.scan(.ids, from: nil) { key, payload in
        if let id = EntryID(bytes: key) { rows[id] = [UInt8](payload) }
        return true
      }
      return rows
    }
  }

  /// Headers of all held entries whose id is remembered.
  private static func headers(_ store: Store) throws -> [EntryHeader] {
    try store.journal.read { reader in
      var headers: [EntryHeader] = []
      try reader.scanEntries(from: 1) { entry in
        if entry.header.kind.hasRememberedID { headers.append(entry.header) }
        return true
      }
      return headers
    }
  }

  private static let fields: [UInt8] = [0xA1, 0x61, 0x61, 0x01]

  private static func put(_ id: EntryID?, key: String = "r") throws -> Draft {
    try EditDraft(id: id).draft(.put(fields: fields), collection: "c", key: key)
  }

  /// A draft of any kind of edit that goes with the records that are live.
  private static func edit(
    _ id: EntryID?, _ live: inout Set<UInt64>, _ random: inout SeededRandom
  ) throws -> Draft {
    let key = random.next() % 9
    let change: EditDraft.Change
    switch (random.next() % 3, live.contains(key)) {
    case (0, true): change = .update(set: fields, unset: [])
    case (1, true): change = .delete
    case (0, false): change = .create(fields: fields)
    default: change = .put(fields: fields)
    }
    if change.kind == .delete { live.remove(key) } else { live.insert(key) }
    return try EditDraft(id: id).draft(change, collection: "c", key: "r\(key)")
  }

  /// Edits of every kind under ids of every kind, single and in groups, some that a server would
  /// call absorbed, and an erasure.
  private static func fill(
    _ store: Store, _ clock: ManualClock, _ random: inout SeededRandom
  ) async throws {
    var own = EntryIDGenerator(random: { 5 })
    var live: Set<UInt64> = []
    for _ in 0..<150 {
      if random.next() % 2 == 0 { clock.advance(by: Int64(random.next() % 50) - 10) }
      let now = clock.configuration.now().milliseconds
      let drafts = try (0..<(random.next() % 8 == 0 ? 3 : 1)).map { _ in
        let id: EntryID? =
          switch random.next() % 6 {
          case 0: own.next(milliseconds: now)
          case 1: own.next(milliseconds: now - random.next() % 1_000_000)
          case 2: EntryID(high: random.next() & ~0xF000 | 0x4000, low: random.next() >> 2 | 1 << 63)
          case 3: EntryID(high: random.next(), low: random.next())
          default: nil
          }
        var draft = try edit(id, &live, &random)
        if random.next() % 8 == 0 { draft.flags.insert(.absorbed) }
        return draft
      }
      try await store.journal.transact { _ = try $0.appendGroup(drafts) }
    }
    try await store.write { try $0.put("c", "r3", ["n": 1]) }
    _ = try await store.erase("c", "r3", because: "asked for")
  }

  @Test(arguments: 0..<4 as Range<UInt64>)
  func `are remembered in rows of the same length`(round: UInt64) async throws {
    let seed = Self.seed &+ round
    var random = SeededRandom(seed: seed)
    let scratch = try Scratch()
    let clock = ManualClock()
    let store = try Store.create(
      at: scratch("j"), label: "laptop", isLocal: true, configuration: clock.configuration)
    defer { store.close() }
    try await Self.fill(store, clock, &random)
    #expect(try store.problems() == [], "seed \(seed)")
    let (before, headers) = (try Self.rows(store), try Self.headers(store))
    #expect(headers.contains { $0.kind == .erased } && headers.contains { $0.group != 0 })
    #expect(try await store.compact().trimmed > UInt64(headers.count))
    #expect(try Self.headers(store) == [])
    let after = try Self.rows(store)
    #expect(after.mapValues(\.count) == before.mapValues(\.count), "seed \(seed)")
    #expect(Set(after.values.map(\.count)) == [6, 12], "seed \(seed)")
    for header in headers {
      let remembered = try store.journal.read { try $0.remembered(header.id) }
      #expect(remembered?.sequence == header.sequence, "seed \(seed)")
      #expect(
        try remembered?.trimmed(header.id)
          == .init(time: header.time, isAbsorbed: header.flags.contains(.absorbed)),
        "seed \(seed), entry \(header.sequence)")
      let again = try Self.put(header.id)
      #expect(
        try await store.journal.transact { try $0.append(again) } == .known(header.sequence),
        "seed \(seed)")
    }
    #expect(try store.problems() == [], "seed \(seed)")
  }

  /// Whose ids the edits have.
  enum Source: CaseIterable, Sendable {
    case journal
    /// Given with the edits, in order but made at another time, as those a server takes in.
    case writer
  }

  @Test(arguments: Source.allCases)
  func `take at most 45 bytes of the file each`(source: Source) async throws {
    let scratch = try Scratch()
    let clock = ManualClock()
    let store = try Store.create(
      at: scratch("j"), label: "laptop", isLocal: true, configuration: clock.configuration)
    defer { store.close() }
    var ids = EntryIDGenerator(random: { 5 })
    /// Bytes of all pages in use once everything is trimmed.
    func bytes(after edits: Int) async throws -> Int {
      for _ in 0..<edits / 500 {
        clock.advance(by: 10)
        let earlier = clock.configuration.now().milliseconds - 5_000
        let drafts = try (0..<500).map { _ in
          try Self.put(source == .writer ? ids.next(milliseconds: earlier) : nil)
        }
        try await store.journal.transact { _ = try $0.appendGroup(drafts) }
      }
      _ = try await store.compact()
      let pages = try PagedReader.open(directory: store.journal.path)
      defer { pages.close() }
      return Int(try pages.reachableBytes)
    }
    let first = try await bytes(after: 1_000)
    let last = try await bytes(after: 8_000)
    let each = Double(last - first) / 8_000
    // 45 is the promise; the row alone is 26 or 32 bytes.
    #expect(each > 26 && each <= 45, "\(each) bytes")
  }

  @Test func `that earlier builds wrote are known as before`() async throws {
    let scratch = try Scratch()
    let clock = ManualClock()
    let store = try Store.create(
      at: scratch("j"), label: "laptop", isLocal: true, configuration: clock.configuration)
    defer { store.close() }
    var random = SeededRandom(seed: Self.seed)
    /// Writes the rows as earlier builds did: six bytes while held, thirteen once trimmed.
    func rewrite(_ headers: [EntryHeader], isTrimmed: Bool) async throws {
      try await store.journal.transact { context in
        for header in headers {
          var row = RememberedID(held: header.sequence).encoded
          if isTrimmed {
            row.appendUInt48(header.time.milliseconds)
            row.append(header.flags.contains(.absorbed) ? 1 : 0)
          }
          try context.put(.ids, header.id.bytes, row)
        }
      }
      #expect(try store.problems() == [], "seed \(Self.seed)")
      for header in headers {
        let remembered = try store.journal.read { try $0.remembered(header.id) }
        #expect(remembered?.sequence == header.sequence, "seed \(Self.seed)")
        #expect(
          try remembered?.trimmed(header.id)
            == (isTrimmed
              ? .init(time: header.time, isAbsorbed: header.flags.contains(.absorbed)) : nil),
          "seed \(Self.seed)")
      }
    }
    try await Self.fill(store, clock, &random)
    let first = try Self.headers(store)
    try await rewrite(first, isTrimmed: false)
    _ = try await store.compact()
    // A trim brings them into the layout of today.
    #expect(Set(try Self.rows(store).values.map(\.count)) == [6, 12])
    #expect(try store.problems() == [], "seed \(Self.seed)")
    try await rewrite(first, isTrimmed: true)
    clock.advance(by: 401 * 24 * 3_600 * 1_000)
    try await store.write { try $0.put("c", "other", [:]) }
    _ = try await store.compact()
    let left = Set(try Self.rows(store).keys)
    let oldest = clock.configuration.now().milliseconds - Journal.idMemoryMilliseconds
    for id in first.map(\.id) {
      let isForgotten = id.unixMilliseconds.map { $0 < oldest } ?? false
      #expect(left.contains(id) != isForgotten, "seed \(Self.seed), id \(id)")
    }
    #expect(try store.problems() == [], "seed \(Self.seed)")
  }
}
