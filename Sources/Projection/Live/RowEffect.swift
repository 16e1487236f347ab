import Journal

/// What became of a record's visible fields.
struct RowEffect {
  let rowKey: [UInt8]
  /// The encoded fields before and after; nil where the record did or does not exist.
  var before: [UInt8]?
  var after: [UInt8]?

  /// Whether an app can see it: a fold may touch a row and leave what it shows.
  var isVisible: Bool { before != after }
  /// Whether the record stands under another key now, and references to this one mean that.
  var isMove: Bool

  init(_ row: RecordedGroup.Row) throws {
    rowKey = row.rowKey
    before = try row.before.flatMap { try Self.visible($0) }
    after = try row.after.flatMap { try Self.visible($0) }
    isMove =
      try row.after?.withUnsafeBytes { try RecordRowView($0).moved != nil } ?? false
  }

  private static func visible(_ payload: [UInt8]) throws -> [UInt8]? {
    try payload.withUnsafeBytes { try RecordRowView($0).visible.map { [UInt8]($0) } }
  }

  /// What several groups together did, one effect a record, as far as it can be seen.
  static func net(_ groups: ArraySlice<RecordedGroup>) throws -> [RowEffect] {
    var effects: [RowEffect] = []
    var places: [[UInt8]: Int] = [:]
    for row in groups.lazy.flatMap(\.rows) {
      let effect = try RowEffect(row)
      if let place = places[row.rowKey] {
        effects[place].after = effect.after
        effects[place].isMove = effects[place].isMove || effect.isMove
      } else {
        places[row.rowKey] = effects.count
        effects.append(effect)
      }
    }
    return effects.filter { $0.isVisible || $0.isMove }
  }
}
