import TestKit

/// Lets flushes of a directory's files fail, after so many that still succeed: all, or so many.
final class FailingDisk {
  #if os(Linux)
    private let probe: SyncProbe
  #endif

  init(_ path: String, passing: Int, failing: Int = 1_000_000) throws {
    #if os(Linux)
      probe = try SyncProbe(path)
      probe.failNext(failing, after: passing)
    #endif
  }

  func end() {
    #if os(Linux)
      probe.failNext(0)
    #endif
  }
}
