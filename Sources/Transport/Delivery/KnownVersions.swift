import Journal

/// What the journal knows of the records a segment speaks of, by the time it is sent.
enum KnownVersions {
  /// For each edit the version its record has in the server's order; nil where no server has shown it, or, of
  /// a put or create, where it was kept though the server does not show it any more.
  ///
  /// Not part of what is sealed: it moves on with what is taken in, and a decision that was taken about
  /// it is a reason to send the edit all the same.
  static func of(
    _ segment: Segment, to remote: String, _ context: AppendContext
  ) throws -> [ServerVersion?] {
    let reader = try context.reader()
    let cursor = try reader.cursor(of: remote)
    return try segment.edits.map { sequence in
      guard let entry = try reader.entry(sequence),
        let record = try entry.plainBody.withUnsafeBytes({ try Body($0).record() }),
        let base = try context.base(of: record)
      else { return nil }
      // What brings a record back is to find none; any other edit fails safely on a version that is past.
      if entry.header.kind == .put || entry.header.kind == .create, let cursor, !cursor.isTaking,
        try context.hasOlderLiveBase(record, than: cursor)
      {
        return nil
      }
      return base.fields == nil ? nil : base.version
    }
  }
}
