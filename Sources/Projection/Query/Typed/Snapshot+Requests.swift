import Journal

extension Snapshot {
  /// The records a request means, in its order.
  ///
  /// Reads what an index finds, or else the whole collection; ``explain(_:)`` says which.
  /// ``Request/limit(_:offset:)`` without an order ends that early.
  ///
  /// - Throws: `JournalError.typeMismatch` when a record's fields do not fit the type,
  ///   `JournalError.invalidInput` for a key path that names no stored field.
  public func fetch<R: Record>(_ request: Request<R>) throws -> [R] {
    var records: [R] = []
    try forEach(request) { records.append($0) }
    return records
  }

  /// The first record a request means; nil when there is none. Throws as ``fetch(_:)`` does.
  public func first<R: Record>(_ request: Request<R>) throws -> R? {
    try fetch(request.limit(min(1, request.limit ?? 1), offset: request.offset)).first
  }

  /// Calls a closure with each record a request means, in its order.
  ///
  /// - Throws: as ``fetch(_:)`` does, and what the closure throws.
  public func forEach<R: Record>(_ request: Request<R>, _ body: (R) throws -> Void) throws {
    try page(request, after: nil, body)
  }

  /// How many records a request means, its limit and offset included; decodes none of them.
  public func count<R: Record>(_ request: Request<R>) throws -> Int {
    try forward(R.self).count(request.query())
  }

  /// Whether a request means a record; reads until the first one.
  public func exists<R: Record>(_ request: Request<R>) throws -> Bool {
    try count(request.limit(min(1, request.limit ?? 1), offset: request.offset)) > 0
  }

  /// - Returns: Where the next page begins; nil when this was the last.
  @discardableResult
  func page<R: Record>(
    _ request: Request<R>, after position: Position?, _ body: (R) throws -> Void
  ) throws -> Position? {
    try forward(R.self).select(try request.query(), after: position) { match in
      try body(try decodeForward(R.self, match.key, match.fields))
    }
  }
}
