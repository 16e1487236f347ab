public import Journal

/// One read at one moment, for when a whole ``Snapshot`` is more than is needed.
///
/// Two such calls may see different states; what belongs together is read in one
/// ``Store/read(at:_:)``. A moment in the past costs a fold up to it, once for each call.
extension Store {
  private func snapshot<R>(_ moment: Moment?, _ body: (Snapshot) throws -> R) throws -> R {
    guard let moment else { return try read(body) }
    return try read(at: moment, body)
  }

  /// One record's fields at a moment, nil being the present; nil when it did not exist then.
  public func get(
    _ collection: String, _ key: String, at moment: Moment? = nil
  ) throws -> Fields? {
    try snapshot(moment) { try $0.get(collection, key) }
  }

  /// The record under an id at a moment, nil being the present; nil when it did not exist then.
  public func fetch<R: Record>(
    _ type: R.Type, _ id: RecordID<R>, at moment: Moment? = nil
  ) throws -> R? {
    try snapshot(moment) { try $0.fetch(type, id) }
  }

  /// The records a request means at a moment, nil being the present, in its order.
  public func fetch<R: Record>(_ request: Request<R>, at moment: Moment? = nil) throws -> [R] {
    try snapshot(moment) { try $0.fetch(request) }
  }

  /// How many records a request means at a moment, nil being the present.
  public func count<R: Record>(_ request: Request<R>, at moment: Moment? = nil) throws -> Int {
    try snapshot(moment) { try $0.count(request) }
  }

  /// The records a query means at a moment, nil being the present.
  public func query(_ query: Query, at moment: Moment? = nil) throws -> [UntypedRecord] {
    try snapshot(moment) { try $0.query(query) }
  }

  /// What happened to one record up to a moment, nil being the present; as
  /// ``Snapshot/history(of:_:)-(String,_)`` tells it.
  public func history(
    of collection: String, _ key: String, at moment: Moment? = nil
  ) throws -> RecordHistory {
    let address = try RecordAddress(collection: collection, key: key)
    return try journal.read(span: .long) { reader in
      let through = try moment?.sequence(in: reader) ?? reader.head.lastSequence
      return try Snapshot.history(reader, address, through: through)
    }
  }

  /// What happened to one record of a type, as ``Snapshot/history(of:_:)-(R.Type,_)`` tells it.
  public func history<R: Record>(
    of type: R.Type, _ id: RecordID<R>
  ) throws -> [TypedRecordEvent<R>] {
    try journal.read(span: .long) { try Snapshot($0).history(of: type, id) }
  }

  /// Which entry gave a record each of its fields at a moment, nil being the present; as
  /// ``Snapshot/blame(_:_:)-(String,_)`` finds it.
  public func blame(
    _ collection: String, _ key: String, at moment: Moment? = nil
  ) throws -> Blame? {
    try journal.read(span: .long) { reader in
      let through = try moment?.sequence(in: reader) ?? reader.head.lastSequence
      return try Blame.of(collection, key, in: reader, through: through)
    }
  }
}

extension Store {
  /// Saves the state at a moment, nil being the present, so that reads of moments behind it begin
  /// there.
  ///
  /// Saving goes on by itself every `Journal.Configuration.savedStateInterval` entries; this is for a
  /// journal whose past was not saved, or a moment that will be asked for often. What is saved is a
  /// file in the journal's directory, about as large as all records; an erasure removes it.
  ///
  /// - Returns: False when nothing was saved: it is there already, another save runs, or the journal is
  ///   encrypted.
  /// - Throws: `JournalError.storage` when it cannot be written, and what reading the moment throws.
  @discardableResult
  public func saveState(at moment: Moment? = nil) async throws -> Bool {
    let sequence = try moment.map { moment in
      try journal.read(span: .long) { try moment.sequence(in: $0) }
    }
    return try await journal.saveState(at: sequence)
  }
}
