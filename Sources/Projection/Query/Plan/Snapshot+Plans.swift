import Journal

extension Snapshot {
  /// How a query finds its records here; reads none of them.
  ///
  /// - Throws: `JournalError` for a collection's name outside 1–128 bytes.
  public func explain(_ query: Query) throws -> QueryPlan {
    var query = query
    query.filter = try withAllKeys(query.filter)
    let plan = try plan(query)
    return QueryPlan(
      collection: query.collection, index: plan?.index.definition.name,
      fields: plan?.fields ?? [], isOrdered: plan?.isOrdered ?? query.sort.isEmpty,
      isFiltered: (plan?.rest ?? query.filter) != .all([]))
  }

  /// How a request finds its records here; reads none of them.
  ///
  /// - Throws: `JournalError.invalidInput` for a key path that names no stored field.
  public func explain<R: Record>(_ request: Request<R>) throws -> QueryPlan {
    // Of records that are brought forward, no index knows what a request asks for.
    try forward(R.self).explain(request.query())
  }

  func plan(_ query: Query) throws -> IndexPlan? {
    let indexes = try indexes(of: query.collection)
    guard !indexes.isEmpty else { return nil }
    return try QueryPlanner(query).plan(indexes)
  }

  /// Lends the records a query means, found through an index.
  func selectByIndex(
    _ query: Query, _ plan: IndexPlan, after position: Position?,
    _ body: (Match) throws -> Void
  ) throws -> Position? {
    let prefix = try Self.prefix(query.collection)
    guard let storage = source.indexRows(under: prefix), query.limit != 0 else { return nil }
    // Each record's key in its turn.
    var rowKey = prefix
    let filters = (rest: try PreparedFilter(plan.rest), whole: try PreparedFilter(query.filter))
    guard plan.isOrdered else {
      let wanted = query.limit.map { limit in
        let (sum, isOver) = query.offset.addingReportingOverflow(limit)
        return isOver ? Int.max : sum
      }
      var found = SortedRows(query.sort, keeping: wanted ?? .max, after: position)
      try IndexScan(plan, storage).scan { row in
        try withRecord(of: row, prefix, &rowKey, filters) { try found.append($0, $1) }
        return true
      }
      return try found.lend(query, prefixBytes: prefix.count, body)
    }
    func lend(_ rowKey: UnsafeRawBufferPointer, _ fields: UnsafeRawBufferPointer) throws {
      try body(Match(rowKey: rowKey, fields: fields, prefixBytes: prefix.count))
    }
    var taker = OrderedTaker(query, after: position)
    try IndexScan(try plan.starting(behind: position, query), storage).scan { row in
      try taker.begin(row, lend)
      try withRecord(of: row, prefix, &rowKey, filters) { try taker.take($0, $1, lend) }
      return !taker.isFull
    }
    try taker.endRun(lend)
    return taker.last
  }

  /// Lends the record of an index's row, where it is meant.
  private func withRecord(
    of row: IndexScan.Row, _ prefix: [UInt8], _ rowKey: inout [UInt8],
    _ filters: (rest: PreparedFilter, whole: PreparedFilter),
    _ body: ([UInt8], UnsafeRawBufferPointer) throws -> Void
  ) throws {
    rowKey.removeSubrange(prefix.count...)
    rowKey.append(contentsOf: row.recordKey)
    let key = rowKey
    try source.lend(key) { fields in
      guard try (row.isExact ? filters.rest : filters.whole).matches(fields) else { return }
      try body(key, fields)
    }
  }
}
