extension Journal {
  /// Erases one record: bodies, salts, rows and baseline go, an `erased` entry says so.
  ///
  /// Archives named are rewritten first; those the journal knows of but are not named are listed in
  /// the entry. Until the file is rewritten, its free pages still hold what was erased.
  ///
  /// - Returns: Nil when nothing is known of the record.
  /// - Throws: ``JournalError``.
  package func erase(
    _ record: RecordAddress, reason: String, archives paths: [String] = []
  ) async throws -> (erasure: Erasure, archives: [ErasedArchive])? {
    guard try read({ try $0.storage.contains(.records, record.rowKey) }) else {
      // What only an archive still holds can be erased from there.
      let rewritten = try eraseFromArchives(paths, record)
      return paths.isEmpty ? nil : (Erasure(sequences: []), rewritten)
    }
    let archives = try eraseFromArchives(paths, record)
    let erasure = try await transact { [archives] context -> Erasure? in
      guard let erasure = try context.erase(.record(record)) else { return nil }
      let appended = try context.append(
        erasure.draft(reason: reason, archives: archives))
      try context.nameErasure(erasure, by: appended.sequence ?? 0)
      return erasure
    }
    return erasure.map { ($0, archives) }
  }

  private static func isSame(_ one: String, _ other: String) -> Bool {
    one.utf8.elementsEqual(other.utf8)
  }

  /// The archives named, rewritten, and those known that were not named.
  private func eraseFromArchives(
    _ paths: [String], _ record: RecordAddress
  ) throws -> [ErasedArchive] {
    let known = try read { try $0.archives() }
    let named = try paths.map { path in
      ErasedArchive(
        path: path, horizon: known.first { Self.isSame($0.path, path) }.map { $0.through + 1 } ?? 0,
        digest: try PackEraser.erase(record.rowKey, from: path, keys: keys))
    }
    let unreached = known.filter { archive in
      !paths.contains { Self.isSame($0, archive.path) }
    }
    return named
      + unreached.map { ErasedArchive(path: $0.path, horizon: $0.through + 1, digest: nil) }
  }
}
