import Journal

extension Changes {
  /// Deletes the records a request means, as they are after the earlier changes of this write.
  ///
  /// ```swift
  /// let count = try tx.delete(Todo.where(\.isDone == true))
  /// ```
  ///
  /// Where one of them is changed before the write is appended, the whole write is made again from the
  /// new state. A record that only then comes to be meant stays.
  ///
  /// - Returns: How many they are.
  /// - Throws: `JournalError.invalidInput` for a request without condition and limit, which
  ///   ``deleteAll(_:)`` is for, and for more records than fit into one group of 1,000 changes: give the
  ///   request a limit and write until it returns 0. What `Snapshot.fetch` throws.
  @discardableResult
  public mutating func delete<R: Record>(_ request: Request<R>) throws -> Int {
    guard request.condition != nil || request.limit != nil else {
      throw JournalError.invalidInput(
        "the request means every record of \"\(R.schema.collection)\"; say `deleteAll` for that")
    }
    return try deleteMatches(request)
  }

  /// Deletes all records of a type.
  ///
  /// - Returns: How many they were.
  /// - Throws: as ``delete(_:)`` does.
  @discardableResult
  public mutating func deleteAll<R: Record>(_ type: R.Type) throws -> Int {
    try deleteMatches(Request<R>())
  }

  /// Changes each record a request means, as they are after the earlier changes of this write.
  ///
  /// ```swift
  /// try tx.update(Todo.where(\.due < today)) { $0.isLate = true }
  /// ```
  ///
  /// Of each, what the closure changes is written. Where one is changed before the write is appended,
  /// the whole write is made again from the new state.
  ///
  /// - Returns: How many were changed.
  /// - Throws: What the closure throws, `JournalError.invalidInput` for more records than fit into one
  ///   group of 1,000 changes, and what ``update(_:_:_:)`` throws.
  @discardableResult
  public mutating func update<R: Record>(
    _ request: Request<R>, _ change: (inout R) throws -> Void
  ) throws -> Int {
    try checkIsRegistered(R.self)
    var count = 0
    for match in try matches(request) {
      let isChanged = try update(
        R.self, RecordID(match.key), from: match.fields, expecting: match.last, change)
      if isChanged { count += 1 }
    }
    return count
  }

  private mutating func deleteMatches<R: Record>(_ request: Request<R>) throws -> Int {
    try checkIsRegistered(R.self)
    let matches = try matches(request)
    for match in matches {
      let record = try RecordAddress(collection: R.schema.collection, key: match.key)
      // A rule of a link may have deleted it already, or changed it.
      if deleting.contains(record) { continue }
      try followLinks(toDeleted: R.schema.collection, match.key)
      let isChanged = drafts.contains { $0.record == record }
      var draft = try edit.draft(.delete, collection: R.schema.collection, key: match.key)
      draft.schema = R.schema.version
      draft.precondition.last = isChanged ? nil : match.last
      drafts.append(draft)
    }
    return matches.count
  }

  private struct Match {
    var key: String
    var fields: [UInt8]
    /// The last entry about the record, which is expected; nil where an earlier change expects it.
    var last: SequenceNumber?
  }

  /// Reads what a request means.
  private mutating func matches<R: Record>(_ request: Request<R>) throws -> [Match] {
    let room = Limits.groupEntries - drafts.count
    let query = try request.query()
    var (matches, records) = ([Match](), [RecordAddress]())
    // The first change so far of each record.
    var firsts: [RecordAddress: Int] = [:]
    let drafts = drafts
    _ = try withState { snapshot in
      for (index, draft) in drafts.enumerated().reversed() {
        guard let rowKey = try draft.record.map({ try snapshot.source.current($0.rowKey) }) else {
          continue
        }
        firsts[RecordAddress(rowKey: rowKey)] = index
      }
      // Asked in the newest form; what is changed is the stored one.
      try snapshot.forward(R.self).select(query) { match in
        guard matches.count < room else {
          throw JournalError.invalidInput(
            "the request means more records of \"\(query.collection)\" than fit into one write of 1,000 "
              + "changes; give it a limit, and write again until nothing is left")
        }
        let record = RecordAddress(rowKey: [UInt8](match.rowKey))
        records.append(record)
        matches.append(
          Match(
            key: match.key, fields: try snapshot.source.visible(record.rowKey) ?? [],
            last: try snapshot.source.last(record.rowKey)))
      }
    }
    for (index, record) in records.enumerated() {
      // Of several changes of a record the first one makes sure that nothing came between.
      guard let first = firsts[record] else { continue }
      if self.drafts[first].precondition.last == nil {
        self.drafts[first].precondition.last = matches[index].last
      }
      matches[index].last = nil
    }
    return matches
  }
}
