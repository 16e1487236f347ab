/// The 96 bytes of an entry that never change and that the journal's proofs cover.
///
/// The header names no person: what does is in the body, which the header binds only through a
/// salted commitment.
public struct EntryHeader: Sendable, Hashable {
  /// The format version this release writes.
  public static let currentVersion: UInt8 = 1
  /// Bytes of the encoded header, which is also the leaf of the Merkle tree.
  public static let byteCount = 96

  public struct Flags: OptionSet, Sendable, Hashable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Another entry of the same group follows.
    public static let moreOfGroup = Flags(rawValue: 1)
    /// The edit is never sent to a server.
    public static let local = Flags(rawValue: 2)
    /// On a server's journal: the edit changed nothing when it was judged.
    public static let absorbed = Flags(rawValue: 4)
  }

  public var version: UInt8 = Self.currentVersion
  public var kind: EntryKind
  public var flags: Flags = []
  /// Version of the collection's declaration; 0 is untyped.
  public var schema: UInt32 = 0
  public var sequence: SequenceNumber
  public var id: EntryID
  /// Sequence of the first entry of the entry's group; 0 means it stands alone.
  public var group: SequenceNumber = 0
  /// Recording time; never decreases along the sequence.
  public var time: Timestamp
  public var device: DeviceID
  /// SHA-256 over salt and plain body.
  public var commitment: TreeHash

  package init(
    version: UInt8 = EntryHeader.currentVersion, kind: EntryKind, flags: Flags = [],
    schema: UInt32 = 0,
    sequence: SequenceNumber, id: EntryID, group: SequenceNumber = 0, time: Timestamp,
    device: DeviceID, commitment: TreeHash
  ) {
    self.version = version
    self.kind = kind
    self.flags = flags
    self.schema = schema
    self.sequence = sequence
    self.id = id
    self.group = group
    self.time = time
    self.device = device
    self.commitment = commitment
  }

  /// The exact bytes that are hashed as the leaf.
  public var leaf: [UInt8] {
    [UInt8](unsafeUninitializedCapacity: Self.byteCount) { bytes, count in
      encode(into: UnsafeMutableRawBufferPointer(bytes))
      count = Self.byteCount
    }
  }

  /// The leaf's hash in the journal's tree.
  public var leafHash: TreeHash {
    TreeHash.leaf(byteCount: Self.byteCount) { encode(into: $0) }
  }

  private func encode(into bytes: UnsafeMutableRawBufferPointer) {
    var writer = RowWriter(bytes)
    writer.integer(version)
    writer.integer(kind.rawValue)
    writer.integer(flags.rawValue)
    writer.integer(schema)
    writer.integer(sequence)
    writer.integer(id.high)
    writer.integer(id.low)
    writer.integer(group)
    writer.integer(time.milliseconds)
    writer.integer(device.high)
    writer.integer(device.low)
    commitment.withUnsafeBytes { writer.copy($0) }
  }
}
