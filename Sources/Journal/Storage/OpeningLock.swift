#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Keeps a data file from being replaced while somebody opens it, and the other way round.
///
/// Opening is several steps: the file, its meta pages, LMDB's lock file, whose first opener sets the
/// shared transaction id from the file it has. Were the file replaced in between, a writer of the
/// new one would begin from an id of the old one. A `flock` on the directory, shared for opening and
/// exclusive for replacing, costs two system calls and cannot be lost by closing another descriptor.
final class OpeningLock {
  private let descriptor: Int32

  init(_ directory: String, isExclusive: Bool = false) throws(JournalError) {
    descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw LMDBFailure.openError(errno, directory) }
    while flock(descriptor, isExclusive ? LOCK_EX : LOCK_SH) != 0 {
      if errno == EINTR { continue }
      // A medium without such locks is read-only or foreign; nobody can replace the file there.
      guard isExclusive else { break }
      let error = LMDBFailure.systemError(directory, "locking")
      close(descriptor)
      throw error
    }
  }

  deinit {
    close(descriptor)
  }
}
