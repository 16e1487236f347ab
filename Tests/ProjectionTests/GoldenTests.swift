import Journal
import Projection
import Testing

/// Bytes that every later release must still read; changed only with the format's version.
@Suite struct `The format` {
  @Test func `of a header is 96 bytes in this order`() throws {
    let header = EntryHeader(
      kind: .update, flags: [.moreOfGroup], schema: 0x0102_0304, sequence: 0x1122_3344_5566,
      id: EntryID(high: 0x0001_0203_0405_7607, low: 0x8809_0A0B_0C0D_0E0F), group: 5,
      time: Timestamp(milliseconds: 1_700_000_000_000),
      device: DeviceID(high: 1, low: 2),
      commitment: try #require(TreeHash(bytes: [UInt8](repeating: 0xCC, count: 32))))
    #expect(
      Hex.encode(header.leaf) == "01" + "04" + "0001" + "01020304" + "0000112233445566"
        + "000102030405760788090a0b0c0d0e0f" + "0000000000000005" + "0000018bcfe56800"
        + "00000000000000010000000000000002" + String(repeating: "cc", count: 32))
  }

  @Test func `of an update's body is one deterministic map`() throws {
    let draft = try EditDraft(actor: "mia", at: "2013-08-04T20:12:55Z").draft(
      .update(set: [0xA1, 0x61, 0x61, 0x01], unset: ["z", "b"]), collection: "c", key: "k")
    #expect(
      Hex.encode(draft.body) == "a6" + "016163" + "02616b" + "03636d6961"
        + "0474" + Hex.encode("2013-08-04T20:12:55Z".utf8) + "08a1616101" + "09826162617a")
  }

  @Test func `of a row key ends the collection so that names cannot run together`() throws {
    #expect(Hex.encode(try RecordAddress(collection: "a\0b", key: "k").rowKey) == "6100ff6200006b")
  }

  @Test func `of an open edit's state reads back what it was`() throws {
    var state = EditState()
    state.delivery = .accepted(ServerVersion(timestamp: 1, tieBreak: 2), absorbed: true, sent: 7)
    state.base = .version(ServerVersion(timestamp: 3, tieBreak: 4))
    state.previousOpen = 5
    state.decision = 6
    #expect(
      Hex.encode(state.encoded) == "03" + "0d" + "000000000005"
        + "0000000000000001" + "0000000000000002" + "000000000007" + "0000000000000003"
        + "0000000000000004"
        + "000000000006")
    #expect(try state.encoded.withUnsafeBytes { try EditState($0) } == state)
  }
}
