/// What `verify` found.
public struct VerifyReport: Sendable, Equatable {
  public var size: UInt64 = 0
  /// The root, recomputed from held leaves and the hashes kept for gaps.
  public var root = TreeHash.empty
  public var horizon: SequenceNumber = 1
  /// False for an encrypted journal verified without its key: then checksums, sequences, leaves,
  /// root and ids were checked, bodies, records and baseline were not.
  public var isContentChecked = true
  /// Every problem found, at most 100; empty means sound.
  public var problems: [String] = []
  /// Outside checkpoints that can be neither confirmed nor denied: they end inside what was
  /// trimmed. Each says where to look.
  public var undecided: [String] = []
  /// Whether the bodies were left out of the pack, so that nothing could be said of them.
  public var isRedacted = false

  public var isSound: Bool { problems.isEmpty }
}

/// A signed checkpoint from outside, which the journal must be an extension of.
///
/// Alteration, removal, insertion, reordering, a fork, and an older state put back are each found
/// by one checkpoint that is newer than the change and was kept where the changer could not reach.
public struct OutsideCheckpoint: Sendable {
  /// The signed note, as `journal checkpoint` prints it or a server keeps it.
  public var note: String
  /// The keys that may have signed it, as C2SP vkeys; empty trusts the keys the journal itself
  /// names, which proves nothing against whoever owns the device.
  public var keys: [VerifierKey]

  public init(note: String, keys: [VerifierKey]) {
    self.note = note
    self.keys = keys
  }
}
