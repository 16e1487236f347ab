public import Journal

extension Store {
  /// The records a request means, now and after each commit that changes them.
  ///
  /// ```swift
  /// let open = store.observe(Todo.where(\.isDone == false).sorted(by: .ascending(\.rank)))
  /// for try await todos in open { print(todos.count) }
  /// ```
  ///
  /// Holds the records shown in memory, of a request with a limit somewhat more. Throws what
  /// `Snapshot.fetch` does, while iterating.
  public func observe<R: Record>(_ request: Request<R>) -> Live<[R]> {
    Live(store: self) { [self] in
      try checkIsObservable(R.schema.collection)
      return try LiveQuery(request.query(), .records(of: R.self))
    }
  }

  /// The record under an id, now and after each commit that changes it; nil while it does not exist.
  public func observe<R: Record>(_ type: R.Type, _ id: RecordID<R>) -> Live<R?> {
    Live(store: self) { [self] in
      try checkIsObservable(R.schema.collection)
      return try LiveRecord(R.schema.collection, id.key, .records(of: type))
    }
  }

  /// The records a query means, now and after each commit that changes them.
  public func observe(_ query: Query) -> Live<[UntypedRecord]> {
    Live(store: self) { [self] in
      try checkIsObservable(query.collection)
      return try LiveQuery(query, .untyped(in: query.collection))
    }
  }

  /// One record's fields, now and after each commit that changes them; nil while it does not exist.
  public func observe(_ collection: String, _ key: String) -> Live<Fields?> {
    Live(store: self) { [self] in
      try checkIsObservable(collection)
      return try LiveRecord(collection, key, .fields)
    }
  }

  /// How many records a request means, now and after each commit that changes the number; its limit and
  /// offset count. Holds no records.
  public func observeCount<R: Record>(of request: Request<R>) -> Live<Int> {
    Live(store: self) { [self] in
      try checkIsObservable(R.schema.collection)
      return try LiveCount(request.query(), .newest(of: R.self))
    }
  }

  /// How many records a query means, now and after each commit that changes the number; its limit and
  /// offset count. Holds no records.
  public func observeCount(of query: Query) -> Live<Int> {
    Live(store: self) { [self] in
      try checkIsObservable(query.collection)
      return try LiveCount(query, .stored)
    }
  }
}

extension LiveElements {
  /// Records of a type: equal where the type would write the same.
  static func records<R: Record>(of type: R.Type) -> LiveElements<R> {
    let (encoder, decoder) = (FieldEncoder(), FieldDecoder())
    return LiveElements<R>(
      forms: .newest(of: type),
      decode: { key, fields in
        do {
          return try decoder.decode(type, from: fields, id: RecordID<R>(key))
        } catch JournalError.typeMismatch(let text) {
          throw JournalError.typeMismatch("\(R.schema.collection)/\(key): \(text)")
        }
      },
      areEqual: { left, right in
        try encoder.encoded(left, omittingID: true) == encoder.encoded(right, omittingID: true)
      })
  }

  /// Whole records as they are stored.
  static func untyped(in collection: String) -> LiveElements<UntypedRecord>
  where Element == UntypedRecord {
    LiveElements(
      forms: .stored,
      decode: { key, fields in
        UntypedRecord(collection: collection, key: key, fields: try Snapshot.decode(fields))
      },
      areEqual: { $0 == $1 })
  }
}

extension LiveElements<Fields> {
  /// The fields as they are stored.
  static var fields: LiveElements<Fields> {
    LiveElements(
      forms: .stored, decode: { _, fields in try Snapshot.decode(fields) }, areEqual: { $0 == $1 })
  }
}
