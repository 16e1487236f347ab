import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Removes a journal with everything in its directory.
package enum Wipe {
  /// Removes the journal in `directory`; after a crash it stands whole under its name, or is gone from
  /// there.
  ///
  /// - Parameter discardsPending: Also where edits are pending, in flight or parked, or where the file
  ///   is too damaged to tell.
  /// - Throws: ``JournalError/busy(_:)`` when this or another process has it open,
  ///   ``JournalError/pendingEdits(_:)``; nothing was changed then.
  package static func run(directory: String, discardsPending: Bool) throws {
    let place = try DataDirectory(existing: directory)
    let opening = try OpeningLock(place.path, isExclusive: true)
    defer { withExtendedLifetime(opening) {} }
    let file = try PageFile(path: place.dataPath)
    let (claim, isNew) = OpenFiles.claim(file.id)
    guard isNew else { throw Rewrite.inUse(place) }
    defer { claim.release() }
    let lock = try Rewrite.ExclusiveLock(place)
    defer { lock.release() }
    if !discardsPending { try checkNothingIsPending(file, place.path) }
    let url = URL(fileURLWithPath: place.path)
    let parent = url.deletingLastPathComponent().path
    let random = String(RandomPool.shared.next(), radix: 16)
    let away = "\(parent)/.\(url.lastPathComponent).wiping-\(random)"
    guard rename(place.path, away) == 0 else {
      throw LMDBFailure.systemError(place.path, "renaming")
    }
    try DataDirectory(existing: parent).synchronize()
    do { try FileManager.default.removeItem(atPath: away) } catch {
      throw JournalError.storage(
        "the journal is gone from \(place.path), but its files could not be removed from \(away): "
          + "\(error); remove that directory")
    }
  }

  private static func checkNothingIsPending(_ file: PageFile, _ path: String) throws {
    let newest = try Commit.newest(of: file, headRows: .required)
    let counts = try JournalReader(PagedReader(file, newest, pin: nil)).counts()
    let pending = counts.pending &+ counts.inFlight &+ counts.parked
    guard pending == 0 else {
      throw JournalError.pendingEdits(
        "\(path) has \(pending) edits that no server has taken; sync first, or say that they are to be "
          + "discarded")
    }
  }
}
