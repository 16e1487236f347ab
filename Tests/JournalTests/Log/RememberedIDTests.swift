import TestKit
import Testing

@testable import Journal

@Suite struct `A remembered id` {
  private static let seed = testSeed(or: UInt64.random(in: 0..<1_000_000))

  /// A header of any kind of id and any time.
  private static func header(_ random: inout SeededRandom) -> EntryHeader {
    let time = random.next() >> (16 + random.next() % 40)
    let idTime = Bool.random(using: &random) ? time : random.next() >> 16
    let version = UInt64.random(in: 1...8, using: &random)
    let id = EntryID(
      high: idTime << 16 | version << 12 | random.next() & 0xFFF,
      low: random.next() >> 2 | 1 << 63)
    return EntryHeader(
      kind: .put, flags: random.next() % 4 == 0 ? .absorbed : [],
      sequence: random.next() & Limits.sequence, id: id, time: Timestamp(milliseconds: time),
      device: DeviceID(high: 1, low: 1), commitment: .empty)
  }

  private func read(_ row: [UInt8]) throws -> RememberedID {
    try row.withUnsafeBytes { try RememberedID($0) }
  }

  @Test func `says the same in as many bytes once its edit is trimmed`() throws {
    var random = SeededRandom(seed: Self.seed)
    var lengths: Set<Int> = []
    for _ in 0..<20_000 {
      let header = Self.header(&random)
      let held = RememberedID(header)
      let trimmed = RememberedID(header, isTrimmed: true)
      let comment: Comment = "seed \(Self.seed): \(header)"
      #expect(trimmed.encoded.count == held.encoded.count, comment)
      #expect(try read(held.encoded) == held, comment)
      #expect(try read(trimmed.encoded) == trimmed, comment)
      #expect(held.sequence == header.sequence && trimmed.sequence == header.sequence, comment)
      #expect(try held.trimmed(header.id) == nil, comment)
      let expected = RememberedID.Trimmed(
        time: header.time, isAbsorbed: header.flags.contains(.absorbed))
      #expect(try trimmed.trimmed(header.id) == expected, comment)
      lengths.insert(held.encoded.count)
    }
    #expect(lengths == [6, 12], "seed \(Self.seed)")
  }

  @Test func `is six bytes where the id was made when the edit was recorded`() {
    var ids = EntryIDGenerator(random: { 7 })
    let time = Timestamp(milliseconds: 1_700_000_000_000)
    let header = EntryHeader(
      kind: .put, sequence: 258, id: ids.next(milliseconds: time.milliseconds), time: time,
      device: DeviceID(high: 1, low: 1), commitment: .empty)
    #expect(RememberedID(header).encoded == [0, 0, 0, 0, 1, 2])
    #expect(RememberedID(header, isTrimmed: true).encoded == [0x80, 0, 0, 0, 1, 2])
  }

  @Test func `as earlier builds wrote it says what it said`() throws {
    let id = EntryID(high: 0x4000, low: 1 << 63)
    let held = try read([0, 0, 0, 0, 1, 2])
    #expect(held == RememberedID(held: 258))
    #expect(try held.trimmed(id) == nil)
    for isAbsorbed in [false, true] {
      let trimmed = try read([0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1, 0, isAbsorbed ? 1 : 0])
      #expect(trimmed.sequence == 258)
      #expect(
        try trimmed.trimmed(id)
          == .init(time: Timestamp(milliseconds: 256), isAbsorbed: isAbsorbed))
    }
  }

  @Test func `of a trimmed edit that names no time is damage`() throws {
    let remembered = try read([0x80, 0, 0, 0, 0, 1])
    #expect(throws: JournalError.self) {
      try remembered.trimmed(EntryID(high: 0x4000, low: 1 << 63))
    }
  }
}
