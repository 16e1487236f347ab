#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Brings the last snapshot back after the machine stopped with unsynced commits in its cache.
///
/// While the machine runs on, the kernel has all that was committed, also by a killed process. A
/// snapshot saved in another running of the machine says that nobody ended the mode cleanly
/// since: newer pages may be on disk in part, but none of the snapshot's was written over.
enum SnapshotRecovery {
  /// Writes the saved meta pages back if the data file needs them.
  static func restore(
    _ directory: DataDirectory, _ settings: StorageSettings
  ) throws(JournalError) {
    guard let file = try SnapshotFile.open(in: directory.path, forWriting: true),
      try isFromBefore(file, settings)
    else { return }
    try lockAlone(file, directory)
    // Another process may have been faster.
    guard SnapshotFile.exists(in: directory.path), let snapshot = try file.newest() else { return }
    let data = try PageFile(path: directory.dataPath)
    _ = try metas(of: snapshot, data)
    try writeBack(snapshot, data)
    try file.remove(from: directory)
  }

  /// A snapshot that has to be read in the place of the newest commit, because nobody has brought
  /// it back yet; nil usually. The file is held so that nobody does meanwhile.
  static func pending(
    _ directory: String, _ data: PageFile, _ settings: StorageSettings
  ) throws(JournalError) -> (file: SnapshotFile, metas: [MetaPage])? {
    guard let file = try SnapshotFile.open(in: directory, forWriting: false),
      try isFromBefore(file, settings), file.lockShared(), let snapshot = try file.newest()
    else { return nil }
    return (file, try metas(of: snapshot, data))
  }

  private static func isFromBefore(
    _ file: SnapshotFile, _ settings: StorageSettings
  ) throws(JournalError) -> Bool {
    guard let snapshot = try file.newest() else { return false }
    return try snapshot.bootID != settings.currentBootID()
  }

  private static func lockAlone(
    _ file: SnapshotFile, _ directory: DataDirectory
  ) throws(JournalError) {
    for _ in 0..<5000 {
      if file.lockAlone() || !SnapshotFile.exists(in: directory.path) { return }
      pause(microseconds: 1000)
    }
    throw .busy(
      "\(directory.path) has to be brought back to its last snapshot, but is being read; "
        + "try again when the reader is done")
  }

  private static func metas(
    of snapshot: Snapshot, _ data: PageFile
  ) throws(JournalError) -> [MetaPage] {
    guard snapshot.inode == data.id.inode else {
      throw .damaged(
        "\(data.path) is not the file its snapshot was made of; if the journal was copied after a "
          + "power cut, open the original first and copy it again, and if an older copy of the "
          + "data file was put there, remove the file `\(SnapshotFile.name)` beside it")
    }
    let metas = try MetaPage.both(from: snapshot.metas, place: "the snapshot")
    guard metas[0].pageBytes == snapshot.pageBytes else {
      throw .damaged("the snapshot of \(data.path) names two page sizes; restore a copy")
    }
    return metas
  }

  private static func writeBack(
    _ snapshot: Snapshot, _ data: PageFile
  ) throws(JournalError) {
    let descriptor = open(data.path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else { throw LMDBFailure.openError(errno, data.path) }
    defer { close(descriptor) }
    for (number, meta) in snapshot.metas.enumerated() {
      let count = pwrite(descriptor, meta, meta.count, off_t(number * snapshot.pageBytes))
      guard count == meta.count else {
        throw LMDBFailure.systemError(data.path, "writing the snapshot back to")
      }
    }
    try StableStorage.synchronize(descriptor, data.path)
  }
}

extension StorageSettings {
  func currentBootID() throws(JournalError) -> String {
    do {
      return try bootID()
    } catch let error as JournalError {
      throw error
    } catch {
      throw .storage("asking for the machine's boot id: \(error)")
    }
  }
}
