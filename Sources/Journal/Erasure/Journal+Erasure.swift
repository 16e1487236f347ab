import Foundation

extension Journal {
  /// Erases one record: bodies, salts, rows and baseline go, an `erased` entry says so.
  ///
  /// Archives named are opened first and rewritten before the record goes, so that an archive that
  /// cannot be reached stops the erasure and nothing is changed; those the journal knows of but are
  /// not named are listed in the entry. Until the file is rewritten, its free pages still hold what
  /// was erased.
  ///
  /// - Parameters:
  ///   - paths: Archives of this journal to erase the record from.
  ///   - archiveKeys: Keys the archives may be encrypted under; nil takes the journal's.
  ///   - isOnlyHere: The server that has the record is not told.
  /// - Returns: Nil when nothing is known of the record and no archive is named.
  /// - Throws: ``JournalError``.
  package func erase(
    _ record: RecordAddress, reason: String, archives paths: [String] = [],
    archiveKeys: KeyRing? = nil, isOnlyHere: Bool = false
  ) async throws -> (erasure: Erasure, archives: [ErasedArchive])? {
    let known = try await transact {
      try $0.folder.erasable(.record(record), in: $0.transaction)?.rowKeys
    }
    guard known != nil || !paths.isEmpty else { return nil }
    let archives = try eraseFromArchives(
      paths, known ?? [record.rowKey], archiveKeys ?? keys)
    let erasure = try await transact { [archives] context -> Erasure in
      let erasure =
        try context.erase(.record(record), isOnlyHere: isOnlyHere) ?? Erasure(sequences: [])
      let appended = try context.append(
        erasure.draft(reason: reason, archives: archives))
      try context.nameErasure(erasure, by: appended.sequence ?? 0)
      return erasure
    }
    return (erasure, archives)
  }

  /// The archives named, rewritten, and those known that were not named.
  private func eraseFromArchives(
    _ paths: [String], _ rowKeys: Set<[UInt8]>, _ keys: KeyRing
  ) throws -> [ErasedArchive] {
    let (known, journal) = try read { (try $0.archives(), $0.identity.journal) }
    // All are opened before the first is changed.
    let erasers = try paths.map { path in
      try PackEraser(rowKeys, path: path, journal: journal, keys: keys)
    }
    let places = Set(paths.map { Self.place($0) })
    var archives: [ErasedArchive] = []
    for (path, eraser) in zip(paths, erasers) {
      let named = known.first { Self.place($0.path) == Self.place(path) }
      archives.append(
        ErasedArchive(
          path: path, horizon: named.map { $0.through + 1 } ?? 0, digest: try eraser.run()))
    }
    for archive in known where !places.contains(Self.place(archive.path)) {
      archives.append(
        ErasedArchive(path: archive.path, horizon: archive.through + 1, digest: nil))
    }
    return archives
  }

  /// One name for a file, however its path was written.
  private static func place(_ path: String) -> [UInt8] {
    [UInt8](URL(fileURLWithPath: path).resolvingSymlinksInPath().path.utf8)
  }
}
