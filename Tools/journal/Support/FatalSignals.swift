#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Turns what a damaged or vanishing memory-mapped file does to a process into an exit code.
///
/// A read error under LMDB's map arrives as SIGBUS, a damaged page may end in SIGSEGV or one of
/// LMDB's assertions. There is nothing to unwind to: say so and leave. Nothing is committed.
enum FatalSignals {
  static func install() {
    signal(SIGPIPE, SIG_IGN)
    for number in [SIGBUS, SIGSEGV, SIGABRT] {
      signal(number) { _ in
        let message: StaticString =
          "journal: error: the journal's file could not be read as mapped; run `journal verify`\n"
        _ = write(2, message.utf8Start, message.utf8CodeUnitCount)
        _exit(2)
      }
    }
  }
}
