#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Where targets that need files put them: in memory where the system has such a place.
enum Scratch {
  /// `FUZZ_SCRATCH`, which whoever starts the fuzzer removes afterwards; a finding ends the process
  /// without further notice.
  static let directory: String = {
    getenv("FUZZ_SCRATCH").map { String(cString: $0) }
      ?? (access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp")
  }()

  /// The data file named by `FUZZ_JOURNAL`.
  static func journal() -> String {
    guard let path = getenv("FUZZ_JOURNAL") else {
      fail("FUZZ_JOURNAL names no journal's data file")
    }
    return String(cString: path)
  }
}
