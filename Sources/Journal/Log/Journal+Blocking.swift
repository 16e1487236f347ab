import Dispatch

extension Journal {
  /// Runs a closure in the shared write transaction and blocks until it is on stable storage.
  ///
  /// For the one commit that opening a store may need, where no caller can wait otherwise. The closure
  /// may run twice and must be pure. Never called on the writer thread.
  package func transactBlocking(
    _ body: @escaping @Sendable (AppendContext) throws -> Void
  ) throws {
    let outcome = Outcome()
    submit(body) { outcome.finish($0) }
    try outcome.wait().get()
  }
}

/// Where the writer thread leaves the result for the thread that waits.
private final class Outcome: @unchecked Sendable {
  // SAFETY: written once before the semaphore is signalled, read once after it was waited for.
  private var result: Result<Void, any Error> = .success(())
  private let isDone = DispatchSemaphore(value: 0)

  func finish(_ result: Result<Void, any Error>) {
    self.result = result
    isDone.signal()
  }

  func wait() -> Result<Void, any Error> {
    isDone.wait()
    return result
  }
}
