import Journal

/// Rows in the order of a sort, as many as are wanted.
struct SortedRows {
  struct Row {
    var position: Snapshot.Position
    var fields: [UInt8]
  }

  private let sort: [Query.Sort]
  private let wanted: Int
  private let position: Snapshot.Position?
  private var rows: [Row] = []

  /// - Parameter position: Rows up to there are passed over.
  init(_ sort: [Query.Sort], keeping wanted: Int, after position: Snapshot.Position?) {
    self.sort = sort
    self.wanted = wanted
    self.position = position
  }

  mutating func append(_ rowKey: [UInt8], _ fields: UnsafeRawBufferPointer) throws {
    let row = Row(
      position: Snapshot.Position(
        sort: try sort.map { try Snapshot.value($0.field, in: fields) }, rowKey: rowKey),
      fields: [UInt8](fields))
    if let position, !position.precedes(row.position, by: sort) { return }
    rows.append(row)
    // Cut now and then, so that a short list out of a large collection stays short.
    guard wanted < .max / 4, rows.count > max(1_024, wanted * 4) else { return }
    cut()
  }

  mutating func finish() -> [Row] {
    cut()
    return rows
  }

  /// Lends the rows that the query's offset and limit leave.
  ///
  /// - Returns: The position of the last one, where as many were found as the limit says.
  mutating func lend(
    _ query: Query, prefixBytes: Int, _ body: (Snapshot.Match) throws -> Void
  ) throws -> Snapshot.Position? {
    let rows = finish().dropFirst(query.offset).prefix(query.limit ?? .max)
    for row in rows {
      try row.position.rowKey.withUnsafeBytes { rowKey in
        try row.fields.withUnsafeBytes { fields in
          try body(Snapshot.Match(rowKey: rowKey, fields: fields, prefixBytes: prefixBytes))
        }
      }
    }
    return rows.count == query.limit ? rows.last?.position : nil
  }

  private mutating func cut() {
    let sort = sort
    rows.sort { $0.position.precedes($1.position, by: sort) }
    if rows.count > wanted { rows.removeLast(rows.count - wanted) }
  }
}

extension Snapshot.Position {
  /// The order of a query: ties in the order of their keys, whichever way the sort runs.
  func precedes(_ other: Snapshot.Position, by sort: [Query.Sort]) -> Bool {
    for (index, one) in sort.enumerated() {
      let order = SortOrder.compare(self.sort[index], other.sort[index])
      if order != 0 { return one.isDescending ? order > 0 : order < 0 }
    }
    return rowKey.lexicographicallyPrecedes(other.rowKey)
  }
}
