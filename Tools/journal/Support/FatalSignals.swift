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
  /// Set before any handler can run, and read by them alone.
  nonisolated(unsafe) private static var printsJSON = false

  static func install() {
    printsJSON = Failure.isJSONWanted
    signal(SIGPIPE, SIG_IGN)
    for number in [SIGBUS, SIGSEGV, SIGABRT] {
      signal(number) { _ in
        let message: StaticString =
          "journal: error: the journal's file could not be read as mapped; run `journal verify`\n"
        _ = write(2, message.utf8Start, message.utf8CodeUnitCount)
        if FatalSignals.printsJSON {
          // Behind whole lines: what is buffered never reaches standard output.
          let object: StaticString = """
            {"error":{"code":"damaged","exit":2,"message":"the journal's file could not be read as \
            mapped","next":"copy the directory before anything else, then run `journal verify`"}}

            """
          _ = write(1, object.utf8Start, object.utf8CodeUnitCount)
        }
        _exit(2)
      }
    }
  }
}
