import Journal
import Projection
import Testing

@Suite struct `The one table` {
  static let live: Fields = ["a": 1, "b": 2]

  struct Cell: Sendable, CustomTestStringConvertible {
    var kind: EntryKind
    var before: Fields?
    var after: Fields?
    var hasEffect: Bool
    var testDescription: String { "\(kind) on \(before == nil ? "nothing" : "a live record")" }
  }

  static let cells = [
    Cell(kind: .create, before: live, after: ["a": 9, "b": 2, "c": 3], hasEffect: true),
    Cell(kind: .create, before: nil, after: ["a": 9, "c": 3], hasEffect: true),
    Cell(kind: .update, before: live, after: ["a": 9, "c": 3], hasEffect: true),
    Cell(kind: .update, before: nil, after: nil, hasEffect: false),
    Cell(kind: .put, before: live, after: ["a": 9, "c": 3], hasEffect: true),
    Cell(kind: .put, before: nil, after: ["a": 9, "c": 3], hasEffect: true),
    Cell(kind: .delete, before: live, after: nil, hasEffect: true),
    Cell(kind: .delete, before: nil, after: nil, hasEffect: false),
  ]

  @Test(arguments: cells) func holds(_ cell: Cell) throws {
    let fields: Fields = ["a": 9, "c": 3]
    let change: EditDraft.Change =
      switch cell.kind {
      case .create: .create(fields: try encode(fields))
      case .update: .update(set: try encode(fields), unset: ["b", "absent"])
      case .put: .put(fields: try encode(fields))
      default: .delete
      }
    let body = try EditDraft().draft(change, collection: "notes", key: "n").body
    let effect = try body.withUnsafeBytes { bytes in
      try EditRule.apply(cell.kind, Body(bytes), to: cell.before.map { try encode($0) })
    }
    #expect(effect.hasEffect == cell.hasEffect)
    #expect(try effect.fields.map { try Snapshot.decode($0) } == cell.after)
  }

  private func encode(_ fields: Fields) throws -> [UInt8] {
    var writer = CBORWriter()
    try writer.fields(fields)
    return writer.bytes
  }
}
