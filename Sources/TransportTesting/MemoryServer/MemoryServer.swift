public import Journal
import Synchronization
import Transport

/// A server of records in memory, whose feed does what a test asks it to.
///
/// ```swift
/// let server = MemoryServer([.equalStamps, .stampsBeforeCommit])
/// try server.write("notes", "1", ["text": "by somebody else"])
/// let engine = SyncEngine(journal: store.journal, remote: "server", over: server)
/// _ = try await engine.sync()
/// #expect(server.records("notes") == ["1": ["text": "by somebody else"]])
/// ```
///
/// It is a ``Transport/Remote`` itself: the device declares it as a remote of kind `rest` and names its
/// collections. Its answers count as its feed, and the feed is read again from
/// ``overlapMilliseconds`` before the newest stamp, which is what a client of such a server does.
/// ``exchange(url:settings:)`` gives the same records the HTTP form that `RESTServer` speaks.
///
/// Everything it does follows from its clock and the calls made; nothing is random but the words of
/// ``FeedBehaviour/opaqueCursors``, which come from the seed. Safe to use from any thread. Each page
/// costs a sort of all records.
public final class MemoryServer: Sendable {
  /// What happens to a request.
  public enum Fault: Sendable, Hashable {
    /// It does not arrive.
    case requestLost
    /// It is carried out, its answer does not arrive.
    case answerLost
    /// The credentials are not accepted.
    case unauthorized
    /// The server asks to come back later.
    case unavailable
  }

  /// Asked about each edit before it is carried out; a reason refuses it.
  public typealias Refusal =
    @Sendable (_ collection: String, _ key: String, _ fields: Fields?) -> (
      code: String, message: String
    )?

  struct State {
    var memory: MemoryState
    var behaviour: FeedBehaviour
    var overlap: UInt64
    var epochs = 0
    var faults: [Fault] = []
    var refusal: Refusal?
    var meanwhile: (@Sendable (String) async -> Void)?
    var requests: [String] = []
    var acknowledged: [EntryID] = []
    var words: [String: String] = [:]
    var seed: UInt64
    var assigned: UInt64 = 100
  }

  /// What stamps are made with.
  public let clock: ManualClock
  let state: Mutex<State>

  /// An empty server.
  ///
  /// - Parameters:
  ///   - behaviour: What its feed does wrong; nothing unless said otherwise.
  ///   - clock: What stamps are made with. Stamps of changes made at one instant still differ.
  ///   - overlapMilliseconds: How far before its newest stamp the feed is read again.
  ///   - seed: What its words are made with.
  public init(
    _ behaviour: FeedBehaviour = [], clock: ManualClock = ManualClock(),
    overlapMilliseconds: UInt64 = 120_000, seed: UInt64 = 1
  ) {
    self.clock = clock
    state = Mutex(
      State(
        memory: MemoryState(epoch: "memory-\(seed)"), behaviour: behaviour,
        overlap: overlapMilliseconds, seed: seed))
  }

  /// What its feed does; may change at any time.
  public var behaviour: FeedBehaviour {
    get { state.withLock { $0.behaviour } }
    set { state.withLock { $0.behaviour = newValue } }
  }

  /// How far before its newest stamp the feed is read again, in milliseconds: at least as long as the
  /// longest transaction, and as the clock may go back.
  public var overlapMilliseconds: UInt64 {
    get { state.withLock { $0.overlap } }
    set { state.withLock { $0.overlap = newValue } }
  }

  // MARK: Somebody else

  /// A record becomes what somebody else says; nil deletes it.
  public func write(_ collection: String, _ key: String, _ fields: Fields?) {
    state.withLock { state in
      state.memory.write(
        RecordName(collection, key), fields, at: clock.milliseconds, state.behaviour)
    }
  }

  /// Whether a reader may see a record from now on; a device of nil is every reader.
  public func permit(
    _ collection: String, _ key: String, _ isVisible: Bool, to device: DeviceID? = nil
  ) {
    state.withLock { state in
      state.memory.permit(
        RecordName(collection, key), isVisible, device, at: clock.milliseconds, state.behaviour)
    }
  }

  /// Forgets what is left of the records deleted until now; how many.
  @discardableResult
  public func purgeDeletions() -> Int {
    state.withLock { $0.memory.purge(before: .max) }
  }

  // MARK: Backups

  /// The server as it is now.
  public struct Backup: Sendable {
    let memory: MemoryState
  }

  /// What ``restore(_:)`` brings back.
  public func backup() -> Backup {
    state.withLock { Backup(memory: $0.memory) }
  }

  /// Puts a backup in the place of what there is, under a new name unless
  /// ``FeedBehaviour/restoresSilently``.
  public func restore(_ backup: Backup) {
    state.withLock { state in
      let last = state.memory.lastStamp
      state.memory = backup.memory
      // The clock went on meanwhile.
      if !state.behaviour.contains(.stampsByClock) { state.memory.lastStamp = last }
      if !state.behaviour.contains(.restoresSilently) { Self.rename(&state) }
    }
  }

  /// Begins with an empty database under a new name.
  public func replaceDatabase() {
    state.withLock { state in
      state.memory = MemoryState(epoch: state.memory.epoch)
      Self.rename(&state)
    }
  }

  private static func rename(_ state: inout State) {
    state.epochs += 1
    state.memory.epoch += ".\(state.epochs)"
  }

  // MARK: What a test decides

  /// What happens to the next requests, in order; what waited before is forgotten.
  public func failNext(_ faults: Fault...) {
    state.withLock { $0.faults = faults }
  }

  /// Refuses the edits a closure gives a reason for; nil refuses none.
  public func refuse(_ refusal: Refusal?) {
    state.withLock { $0.refusal = refusal }
  }

  /// Runs a closure within every request of the direct form, after the server did its work and before
  /// it answers: where somebody else changes something, or the device does. It is given the request as
  /// ``requests`` names it.
  public func meanwhile(_ body: (@Sendable (_ request: String) async -> Void)?) {
    state.withLock { $0.meanwhile = body }
  }

  // MARK: Looking

  /// The live records of a collection by key.
  public func records(_ collection: String) -> [String: Fields] {
    let collection = Array(collection.utf8)
    return state.withLock { state in
      var records: [String: Fields] = [:]
      for (name, row) in state.memory.rows where name.collection == collection {
        if let fields = row.fields { records[name.texts.key] = fields }
      }
      return records
    }
  }

  /// A live record; nil where there is none.
  public func record(_ collection: String, _ key: String) -> Fields? {
    state.withLock { $0.memory.live(RecordName(collection, key)) }
  }

  /// A record's stamp, that of its deletion included; nil where nothing is left of it.
  public func version(_ collection: String, _ key: String) -> ServerVersion? {
    state.withLock { $0.memory.rows[RecordName(collection, key)]?.version }
  }

  /// The name of its history.
  public var epoch: String { state.withLock { $0.memory.epoch } }

  /// Edits of the direct form that were carried out, each as often as it was.
  public var carriedOut: [EntryID] { state.withLock { $0.memory.carriedOut } }

  /// Edits of the direct form whose acceptance was answered, and the answer was not lost.
  public var acknowledged: [EntryID] { state.withLock { $0.acknowledged } }

  /// Every request so far, such as `info`, `push 2`, `changes` or, of the HTTP form, `GET /notes?since=1`.
  public var requests: [String] { state.withLock { $0.requests } }
}
