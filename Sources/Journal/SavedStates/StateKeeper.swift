import Foundation
import Synchronization

/// Saves a state now and then, on a thread of its own, while others write and read.
///
/// Nobody waits for it, and nothing fails with it: what cannot be saved is folded.
final class StateKeeper: Sendable {
  private struct Progress {
    /// The sequence from which a new state is due; nil when none is ever.
    var due: SequenceNumber?
    var isClosed = false
    /// Whether a save runs; one at a time.
    var isBusy = false
  }

  private let environment: Environment
  private let folder: any InlineFolder
  private let interval: UInt64?
  private let progress: Mutex<Progress>
  private let writer = Mutex<WriterThread?>(nil)
  private let idle = NSCondition()

  init(_ environment: Environment, _ folder: any InlineFolder, interval: UInt64?) {
    (self.environment, self.folder) = (environment, folder)
    self.interval = interval.map { max(1, $0) }
    let newest = SavedStates.sequences(in: environment.directory).last ?? 0
    progress = Mutex(Progress(due: self.interval.map { newest.addingReportingOverflow($0).0 }))
  }

  func begin(_ writer: WriterThread) {
    self.writer.withLock { $0 = writer }
  }

  /// Begins a save in the background when one is due; returns at once.
  func didCommit(_ last: SequenceNumber) {
    let isDue = progress.withLock { progress in
      guard let due = progress.due, last >= due, !progress.isBusy, !progress.isClosed else {
        return false
      }
      progress.isBusy = true
      return true
    }
    if isDue { start(at: nil, isDue: true) { _ in } }
  }

  /// Saves the state at a sequence, nil being the present.
  func save(at sequence: SequenceNumber?) async throws -> Bool {
    let begins = progress.withLock { progress in
      guard !progress.isBusy, !progress.isClosed else { return false }
      progress.isBusy = true
      return true
    }
    guard begins else { return false }
    return try await withCheckedThrowingContinuation { continuation in
      start(at: sequence, isDue: false) { continuation.resume(with: $0) }
    }
  }

  /// Ends a save that runs, and begins none any more.
  func close() {
    progress.withLock { $0.isClosed = true }
    finish()
    writer.withLock { $0 = nil }
  }

  /// Returns once no save runs.
  func finish() {
    idle.lock()
    while progress.withLock({ $0.isBusy }) { idle.wait() }
    idle.unlock()
  }

  private var isClosed: Bool { progress.withLock { $0.isClosed } }

  private func start(
    at sequence: SequenceNumber?, isDue: Bool,
    completion: @escaping @Sendable (Result<Bool, any Error>) -> Void
  ) {
    let thread = Thread { [self] in
      let result = Result { try save(at: sequence, isDue: isDue) }
      idle.lock()
      progress.withLock { $0.isBusy = false }
      idle.broadcast()
      idle.unlock()
      completion(result)
    }
    thread.name = "journal states"
    thread.stackSize = 1 << 20
    thread.start()
  }

  // MARK: The save

  private func save(at sequence: SequenceNumber?, isDue: Bool) throws -> Bool {
    try makeToken()
    return try environment.read(span: .long) { transaction in
      let reader = try JournalReader(transaction)
      let through = sequence ?? reader.head.lastSequence
      guard !reader.identity.isSealed, try isWanted(through, reader, isDue: isDue),
        let token = try reader.meta(MetaKey.savedStates)
      else { return false }
      var rows =
        through == reader.head.lastSequence
        ? BaselineRows(view: reader)
        : BaselineRows(try Replay.restore(reader, through: through, with: folder))
      let header = try SavedStateHeader(reader, through, token)
      return try write(&rows, header, through, token)
    }
  }

  /// Makes what files have to name, where the journal has none yet. Before the view that is saved: what is
  /// erased after it changes the token.
  private func makeToken() throws {
    let isNeeded = try environment.read { transaction in
      let reader = try JournalReader(transaction)
      return try !reader.identity.isSealed && reader.meta(MetaKey.savedStates) == nil
    }
    guard isNeeded else { return }
    let token = SavedStates.newToken()
    try transact { context in
      guard try context.state.meta(MetaKey.savedStates) == nil else { return }
      try context.putMeta(MetaKey.savedStates, token)
    }
  }

