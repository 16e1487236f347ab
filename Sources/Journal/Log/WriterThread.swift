import Foundation

/// What the writer needs beside the tables: the fold, and the seams for time and ids.
struct WriterEnvironment: Sendable {
  var folder: any InlineFolder
  var now: @Sendable () -> Timestamp
  var makeID: @Sendable (Timestamp) -> EntryID
  var keys: KeyRing
}

/// The one thread of this process that owns the journal's write transactions.
///
/// It takes everything that waits and commits it at once: many callers share one flush. LMDB binds
/// a write transaction to its thread, which is why none is ever begun elsewhere and no `await`
/// can sit inside one.
final class WriterThread: Sendable {
  /// One caller's part of a commit. `run` may be called twice and must be pure.
  struct Job: Sendable {
    let run: @Sendable (AppendContext) throws -> Void
    let complete: @Sendable (Result<Void, any Error>) -> Void
  }

  private final class Queue: @unchecked Sendable {
    // SAFETY: every access to the members below happens while `condition` is locked.
    let condition = NSCondition()
    var jobs: [Job] = []
    var isClosed = false
    var isFinished = false
  }

  /// Most jobs that share one commit: bounds the latency of the first.
  private static let jobsPerCommit = 256

  private let queue = Queue()
  private let environment: Environment
  private let writer: WriterEnvironment

  init(_ environment: Environment, _ writer: WriterEnvironment) {
    self.environment = environment
    self.writer = writer
    let thread = Thread { [queue, environment, writer] in
      Self.run(queue, environment, writer)
    }
    thread.name = "journal writer"
    thread.stackSize = 1 << 20
    thread.start()
  }

  /// Queues a job; it is completed from the writer thread. Thread-safe.
  func submit(_ job: Job) {
    queue.condition.lock()
    let isClosed = queue.isClosed
    if !isClosed {
      queue.jobs.append(job)
      queue.condition.signal()
    }
    queue.condition.unlock()
    if isClosed {
      job.complete(.failure(JournalError.cannotOpen("the journal is closed; open it again")))
    }
  }

  /// Finishes what is queued and ends the thread.
  func close() {
    queue.condition.lock()
    queue.isClosed = true
    queue.condition.broadcast()
    while !queue.isFinished { queue.condition.wait() }
    queue.condition.unlock()
  }

  private static func run(
    _ queue: Queue, _ environment: Environment, _ writer: WriterEnvironment
  ) {
    while true {
      queue.condition.lock()
      while queue.jobs.isEmpty && !queue.isClosed { queue.condition.wait() }
      let jobs = Array(queue.jobs.prefix(jobsPerCommit))
      queue.jobs.removeFirst(jobs.count)
      let isDone = jobs.isEmpty && queue.isClosed
      if isDone {
        queue.isFinished = true
        queue.condition.broadcast()
      }
      queue.condition.unlock()
      if isDone { return }
      commit(jobs, environment, writer)
    }
  }

  /// Ends a transaction that wrote nothing without a commit.
  private struct NothingWritten: Error {}

  /// A job failed after it had written: the others are run again without it.
  private struct JobFailed: Error {
    let index: Int
    let cause: any Error
  }

  private static func commit(
    _ jobs: [Job], _ environment: Environment, _ writer: WriterEnvironment
  ) {
    var remaining = jobs
    while !remaining.isEmpty {
      var early: [Int: any Error] = [:]
      do {
        try environment.write { transaction in
          early = [:]
          let context = try AppendContext(transaction, writer)
          var isDirty = false
          for (index, job) in remaining.enumerated() {
            do {
              try job.run(context)
            } catch {
              if context.hasWritten { throw JobFailed(index: index, cause: error) }
              early[index] = error
            }
            isDirty = isDirty || context.hasWritten
          }
          guard isDirty else { throw NothingWritten() }
          try context.finish()
        }
        return finish(remaining, early)
      } catch is NothingWritten {
        return finish(remaining, early)
      } catch let failure as JobFailed {
        remaining.remove(at: failure.index).complete(.failure(failure.cause))
      } catch {
        for job in remaining { job.complete(.failure(error)) }
        return
      }
    }
  }

  private static func finish(_ jobs: [Job], _ early: [Int: any Error]) {
    for (index, job) in jobs.enumerated() {
      job.complete(early[index].map { .failure($0) } ?? .success(()))
    }
  }
}
