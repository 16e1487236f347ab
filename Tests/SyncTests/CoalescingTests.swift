import Journal
import TestKit
import Testing

@testable import Transport

@Suite struct `Edits of one record that travel together` {
  /// Two of them are the same to a reader, and not to a journal.
  private static let names = ["a", "b", "\u{E9}", "e\u{301}"]

  private static func random(_ random: inout SeededRandom) -> RecordEdit {
    let fields = Fields(
      names.filter { _ in Bool.random(using: &random) }.map { name in
        (name, Value.integer(Int64.random(in: 0..<3, using: &random)))
      })
    switch Int.random(in: 0..<5, using: &random) {
    case 0: return .create(fields)
    case 1: return .put(fields)
    case 2: return .delete
    default:
      let unset = names.filter { fields[$0] == nil && Bool.random(using: &random) }
      return .update(set: fields, unset: Fields(unset.map { ($0, Value.null) }))
    }
  }

  /// What an edit makes of a record; nil is none.
  private static func apply(_ edit: RecordEdit, to fields: Fields?) -> Fields? {
    switch edit {
    case .create(let fields), .put(let fields): fields
    case .update(let set, let unset): fields.map { RecordEdit.patched($0, set, unset) }
    case .delete: .none
    case .nothing: fields
    }
  }

  @Test func `come to what they come to one by one`() {
    let seed = testSeed(or: UInt64.random(in: 0..<1_000_000))
    var random = SeededRandom(seed: seed)
    for round in 0..<20_000 {
      let edits = (0..<Int.random(in: 1...6, using: &random)).map { _ in Self.random(&random) }
      let before: Fields? = Bool.random(using: &random) ? ["a": 7, "z": 8] : .none
      let together = edits.dropFirst().reduce(edits[0]) { edit, next in
        edit.followed(by: next, isNew: before == nil)
      }
      let expected = edits.reduce(before) { Self.apply($1, to: $0) }
      let actual = Self.apply(together, to: before)
      #expect(actual == expected, "seed \(seed), round \(round): \(edits) of \(before as Any)")
      guard actual == expected else { return }
    }
  }

  @Test func `keep their order and their own records`() throws {
    let requests = try CoalescedEdit.requests(of: [
      try change(1, .create, "x", ["n": 1]), try change(2, .create, "y", ["n": 2]),
      try change(3, .put, "x", ["n": 3]), try change(4, .delete, "y", nil),
    ]) { _, _ in nil }
    #expect(requests.requests.map(\.key) == ["x", "y"] && requests.verdicts.isEmpty)
    #expect(requests.requests.map { $0.edit(0..<2) } == [.create(["n": 3]), .nothing])
    #expect(requests.requests.map { $0.parts.map(\.position) } == [[0, 2], [1, 3]])
  }

  @Test func `wait behind one that cannot be asked for, and take their group with them`() throws {
    var first = try change(1, .create, "x", ["bad": 1])
    first.moreOfGroup = true
    let requests = try CoalescedEdit.requests(of: [
      first, try change(2, .create, "y", ["n": 2]), try change(3, .put, "x", ["n": 3]),
      try change(4, .put, "y", ["n": 4]), try change(5, .create, "z", ["n": 5]),
    ]) { _, edit in
      if case .create(let fields) = edit, fields["bad"] != nil {
        return .refused(code: "bad", message: "")
      }
      return nil
    }
    #expect(requests.requests.map(\.key) == ["z"])
    guard case .refused("bad", _) = requests.verdicts[0],
      case .refused("group-cut", _) = requests.verdicts[1],
      requests.verdicts[2] == .retry(afterMilliseconds: 0),
      requests.verdicts[3] == .retry(afterMilliseconds: 0)
    else {
      Issue.record("\(requests.verdicts)")
      return
    }
  }

  private func change(
    _ sequence: SequenceNumber, _ kind: EntryKind, _ key: String, _ fields: Fields?
  ) throws -> SegmentChange {
    var body = BodyBuilder()
    body.add(.collection, text: "c")
    body.add(.key, text: key)
    if let fields { try body.add(.fields) { try $0.fields(fields) } }
    return SegmentChange(
      sequence: sequence, id: .computed(Array(repeating: UInt8(sequence), count: 32)), kind: kind,
      schema: 0, time: Timestamp(milliseconds: 0), moreOfGroup: false, base: .none,
      isStrict: false, body: body.finish())
  }
}