  /// Whether a state is not there yet and, when it comes by itself, far enough from the one before.
  private func isWanted(
    _ through: SequenceNumber, _ reader: JournalReader, isDue: Bool
  ) throws -> Bool {
    let saved = SavedStates.sequences(in: environment.directory)
    guard !saved.contains(through) else { return false }
    guard isDue, let interval else { return true }
    // A file holds every record: with many of them it has to pay for itself.
    let spacing = max(interval, try reader.storage.count(.records) * 2)
    let newest = saved.last { $0 <= through } ?? 0
    let isFar = through - newest >= spacing
    progress.withLock { $0.due = (isFar ? through : newest) + spacing }
    return isFar
  }

  private func write(
    _ rows: inout BaselineRows, _ header: SavedStateHeader, _ through: SequenceNumber,
    _ token: [UInt8]
  ) throws -> Bool {
    let directory = environment.directory
    let part = "\(directory)/\(SavedStates.partName)"
    guard let file = try transact({ try PartFile(part, token, $0) }) else { return false }
    do {
      guard
        try SavedStateFile.write(
          &rows, header, to: file.descriptor, part, while: { !isClosed })
      else {
        _ = try transact { try file.remove($0) }
        return false
      }
      try StableStorage.synchronize(file.descriptor, part)
      let place = "\(directory)/\(SavedStates.name(through))"
      let isPlaced = try transact { try file.place(place, token, $0) }
      if isPlaced { SavedStates.thin(in: directory) }
      return isPlaced
    } catch {
      _ = try transact { try file.remove($0) }
      throw error
    }
  }

  /// Runs a closure in the shared write transaction and waits for it.
  private func transact<R: Sendable>(
    _ body: @escaping @Sendable (AppendContext) throws -> R
  ) throws -> R {
    guard let writer = writer.withLock({ $0 }) else {
      throw JournalError.cannotOpen("the journal is closed; open it again")
    }
    let outcome = Outcome<R>()
    writer.submit(
      WriterThread.Job(
        run: { context in
          let value = try body(context)
          outcome.value.withLock { $0 = value }
        },
        complete: { result in
          outcome.error.withLock { error in
            if case .failure(let failure) = result { error = failure }
          }
          outcome.done.signal()
        }))
    outcome.done.wait()
    if let error = outcome.error.withLock({ $0 }) { throw error }
    guard let value = outcome.value.withLock({ $0 }) else {
      throw JournalError.storage("a transaction ended without a result")
    }
    return value
  }
}

private final class Outcome<R: Sendable>: Sendable {
  let value = Mutex<R?>(nil)
  let error = Mutex<(any Error)?>(nil)
  let done = DispatchSemaphore(value: 0)
}

/// The file that is being written. It is made, named and removed under the lock of the write
/// transaction, so that an erasure, which holds that lock too, sees every file there is.
final class PartFile: Sendable {
  let descriptor: Int32
  private let path: String

  /// Nil when another process is writing one, or the token is no longer in force.
  init?(_ path: String, _ token: [UInt8], _ context: AppendContext) throws {
    guard try context.state.meta(MetaKey.savedStates) == token else { return nil }
    let descriptor = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0o600)
    guard descriptor >= 0 else { throw LMDBFailure.systemError(path, "creating") }
    self.descriptor = descriptor
    self.path = path
    var status = stat()
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0, fstat(descriptor, &status) == 0,
      status.st_mode & S_IFMT == S_IFREG
    else { return nil }
    guard fchmod(descriptor, 0o600) == 0, ftruncate(descriptor, 0) == 0 else {
      throw LMDBFailure.systemError(path, "creating")
    }
  }

  deinit {
    close(descriptor)
  }

  /// Whether the file still has its name: an erasure takes it away.
  private var isInPlace: Bool {
    var own = stat()
    var named = stat()
    return fstat(descriptor, &own) == 0 && lstat(path, &named) == 0
      && FileID(own) == FileID(named)
  }

  func place(_ place: String, _ token: [UInt8], _ context: AppendContext) throws -> Bool {
    guard try context.state.meta(MetaKey.savedStates) == token, isInPlace else { return false }
    guard rename(path, place) == 0 else { throw LMDBFailure.systemError(place, "naming") }
    try NewFile.synchronizeParent(of: place)
    return true
  }

  func remove(_ context: AppendContext) throws {
    if isInPlace { unlink(path) }
  }
}
