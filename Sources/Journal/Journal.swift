import Foundation
import Synchronization

/// An append-only, durable, provable journal of everything that happened to an app's data.
///
/// One journal is one directory. Any number of handles in different processes may read and write
/// it; within a process it is opened once. All members are safe to call from any thread.
///
/// ```swift
/// let store = try Store.open(at: "Notes.journal")
/// let journal = store.journal
/// print(try journal.lastSequence)
/// ```
public final class Journal: Sendable {
  /// How a journal is opened: its seams to the outside, all with working defaults.
  public struct Configuration: Sendable {
    /// The clock entries are stamped with. A clock that goes back is held at the last stamp.
    public var now: @Sendable () -> Timestamp
    /// Source of random words for entry ids.
    public var random: @Sendable () -> UInt64
    /// Where the keys of an encrypted journal come from; nil for one that is not encrypted.
    public var encryption: Encryption?
    /// What has happened when an append returns.
    public var durability: Durability
    /// How often the file is looked at for commits of other processes, while anything is observed;
    /// a millisecond at least. Commits of this process are told at once.
    public var pollInterval = Duration.milliseconds(250)
    /// Bytes of what the last commits did that are kept in memory while anything is observed.
    package var watchedBytes = 16 << 20
    /// Entries between saved states, from which reads of the past go on; nil saves none.
    ///
    /// A state is a file of about the size of all visible records, written in the background. With many
    /// records it is written after twice as many entries as there are records, however small this is.
    /// Encrypted journals have none.
    public var savedStateInterval: UInt64? = 100_000
    /// The seeds of signing keys, 32 bytes each; nil takes them from the system, as every journal but a
    /// simulated one has to.
    package var signingSeed: (@Sendable () -> [UInt8])?
    /// The storage's own seams; its durability is the one above.
    package var storage = StorageSettings()

    public init(
      now: @escaping @Sendable () -> Timestamp = { .now },
      random: (@Sendable () -> UInt64)? = nil,
      encryption: Encryption? = nil,
      durability: Durability = .standard
    ) {
      self.now = now
      self.encryption = encryption
      self.random = random ?? { RandomPool.shared.next() }
      self.durability = durability
    }
  }

  /// The directory the journal stands in.
  public let path: String
  package let configuration: Configuration
  package let keys: KeyRing
  package let folder: any InlineFolder
  private let environment: Environment
  private let writer: WriterThread
  let signal: CommitSignal
  private let stateKeeper: StateKeeper

  /// Opens a journal with the fold that keeps its derived rows.
  ///
  /// An app opens a `Store`, which brings the fold.
  package init(
    openAt path: String, configuration: Configuration, folder: any InlineFolder
  ) throws {
    self.path = path
    self.configuration = configuration
    self.folder = folder
    keys = KeyRing(configuration.encryption)
    var settings = configuration.storage
    settings.durability = configuration.durability
    environment = try Environment.open(directory: path, settings: settings)
    let ids = Mutex(EntryIDGenerator(random: configuration.random))
    signal = CommitSignal(keeping: configuration.watchedBytes)
    stateKeeper = StateKeeper(environment, folder, interval: configuration.savedStateInterval)
    writer = WriterThread(
      environment,
      WriterEnvironment(
        folder: folder, now: configuration.now,
        makeID: { time in ids.withLock { $0.next(milliseconds: time.milliseconds) } }, keys: keys,
        signal: signal, watchedBytes: configuration.watchedBytes,
        pollSeconds: Double(max(configuration.pollInterval.nanoseconds, 1_000_000)) / 1e9,
        didCommit: { [stateKeeper] in stateKeeper.didCommit($0) }))
    stateKeeper.begin(writer)
    do {
      let isTrimmed = try read { reader in
        if configuration.encryption != nil, !reader.identity.isSealed {
          throw JournalError.notEncrypted(
            "\(path) is not encrypted, but a key was given; open it without one and call "
              + "`rekey(to:)`, or run `journal rekey`")
        }
        return reader.horizon.isTrimComplete
      }
      if !isTrimmed { continueTrim() }
    } catch {
      close()
      throw error
    }
  }

  /// Lets the writer notice that somebody watches.
  func wakeWriter() { writer.wake() }

  /// Queues a transaction nobody waits for.
  func submit(
    _ body: @escaping @Sendable (AppendContext) throws -> Void,
    completion: @escaping @Sendable (Result<Void, any Error>) -> Void
  ) {
    writer.submit(WriterThread.Job(run: body, complete: completion))
  }

  /// Makes everything appended so far durable, in every ``Durability`` mode, and then returns.
  ///
  /// Costs nothing where every commit is. Waits for the disk otherwise: from an asynchronous
  /// context call it seldom.
  ///
  /// - Throws: ``JournalError/storage(_:)`` when the system could not write.
  public func flush() throws {
    try environment.makeDurable()
  }

