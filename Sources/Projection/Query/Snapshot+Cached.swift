import Journal

/// A collection a server keeps was read before anything of it was taken in.
public struct NotCached: Error, Sendable, Hashable, CustomStringConvertible {
  public let collection: String
  /// The name of the remote that owns the collection.
  public let remote: String

  /// What is missing, and what to do.
  public var description: String {
    "nothing of collection \"\(collection)\" has been taken in from remote \"\(remote)\" yet, so that it "
      + "shows what was written here alone; sync once (`journal sync`), or read it without asking whether "
      + "it is cached"
  }
}

extension Snapshot {
  /// Tells a collection that is empty from one that was never taken in.
  ///
  /// Holds once a sync has taken in anything of the feed of the remote that owns the collection, whether or
  /// not a record of it came; always where no remote owns it. Costs two small reads. It speaks of the present, also in a
  /// view of an earlier moment.
  ///
  /// ```swift
  /// let notes = try store.read { snapshot in
  ///   try snapshot.requireCached("notes")
  ///   return try snapshot.query(Query("notes"))
  /// }
  /// ```
  ///
  /// - Throws: ``NotCached`` where it does not hold; `JournalError` for a name outside 1–128 bytes or a
  ///   damaged row.
  public func requireCached(_ collection: String) throws {
    let prefix = try RecordAddress(collection: collection, key: "-").rowKey
    guard let owner = try reader.remote(owning: prefix), try reader.cursor(of: owner.name) == nil
    else { return }
    throw NotCached(collection: collection, remote: owner.name)
  }
}
