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
  /// How to ask the server what differs without reading all of it; nil, unless said otherwise, where it
  /// cannot be asked.
  var reconciling: (any ReconcilingRemote)? { get }
  /// How to ask whether the server still has what it showed, where it names no history; nil, unless said
  /// otherwise, where it cannot be asked, or names one.
  var recalling: (any RecallingRemote)? { get }
  /// Where it notes how long its server asks to be left alone beside what it answers; nil, unless said
  /// otherwise, where it notes nothing.
  var requestedPause: RequestedPause? { get }
}

extension Remote {
  public var isWitness: Bool { true }
  public var changesPerPush: Int { SegmentCodec.maximumChanges }
  public var reconciling: (any ReconcilingRemote)? { nil }
  public var recalling: (any RecallingRemote)? { nil }
  public var requestedPause: RequestedPause? { nil }
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
  /// For each change the version the journal knows of its record by now, for servers that can be told to
  /// compare; empty where the server takes entries.
  public var knownVersions: [ServerVersion?]

  public init(
    witness: Witness?, segment: [UInt8], isRepeated: Bool = false,
    knownVersions: [ServerVersion?] = []
  ) {
    self.witness = witness
    self.segment = segment
    self.isRepeated = isRepeated
    self.knownVersions = knownVersions
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
  /// The request failed as a whole, in a way that may be the doing of one change in it: halves of it are
  /// tried, until the change is found and set aside and the others have arrived.
  case failed(PushFailure)
  case sizeDiffers(size: UInt64)
  case forked
}

/// How a push failed as a whole, told apart from a server that is not there or wants time.
public struct PushFailure: Sendable, Equatable {
  /// Whose doing it is.
  public enum Blame: Sendable, Equatable {
    /// The server says that it is the request's; nothing of it was carried out.
    case request
    /// It does not say. The content is suspected once the same request has failed three times in the same
    /// way, and a change is set aside only while the server judges others. Any of it may have been
    /// carried out.
    case unknown
  }

  /// Equal for failures of one kind; at most 64 bytes count.
  public var code: String
  /// What the server said, for people; without a next step, which depends on what becomes of the edits.
  public var message: String
  public var blame: Blame
  /// How long the server wants to be left alone.
  public var retryAfterMilliseconds: UInt64?

  public init(
    code: String, message: String, blame: Blame, retryAfterMilliseconds: UInt64? = nil
  ) {
    self.code = code
    self.message = message
    self.blame = blame
    self.retryAfterMilliseconds = retryAfterMilliseconds
  }

  /// Whether the server may have carried out what it was sent.
  var isInDoubt: Bool { blame == .unknown }

  /// What a sync ends with that can do nothing about it now.
  public var error: TransportError {
    switch blame {
    case .request: .protocolViolation(message)
    case .unknown:
      .unavailable(
        "\(message). Sync again later", retryAfterMilliseconds: retryAfterMilliseconds)
    }
  }

  /// What an edit is set aside with that turned out to be at fault: no sync sends it again by itself.
  var parkingMessage: String {
    // What a server says may be long, and what follows it must be readable.
    let said =
      message.utf8.count <= 300
      ? message : String(decoding: message.utf8.prefix(300), as: UTF8.self) + "…"
    return
      "\(said). The server fails for this edit and takes others: see what ails it there, then "
      + "send it again with `journal retry`, or give it up with `journal discard`"
  }
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
    /// It is there, and outside of what is asked for: it goes from here without being deleted.
    case withdrawn
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
  /// Whether fields the state does not name are as the server showed them last. Of a live state only.
  public var isPartial = false
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
  /// About how many changes follow this page, for a person who waits; nil where the server does not say.
  public var remaining: UInt64?
  /// Collections of which the page shows every record: one that is known here, not shown and has no edit
  /// on its way is gone.
  public var complete: [String] = []
  /// Why collections were left out of the page; nil where none was. The sync takes the others in to the end and throws it
  /// then, or at once while a full state is read: that is of all collections.
  public var failure: TransportError?

  public init(
    epoch: String, cursor: String, through: ServerVersion, hasMore: Bool, changes: [FeedChange],
    remaining: UInt64? = nil
  ) {
    self.epoch = epoch
    self.cursor = cursor
    self.through = through
    self.hasMore = hasMore
    self.changes = changes
    self.remaining = remaining
  }
}