  /// Returns once everything appended so far is durable; called before anything is sent.
  ///
  /// - Throws: ``JournalError/storage(_:)``.
  package func ensureDurable() async throws {
    guard environment.syncsLater else { return }
    try await withCheckedThrowingContinuation { continuation in
      writer.submit(
        WriterThread.Job(needsDurability: true, run: { _ in }) { continuation.resume(with: $0) })
    }
  }

  /// Makes everything durable that any process has appended to the journal at `path`.
  ///
  /// - Throws: ``JournalError``; ``JournalError/busy(_:)`` when this process has it open.
  package static func makeDurable(at path: String) throws {
    guard SnapshotFile.exists(in: path) else { return }
    let environment = try Environment.open(directory: path)
    defer { environment.close() }
    try environment.makeDurable()
  }

  /// How many commits have been made since the oldest view that any process still holds.
  ///
  /// 0 without readers. Space freed since that view is not used again: a number that keeps growing
  /// is a reader somebody forgot. Views of this process end by themselves after five seconds.
  public var oldestReaderLag: UInt64 {
    get throws { try environment.oldestReaderLag() }
  }

  /// Ends the writer thread and closes the files; later calls throw.
  public func close() {
    stateKeeper.close()
    writer.close()
    environment.close()
    signal.close()
  }

  /// Runs a closure in the shared write transaction and returns once it is on stable storage.
  ///
  /// The closure may run twice and must be pure. When it throws, nothing of it is kept and other
  /// callers in the same commit are not affected.
  package func transact<R: Sendable>(
    _ body: @escaping @Sendable (AppendContext) throws -> R
  ) async throws -> R {
    let box = ResultBox<R>()
    return try await withCheckedThrowingContinuation { continuation in
      writer.submit(
        WriterThread.Job(
          run: { context in
            let value = try body(context)
            box.value.withLock { $0 = value }
          },
          complete: { outcome in
            continuation.resume(
              with: outcome.flatMap {
                box.value.withLock { value in
                  value.map { .success($0) }
                    ?? .failure(JournalError.storage("a transaction ended without a result"))
                }
              })
          }))
    }
  }

  /// Saves the state at a sequence, nil being the present, beside the data file: reads of the past
  /// begin with the nearest one below.
  ///
  /// - Returns: False when it was not saved: it is there already, the journal is encrypted, or another
  ///   save or an erasure came between.
  /// - Throws: ``JournalError/storage(_:)`` when it could not be written, and what reading the past
  ///   throws.
  package func saveState(at sequence: SequenceNumber? = nil) async throws -> Bool {
    try await stateKeeper.save(at: sequence)
  }

  /// Returns once no state is being saved in the background.
  package func finishSaving() {
    stateKeeper.finish()
  }

  /// Lends one consistent view of the journal to `body`. Keep it short: a view holds back the
  /// reuse of pages, and a short one is ended when it stays.
  package func read<R>(
    span: ReadSpan = .short, _ body: (JournalReader) throws -> R
  ) throws -> R {
    try environment.read(span: span) { transaction in
      let reader = try JournalReader(transaction)
      try keys.unlock(reader)
      return try body(reader)
    }
  }
}

/// Carries a job's result from the writer thread to whoever waits.
private final class ResultBox<R: Sendable>: Sendable {
  let value = Mutex<R?>(nil)
}

extension Journal {
  /// The last sequence, 1 or more: a journal begins with its `opened` entry.
  public var lastSequence: SequenceNumber {
    get throws { try read { $0.head.lastSequence } }
  }

  /// The device this copy of the journal is.
  public var device: DeviceID {
    get throws { try read { $0.identity.current.id } }
  }

  /// The key that verifies this device's checkpoints, in C2SP's text form.
  public var verifierKey: String {
    get throws { try read { $0.identity.current.verifierKey } }
  }

  /// The signed tree head over everything appended so far, which is made durable first.
  ///
  /// - Throws: ``JournalError`` when the signing key cannot be read.
  public func checkpoint() throws -> String {
    let checkpoint = try read { try Self.checkpoint(of: $0, path: path) }
    try flush()
    return checkpoint
  }

  /// The key this device signs with.
  package func signingKey() throws -> SigningKey {
    try KeyFile.read(from: JournalFiles.key(in: path, of: device))
  }

  /// The signed tree head of a view.
  package static func checkpoint(
    of reader: JournalReader, path: String, size: UInt64? = nil
  ) throws -> String {
    let device = reader.identity.current.id
    let key = try KeyFile.read(from: JournalFiles.key(in: path, of: device))
    let size = size ?? reader.head.frontier.size
    return try key.sign(
      Checkpoint(
        origin: JournalIdentity.origin(of: device), size: size,
        root: JournalTree(reader).root(size: size)))
  }
}
