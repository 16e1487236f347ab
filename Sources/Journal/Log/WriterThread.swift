import Foundation

/// What the writer needs beside the tables: the fold, and the seams for time and ids.
struct WriterEnvironment: Sendable {
  var folder: any InlineFolder
  var now: @Sendable () -> Timestamp
  var makeID: @Sendable (Timestamp) -> EntryID
  var keys: KeyRing
  /// By default nobody watches.
  var signal = CommitSignal(keeping: 0)
  /// Bytes of what commits did that are kept for those who watch.
  var watchedBytes = 0
  /// Seconds between two looks at the file for commits of other processes.
  var pollSeconds = 1.0
  /// Told the last sequence after each commit that appended something; must return at once.
  var didCommit: @Sendable (SequenceNumber) -> Void = { _ in }
}

/// What a commit did, as those who watch are told.
struct RecordedCommit {
  var groups: [RecordedGroup]?
  var before: SequenceNumber
  var through: SequenceNumber
}

/// The one thread of this process that owns the journal's write transactions.
///
/// It takes everything that waits and commits it at once: many callers share one flush. LMDB binds
/// a write transaction to its thread, which is why none is ever begun elsewhere and no `await`
/// can sit inside one.
final class WriterThread: Sendable {
  /// One caller's part of a commit. `run` may be called twice and must be pure.
  struct Job: Sendable {
    /// Whether it is complete only when everything before it is durable.
    var needsDurability = false
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

  /// Lets the thread look anew at what it has to wait for.
  func wake() {
    queue.condition.lock()
    queue.condition.signal()
    queue.condition.unlock()
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
      while queue.jobs.isEmpty && !queue.isClosed {
        queue.condition.unlock()
        let rest = [makeDurableIfDue(environment), lookForOthers(environment, writer)]
          .compactMap { $0 }.min()
        queue.condition.lock()
        // A job may have come meanwhile.
        guard queue.jobs.isEmpty, !queue.isClosed else { break }
        if let rest {
          _ = queue.condition.wait(until: Date(timeIntervalSinceNow: rest))
        } else {
          queue.condition.wait()
        }
      }
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

  /// Makes old commits durable while nobody appends; returns the seconds until it has to be done
  /// again, nil when nothing waits for it.
  private static func makeDurableIfDue(_ environment: Environment) -> Double? {
    do {
      return try environment.makeDurableIfDue().map { Double($0) / 1e9 }
    } catch {
      // The environment refuses what comes next, with this error.
      return nil
    }
  }

  /// Looks, while somebody watches, whether another process has appended; returns the seconds until
  /// it is time again.
  private static func lookForOthers(
    _ environment: Environment, _ writer: WriterEnvironment
  ) -> Double? {
    guard writer.signal.isWatched else { return nil }
    do {
      writer.signal.note(try environment.read { try JournalReader($0).head.lastSequence })
    } catch {
      // Whoever reads or writes next meets the same error and is told.
    }
    return writer.pollSeconds
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
      var recorded: RecordedCommit?
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
          recorded = context.takeRecorded()
        }
        if let recorded {
          writer.signal.publish(
            recorded.groups, after: recorded.before, through: recorded.through)
          writer.didCommit(recorded.through)
        }
        return finish(remaining, early, environment)
      } catch is NothingWritten {
        return finish(remaining, early, environment)
      } catch let failure as JobFailed {
        remaining.remove(at: failure.index).complete(.failure(failure.cause))
      } catch {
        for (index, job) in remaining.enumerated() {
          job.complete(.failure(early[index] ?? error))
        }
        return
      }
    }
  }

  private static func finish(
    _ jobs: [Job], _ early: [Int: any Error], _ environment: Environment
  ) {
    var durable: Result<Void, any Error> = .success(())
    if jobs.contains(where: \.needsDurability) {
      durable = Result { try environment.makeDurable() }
    }
    for (index, job) in jobs.enumerated() {
      if let error = early[index] {
        job.complete(.failure(error))
      } else {
        job.complete(job.needsDurability ? durable : .success(()))
      }
    }
  }
}
