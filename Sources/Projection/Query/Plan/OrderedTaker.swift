import Journal

/// Takes records that come in the wanted order, behind a position, as many as the query wants.
///
/// Neighbours whose values do not stand in the index in full are put in order first.
struct OrderedTaker {
  typealias Body = (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Void

  private let query: Query
  private let position: Snapshot.Position?
  private var toSkip: Int
  private var left: Int
  /// Where the last record wanted stands, once it was found.
  private(set) var last: Snapshot.Position?
  /// Records with the same cut values, and these.
  private var run: (values: [UInt8], rows: SortedRows)?

  init(_ query: Query, after position: Snapshot.Position?) {
    self.query = query
    self.position = position
    toSkip = query.offset
    left = query.limit ?? .max
  }

  var isFull: Bool { left == 0 }

  /// The next records come by this row.
  mutating func begin(_ row: IndexScan.Row, _ body: Body) throws {
    if let run, !run.values.elementsEqual(row.values) { try endRun(body) }
    if !row.isExact, run == nil {
      run = (Array(row.values), SortedRows(query.sort, keeping: .max, after: nil))
    }
  }

  mutating func take(
    _ rowKey: [UInt8], _ fields: UnsafeRawBufferPointer, _ body: Body
  ) throws {
    guard run == nil else {
      try run?.rows.append(rowKey, fields)
      return
    }
    try pass(rowKey, fields, body)
  }

  mutating func endRun(_ body: Body) throws {
    guard var run else { return }
    self.run = nil
    for row in run.rows.finish() {
      try row.fields.withUnsafeBytes { try pass(row.position.rowKey, $0, body) }
    }
  }

  private mutating func pass(
    _ rowKey: [UInt8], _ fields: UnsafeRawBufferPointer, _ body: Body
  ) throws {
    guard left > 0 else { return }
    func place() throws -> Snapshot.Position {
      Snapshot.Position(
        sort: try query.sort.map { try Snapshot.value($0.field, in: fields) }, rowKey: rowKey)
    }
    if let position, try !position.precedes(place(), by: query.sort) { return }
    guard toSkip == 0 else {
      toSkip -= 1
      return
    }
    try rowKey.withUnsafeBytes { try body($0, fields) }
    left -= 1
    if left == 0 { last = try place() }
  }
}

extension IndexPlan {
  /// The same of an ordered plan, without most of what stands before a position.
  func starting(behind position: Snapshot.Position?, _ query: Query) throws -> IndexPlan {
    guard let position, var key = given else { return self }
    for field in index.definition.fields.dropFirst(bound) {
      guard let place = query.sort.firstIndex(where: { $0.field.utf8.elementsEqual(field.utf8) })
      else { return self }
      try key.append(position.sort[place])
    }
    var plan = self
    plan.ranges = ranges.compactMap { range in
      var range = range
      if isDescending {
        let end = KeyRange.successor(of: key.bytes) ?? key.bytes
        if range.upper.map(end.lexicographicallyPrecedes) ?? true { range.upper = end }
      } else if range.lower.lexicographicallyPrecedes(key.bytes) {
        range.lower = key.bytes
      }
      guard let upper = range.upper else { return range }
      return range.lower.lexicographicallyPrecedes(upper) ? range : nil
    }
    return plan
  }
}
