import Foundation
import Testing

@testable import Journal

/// Rows and members that only a damaged or hostile file holds; each was once taken, or too dear.
@Suite struct `A row nobody wrote` {
  private func lend<R>(_ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
    try bytes.withUnsafeBytes(body)
  }

  private func expectDamage(_ what: Comment, _ body: () throws -> Void) {
    let error = #expect(throws: JournalError.self, what) { try body() }
    #expect(error?.code == "damaged", what)
  }

  @Test func `a remembered id has no bytes beyond its own and no unknown flags`() throws {
    let row: [UInt8] = [0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 9]
    for length in [6, 12] {
      let id = try lend(Array(row.prefix(length))) { try RememberedID($0) }
      #expect(id.encoded == Array(row.prefix(length)))
    }
    // With one more byte it is a row of earlier builds, whose flags are 0 or 1.
    _ = try lend(row + [1]) { try RememberedID($0) }
    for (what, bytes) in [
      ("cut in its sequence", Array(row.prefix(5))), ("cut in its time", Array(row.prefix(11))),
      ("flags", row + [2]), ("flags twice", [0x80] + row.dropFirst() + [0]),
      ("trailing byte", row + [1, 0]),
    ] {
      expectDamage("\(what)") { _ = try lend(bytes) { try RememberedID($0) } }
    }
  }

  @Test func `an edit's state has no flags that contradict each other`() throws {
    var state = EditState()
    state.base = .earlierEdit
    let row = state.encoded
    let stateAgain = try lend(row) { try EditState($0) }
    #expect(stateAgain == state)
    var both = row + [UInt8](repeating: 0, count: 16)
    both[1] |= 1
    expectDamage("two bases") { _ = try lend(both) { try EditState($0) } }
    var absorbed = row
    absorbed[1] |= 8
    expectDamage("absorbed though pending") { _ = try lend(absorbed) { try EditState($0) } }
    var undecided = row + [UInt8](repeating: 0, count: 6)
    undecided[1] |= 4
    expectDamage("decided by no entry") { _ = try lend(undecided) { try EditState($0) } }
  }

  @Test func `the fold's counts are none that adding one could overflow`() throws {
    var counts = FoldCounts()
    counts.edits = Limits.sequence
    let countsAgain = try lend(counts.encoded) { try FoldCounts($0) }
    #expect(countsAgain == counts)
    counts.settled = .max
    expectDamage("too large") { _ = try lend(counts.encoded) { try FoldCounts($0) } }
    expectDamage("trailing byte") {
      _ = try lend(FoldCounts().encoded + [0]) { try FoldCounts($0) }
    }
  }

  @Test func `a cursor's and an identity's row end where they end`() throws {
    let cursor = RemoteCursor(
      epoch: "e", cursor: "c", through: ServerVersion(timestamp: 1, tieBreak: 2))
    #expect(try RemoteCursor(cursor.encoded) == cursor)
    expectDamage("cursor") { _ = try RemoteCursor(cursor.encoded + [0]) }
    let identity = JournalIdentity(
      journal: EntryID(high: 1, low: 2), isLocal: false, secret: [1],
      devices: [.init(id: DeviceID(high: 1, low: 1), label: "l", verifierKey: "k")], currentIndex: 0
    )
    let identityAgain = try lend(identity.encoded) { try JournalIdentity($0) }
    #expect(identityAgain == identity)
    expectDamage("identity") { _ = try lend(identity.encoded + [0]) { try JournalIdentity($0) } }
  }

  @Test func `few bytes name few sequences`() throws {
    func ranges(_ pairs: [(UInt64, UInt64)]) throws -> [ClosedRange<SequenceNumber>] {
      var body = BodyBuilder()
      body.add(.entries) { writer in
        writer.array(count: pairs.count)
        for (first, last) in pairs {
          writer.array(count: 2)
          writer.unsigned(first)
          writer.unsigned(last)
        }
      }
      return try lend(body.finish()) { try Body($0).ranges(.entries) }
    }
    let most = try ranges([(1, 500), (502, 1_001)])
    #expect(most.map(\.count) == [500, 500])
    expectDamage("one too many") { _ = try ranges([(1, 500), (502, 1_002)]) }
    expectDamage("a million at once") { _ = try ranges([(1, 1_000_000)]) }
    expectDamage("up to the last number") { _ = try ranges([(0, .max)]) }
    expectDamage("the same again") { _ = try ranges([(1, 9), (1, 9)]) }
    expectDamage("backwards") { _ = try ranges([(5, 5), (1, 1)]) }
  }
}
