import Journal

/// Finds the keys of records that servers have given keys of their own.
///
/// The row under a key that was given up says where the record went, and that one which keys it had:
/// no table beside the records has to be kept, carried over the horizon or erased.
struct Aliases {
  /// What a row says of keys.
  struct Row {
    var moved: RecordRow.Moved?
    var formerKeys: [[UInt8]] = []

    init() {}

    init(_ payload: UnsafeRawBufferPointer) throws(JournalError) {
      let view = try RecordRowView(payload)
      moved = view.moved.map { RecordRow.Moved(since: $0.since, key: [UInt8]($0.key)) }
      if let keys = view.formerKeys { formerKeys = try FormerKeys.list(keys) }
    }
  }

  /// What the row under a row key says; an empty answer where there is none.
  let row: ([UInt8]) throws -> Row

  init(row: @escaping ([UInt8]) throws -> Row) {
    self.row = row
  }

  init(_ storage: any StorageReader) {
    row = { try storage.withValue(.records, $0) { try Row($0) } ?? Row() }
  }

  init(_ state: any FoldState) {
    row = { rowKey in
      var row = Row()
      try rowKey.withUnsafeBytes { key in
        try state.withRecord(key) { if let payload = $0 { row = try Row(payload) } }
      }
      return row
    }
  }

  /// The row key a record stood under before an entry, whichever of its keys is given.
  ///
  /// Costs one look-up, and one for each key it was given since.
  ///
  /// - Throws: `JournalError.damaged` where keys lead round in a circle.
  func currentKey(of rowKey: [UInt8], before limit: SequenceNumber) throws -> [UInt8] {
    var rowKey = rowKey
    var since: SequenceNumber = 0
    while let moved = try row(rowKey).moved, moved.since < limit {
      guard moved.since > since else {
        throw JournalError.damaged("a record's keys lead to each other; run `journal verify`")
      }
      since = moved.since
      rowKey = try RecordAddress.rowKey(of: moved.key, besides: rowKey)
    }
    return rowKey
  }

  /// Every row key the record was known under before an entry, the one it stood under then first.
  func allKeys(of rowKey: [UInt8], before limit: SequenceNumber = .max) throws -> [[UInt8]] {
    let last = try currentKey(of: rowKey, before: .max)
    let all =
      try [last]
      + row(last).formerKeys.map { try RecordAddress.rowKey(of: $0, besides: last) }
    guard all.count > 1, limit < .max else { return all }
    let current = try currentKey(of: rowKey, before: limit)
    return try [current]
      + all.filter { try $0 != current && currentKey(of: $0, before: limit) == current }
  }
}
