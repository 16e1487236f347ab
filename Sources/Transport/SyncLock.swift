import Journal

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Held by the one process that exchanges with a journal's remotes. The kernel lets go of it when
/// the process ends, however it ends.
final class SyncLock: Sendable {
  private let descriptor: Int32

  /// - Throws: ``TransportError/busy(_:)`` when another process holds it.
  init(directory: String) throws {
    let path = "\(directory)/\(JournalFiles.syncLock)"
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else {
      throw JournalError.storage("cannot open \(path): \(String(cString: strerror(errno)))")
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      throw TransportError.busy(
        "another process is syncing this journal; wait for it or stop it, then sync again")
    }
  }

  /// Lets go of the lock; called once.
  func release() {
    // A process that is just being started here has the descriptor too, until it runs its own program:
    // closing ours alone would leave the lock to it.
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }
}
