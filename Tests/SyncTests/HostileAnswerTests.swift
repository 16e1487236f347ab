import Journal
import TestKit
import Testing

@testable import JournalTool
@testable import Transport

/// Answers and requests that our own code never makes.
@Suite struct `A message from a stranger` {
  private static let change = FeedChange(
    collection: "c", key: "1", version: ServerVersion(timestamp: 1, tieBreak: 2),
    born: ServerVersion(timestamp: 1, tieBreak: 2), state: .live([0xA0]),
    originID: EntryID(high: 1, low: 2))

  private func page(_ build: (inout BodyBuilder) -> Void) throws -> FeedPage {
    var body = BodyBuilder()
    build(&body)
    var writer = CBORWriter()
    writer.map(count: 5)
    writer.unsigned(1)
    writer.text("e")
    writer.unsigned(2)
    writer.text("c")
    writer.unsigned(3)
    writer.version(ServerVersion(timestamp: 1, tieBreak: 2))
    writer.unsigned(4)
    writer.bool(false)
    writer.unsigned(5)
    writer.array(count: 1)
    writer.raw(body.finish())
    return try writer.bytes.withUnsafeBytes { try FeedCodec.decode($0) }
  }

  private func addChange(to body: inout BodyBuilder, state: UInt64 = 0, actor: Bool = false) {
    body.add(.collection, text: "c")
    body.add(.key, text: "1")
    if actor { body.add(.actor, text: "mia") }
    body.add(.fields, raw: [0xA0])
    body.add(.version, version: Self.change.version)
    body.add(.born, version: Self.change.born)
    body.add(.state, unsigned: state)
  }

  @Test func `a change with a member the protocol does not name stops the pull`() throws {
    #expect(throws: Never.self) { try page { addChange(to: &$0) } }
    let error = #expect(throws: JournalError.self) { try page { addChange(to: &$0, actor: true) } }
    #expect(error?.code == "unsupported")
  }

  @Test func `a deleted record has no fields and an entry id has 16 bytes`() throws {
    #expect(throws: JournalError.self) { try page { addChange(to: &$0, state: 1) } }
    let short = #expect(throws: JournalError.self) {
      try page { body in
        addChange(to: &body)
        body.add(.originID, data: [1, 2, 3])
      }
    }
    #expect(short?.code == "invalid-input")
  }

  @Test func `an erased record has neither a name nor content`() throws {
    func erased(
      _ rest: (inout BodyBuilder) -> Void, _ end: (inout BodyBuilder) -> Void = { _ in }
    ) throws {
      _ = try page { body in
        rest(&body)
        body.add(.version, version: Self.change.version)
        body.add(.born, version: Self.change.born)
        body.add(.state, unsigned: 2)
        end(&body)
      }
    }
    func edits(_ ids: [[UInt8]]) -> (inout BodyBuilder) -> Void {
      { body in
        body.add(.edits) { writer in
          writer.array(count: ids.count)
          for id in ids { writer.data(id) }
        }
      }
    }
    #expect(throws: Never.self) { try erased { _ in } }
    let named = FeedChange(
      erased: Self.change.born, version: Self.change.version,
      edits: [EntryID(high: 3, low: 4), EntryID(high: 1, low: 2)])
    let sent = FeedPage(
      epoch: "e", cursor: "c", through: Self.change.version, hasMore: false, changes: [named])
    #expect(try FeedCodec.encode(sent).withUnsafeBytes { try FeedCodec.decode($0) } == sent)
    let id = [UInt8](repeating: 1, count: 16)
    for ids in [[], [[1, 2, 3]], Array(repeating: id, count: 10_001)] {
      let error = #expect(throws: JournalError.self) { try erased({ _ in }, edits(ids)) }
      #expect(error?.code == "invalid-input")
    }
    #expect(throws: JournalError.self) {
      try page { body in
        addChange(to: &body)
        edits([id])(&body)
      }
    }
    for rest: (inout BodyBuilder) -> Void in [
      { $0.add(.key, text: "1") }, { $0.add(.collection, text: "c") },
      { $0.add(.fields, raw: [0xA0]) },
    ] {
      let error = #expect(throws: JournalError.self) { try erased(rest) }
      #expect(error?.code == "invalid-input")
    }
  }

  @Test func `a small answer ends where it ends`() throws {
    let info = RemoteInfo(epoch: "e", acknowledgedSize: 3)
    let again = try FeedCodec.encode(info).withUnsafeBytes { try FeedCodec.decodeInfo($0) }
    #expect(again == info)
    let answers: [([UInt8], (UnsafeRawBufferPointer) throws -> Void)] = [
      (FeedCodec.encode(info), { _ = try FeedCodec.decodeInfo($0) }),
      (FeedCodec.encode(size: 3), { _ = try FeedCodec.decodeSize($0) }),
      (FeedCodec.encode(code: "c", message: "m"), { _ = try FeedCodec.decodeError($0) }),
    ]
    for (answer, decode) in answers {
      try answer.withUnsafeBytes(decode)
      #expect(throws: JournalError.self) { try (answer + [0]).withUnsafeBytes(decode) }
    }
  }

  @Test func `a cursor is only what the server wrote`() throws {
    let epoch = EntryID(high: 1, low: 2).description
    let root = "0011223344556677"
    for text in [
      "e.\(epoch).12.\(root)", "s.\(epoch).12.\(root).3.6e000031", "x.\(epoch).12.\(root).0",
    ] {
      #expect(FeedCursorText(text)?.text == text)
    }
    for text in [
      "e.\(epoch).012.\(root)", "e.\(epoch).+12.\(root)", "s.\(epoch).12.\(root).3.6E000031",
      "s.\(epoch).12.6e000031", "x.\(epoch).12.\(root).00", "x.\(epoch).12.\(root)",
    ] { #expect(FeedCursorText(text) == nil, "\(text)") }
  }

  @Test func `an edit with a member that may be ignored elsewhere is refused`() async throws {
    let world = try World()
    let peer = try `The server`.Peer(world, "p")
    var change = try peer.change(.put(fields: [0xA0]), key: "1")
    // Member -1 stands behind all others, so the server could add none of its own.
    change.body[0] += 1
    change.body += [0x20, 0x01]
    guard case .refused(let code, _) = try await peer.verdicts(change).first else {
      Issue.record("not refused")
      return
    }
    #expect(code == "malformed")
    #expect(try world.serverEdits() == [])
  }
}
