import Journal

extension Snapshot {
  /// All records of a collection that match, sorted and cut as the query says.
  ///
  /// Reads what an index finds, or else the whole collection: ``explain(_:)-(Query)`` says which. Of what does not
  /// match only the fields the query names are read; stops at the limit where nothing has to be sorted. A sorted
  /// query with a limit holds a few times that many records.
  ///
  /// - Throws: `JournalError` for a collection's name outside 1–128 bytes or a damaged row.
  public func query(_ query: Query) throws -> [UntypedRecord] {
    var records: [UntypedRecord] = []
    try select(query) { match in
      records.append(
        UntypedRecord(
          collection: query.collection, key: match.key, fields: try Self.decode(match.fields)))
    }
    return records
  }

  /// How many records match; the limit and the offset count too.
  package func count(_ query: Query) throws -> Int {
    var unsorted = query
    unsorted.sort = []
    var count = 0
    try select(unsorted) { _ in count += 1 }
    return count
  }

  /// A record that matches, lent.
  struct Match {
    let rowKey: UnsafeRawBufferPointer
    let fields: UnsafeRawBufferPointer
    /// Bytes of `rowKey` before the record's key.
    let prefixBytes: Int

    var key: String {
      // The scan lends only keys that begin with the prefix.
      String(decoding: UnsafeRawBufferPointer(rebasing: rowKey[prefixBytes...]), as: UTF8.self)
    }
  }

  /// Where a sorted run of records goes on: behind these values and this row key.
  struct Position: Sendable {
    var sort: [Value?]
    var rowKey: [UInt8]
  }

  /// Lends the records a query means, in its order, from a position on.
  ///
  /// - Returns: The position of the last one, where as many were found as the query's limit says.
  @discardableResult
  func select(
    _ query: Query, after position: Position? = nil, _ body: (Match) throws -> Void
  ) throws -> Position? {
    var query = query
    query.limit = query.limit.map { max(0, $0) }
    query.offset = max(0, query.offset)
    query.filter = try withAllKeys(query.filter)
    if let plan = try plan(query) { return try selectByIndex(query, plan, after: position, body) }
    return query.sort.isEmpty
      ? try selectInKeyOrder(query, after: position, body)
      : try selectSorted(query, after: position, body)
  }

  private func selectInKeyOrder(
    _ query: Query, after position: Position?, _ body: (Match) throws -> Void
  ) throws -> Position? {
    guard query.limit != 0 else { return nil }
    let (prefix, filter) = (try Self.prefix(query.collection), try PreparedFilter(query.filter))
    var toSkip = query.offset
    var left = query.limit ?? .max
    var last: [UInt8]?
    try source.scan(prefix: prefix, after: position?.rowKey) { rowKey, fields in
      guard try filter.matches(fields) else { return true }
      guard toSkip == 0 else {
        toSkip -= 1
        return true
      }
      try body(Match(rowKey: rowKey, fields: fields, prefixBytes: prefix.count))
      left -= 1
      if left == 0 { last = [UInt8](rowKey) }
      return left > 0
    }
    return last.map { Position(sort: [], rowKey: $0) }
  }

  private func selectSorted(
    _ query: Query, after position: Position?, _ body: (Match) throws -> Void
  ) throws -> Position? {
    let (prefix, filter) = (try Self.prefix(query.collection), try PreparedFilter(query.filter))
    let wanted = query.limit.map { limit in
      let (sum, isOver) = query.offset.addingReportingOverflow(limit)
      return isOver ? Int.max : sum
    }
    var found = SortedRows(query.sort, keeping: wanted ?? .max, after: position)
    try source.scan(prefix: prefix, after: nil) { rowKey, fields in
      guard try filter.matches(fields) else { return true }
      try found.append([UInt8](rowKey), fields)
      return true
    }
    return try found.lend(query, prefixBytes: prefix.count, body)
  }

  /// One field's value of an encoded record; nil where it has none of that name.
  static func value(_ name: String, in fields: UnsafeRawBufferPointer) throws -> Value? {
    guard let range = try FieldMap.value(named: name, in: fields) else { return nil }
    var reader = CBORReader(UnsafeRawBufferPointer(rebasing: fields[range]))
    return try reader.value(maxDepth: Limits.depth)
  }
}
