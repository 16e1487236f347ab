public import Journal

/// A server of some kind, as the sync engine sees it.
///
/// Implementations are stateless between calls and safe to call from any thread. They throw
/// ``TransportError``; a throw means the outcome is unknown, and the call is repeated with the
/// same bytes.
public protocol Remote: Sendable {
  /// What the server says of itself, and how much of this device's journal it has acknowledged.
  func info(device: DeviceID) async throws -> RemoteInfo
  /// Delivers a sealed segment.
  func push(_ push: Push) async throws -> PushAnswer
  /// The feed after a cursor; nil begins with the full state.
  func changes(after cursor: String?, limit: Int, device: DeviceID) async throws -> FeedPage
  /// Shows the device's checkpoint. Never called where ``isWitness`` is false.
  func show(_ witness: Witness) async throws -> WitnessAnswer
  /// Whether the server keeps this device's checkpoints and holds it to them; true unless said
  /// otherwise.
  var isWitness: Bool { get }
  /// Most changes pushed at once; a group that is larger goes whole. 1,000 unless said otherwise, which
  /// is also the most there can be.
  var changesPerPush: Int { get }
}

extension Remote {
  public var isWitness: Bool { true }
  public var changesPerPush: Int { SegmentCodec.maximumChanges }
}

public struct RemoteInfo: Sendable, Equatable {
  /// Names the server's history.
  public var epoch: String
  /// The tree size the server last acknowledged of this device; 0 when it knows none.
  public var acknowledgedSize: UInt64

  public init(epoch: String, acknowledgedSize: UInt64) {
    self.epoch = epoch
    self.acknowledgedSize = acknowledgedSize
  }
}

/// A device's signed tree head with the proof that it extends the one the server knows.
public struct Witness: Sendable, Equatable {
  public var device: DeviceID
  public var label: String
  /// C2SP verifier key.
  public var verifierKey: String
  /// C2SP signed note.
  public var checkpoint: String
  /// The size the proof starts from.
  public var fromSize: UInt64
  /// RFC 9162 consistency proof.
  public var proof: [TreeHash]

  public init(
    device: DeviceID, label: String, verifierKey: String, checkpoint: String, fromSize: UInt64,
    proof: [TreeHash]
  ) {
    self.device = device
    self.label = label
    self.verifierKey = verifierKey
    self.checkpoint = checkpoint
    self.fromSize = fromSize
    self.proof = proof
  }
}

public struct Push: Sendable, Equatable {
  /// Nil for a server that keeps no checkpoints.
  public var witness: Witness?
  /// The sealed segment: the same bytes on every attempt.
  public var segment: [UInt8]
  /// Whether an earlier attempt may have reached the server, all of it or a part.
  public var isRepeated: Bool

  public init(witness: Witness?, segment: [UInt8], isRepeated: Bool = false) {
    self.witness = witness
    self.segment = segment
    self.isRepeated = isRepeated
  }
}

/// What the server says of the checkpoint a request carries.
public enum WitnessAnswer: Sendable, Equatable {
  /// The checkpoint extends what the server knew; where it is a witness, with its cosignature.
  case acknowledged(size: UInt64, cosigned: CosignedCheckpoint? = nil)
  /// The server knows another size than the proof starts from: prove from there.
  case sizeDiffers(size: UInt64)
  /// The checkpoint is no extension of the one the server knows: this journal is a copy or was
  /// restored.
  case forked
}

public enum PushAnswer: Sendable, Equatable {
  /// One verdict per change, in the segment's order.
  case judged(verdicts: [Verdict], size: UInt64)
  /// As far as the exchange came before it failed: one verdict per change, ``Verdict/retry(afterMilliseconds:)``
  /// for those the server certainly did not carry out. The sync ends with the error once they are
  /// written down.
  case interrupted(verdicts: [Verdict], by: TransportError)
  case sizeDiffers(size: UInt64)
  case forked
}

/// What the server decided about one change.
public enum Verdict: Sendable, Equatable {
  /// It is part of the server's state at this version; `id` is the key the server keeps the record
  /// under, where it has given it one of its own.
  case accepted(ServerVersion, id: String? = nil)
  /// It changed nothing; judged when the server stood at this version.
  case absorbed(ServerVersion)
  /// It is part of the server's state, which is this one. For servers whose answer counts as their
  /// feed.
  case applied(FeedChange)
  /// It changed nothing, for the server's state is this one. For servers whose answer counts as their
  /// feed.
  case missed(FeedChange)
  /// The record moved on; this is its state.
  case conflict(FeedChange)
  /// It will never be accepted as it is.
  case refused(code: String, message: String)
  /// Not now.
  case retry(afterMilliseconds: UInt64)
}

/// One change of the server's feed: a record's full state after it.
public struct FeedChange: Sendable, Equatable {
  public enum State: Sendable, Equatable {
    /// The fields, one deterministic CBOR map.
    case live([UInt8])
    case deleted
    case erased
  }

  /// Empty in an erasure, which names nothing but ``born``.
  public var collection: String
  /// Empty in an erasure.
  public var key: String
  public var version: ServerVersion
  /// The version at which the record first came to be.
  public var born: ServerVersion
  public var state: State
  /// The fields the server says changed; nil where it does not say.
  public var changed: [String]?
  /// The entry this change came from, where the server names it.
  public var originID: EntryID?
  /// Of an erasure: edits whose content it took, for devices that were never shown ``born``.
  public var erasedEdits: [EntryID] = []

  public init(
    collection: String, key: String, version: ServerVersion, born: ServerVersion, state: State,
    changed: [String]? = nil, originID: EntryID? = nil
  ) {
    self.collection = collection
    self.key = key
    self.version = version
    self.born = born
    self.state = state
    self.changed = changed
    self.originID = originID
  }
}

extension FeedChange {
  /// The erasure of the record that first came to be at `born`.
  public init(
    erased born: ServerVersion, version: ServerVersion, edits: [EntryID] = [],
    originID: EntryID? = nil
  ) {
    self.init(
      collection: "", key: "", version: version, born: born, state: .erased, originID: originID)
    erasedEdits = edits
  }
}

/// A page of the feed.
public struct FeedPage: Sendable, Equatable {
  public var epoch: String
  /// Where to go on; opaque.
  public var cursor: String
  /// The version through which the feed is complete with this page.
  public var through: ServerVersion
  public var hasMore: Bool
  public var changes: [FeedChange]

  public init(
    epoch: String, cursor: String, through: ServerVersion, hasMore: Bool, changes: [FeedChange]
  ) {
    self.epoch = epoch
    self.cursor = cursor
    self.through = through
    self.hasMore = hasMore
    self.changes = changes
  }
}
