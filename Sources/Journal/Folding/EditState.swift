/// Where an edit that is not yet settled stands on its way to the server.
package struct EditState: Sendable, Hashable {
  package enum Delivery: Sendable, Hashable {
    /// Not yet sent, or to be sent again.
    case pending
    /// Part of the sealed segment that this `sent` entry names.
    case inFlight(sent: SequenceNumber)
    /// The server said yes at this version to what this `sent` entry sealed; settled once that
    /// server's feed has reached it.
    case accepted(ServerVersion, absorbed: Bool, sent: SequenceNumber)
    /// Set aside by this `refused` or `parked` entry; not folded.
    case parked(by: SequenceNumber)
  }

  /// The version the edit was made upon.
  package enum Base: Sendable, Hashable {
    case none
    case version(ServerVersion)
    /// The version at which the writer's earlier open edit of the record is accepted.
    case earlierEdit
  }

  package var delivery = Delivery.pending
  package var base = Base.none
  /// The record's previous open edit; 0 is none.
  package var previousOpen: SequenceNumber = 0
  /// The conflict entry whose outcome replaces the edit's content.
  package var decision: SequenceNumber = 0
  /// Whether a conflict about it is open: it is not sent until somebody has decided.
  package var isUndecided = false
  /// Whether a server may have carried it out though no answer says so: it waits, and nobody can be told any more
  /// that it never was.
  package var isInDoubt = false

  package init() {}

  /// Whether no server can have heard of the edit, so that it may still become another one.
  package var isUnsent: Bool { delivery == .pending && !isInDoubt }

  /// Whether the edit is folded on top of the record's base.
  package var isFolded: Bool {
    if case .parked = delivery { false } else { true }
  }

  package var encoded: [UInt8] {
    [UInt8](unsafeUninitializedCapacity: encodedBytes) { bytes, count in
      encode(into: UnsafeMutableRawBufferPointer(bytes))
      count = encodedBytes
    }
  }

  /// The length of the row's payload.
  var encodedBytes: Int {
    let deliveryBytes =
      switch delivery {
      case .pending: 0
      case .inFlight, .parked: 6
      case .accepted: 22
      }
    let baseBytes = if case .version = base { 16 } else { 0 }
    return 8 + deliveryBytes + baseBytes + (decision == 0 ? 0 : 6)
  }

  /// Writes the row's payload, ``encodedBytes`` bytes.
  func encode(into bytes: UnsafeMutableRawBufferPointer) {
    var writer = RowWriter(bytes)
    var flags: UInt8 = 0
    switch base {
    case .none: break
    case .version: flags |= 1
    case .earlierEdit: flags |= 2
    }
    if decision != 0 { flags |= 4 }
    if isUndecided { flags |= 16 }
    if isInDoubt { flags |= 32 }
    switch delivery {
    case .pending: writer.integer(UInt8(1))
    case .inFlight: writer.integer(UInt8(2))
    case .accepted(_, let absorbed, _):
      writer.integer(UInt8(3))
      if absorbed { flags |= 8 }
    case .parked: writer.integer(UInt8(4))
    }
    writer.integer(flags)
    writer.uint48(previousOpen)
    switch delivery {
    case .pending: break
    case .inFlight(let sequence), .parked(let sequence): writer.uint48(sequence)
    case .accepted(let version, _, let sent):
      writer.version(version)
      writer.uint48(sent)
    }
    if case .version(let version) = base { writer.version(version) }
    if decision != 0 { writer.uint48(decision) }
  }

  /// - Throws: ``JournalError/damaged(_:)``.
  package init(_ payload: UnsafeRawBufferPointer) throws(JournalError) {
    var reader = RowReader(payload)
    let state = try reader.integer(UInt8.self)
    let flags = try reader.integer(UInt8.self)
    previousOpen = try reader.uint48()
    switch state {
    case 1: delivery = .pending
    case 2: delivery = .inFlight(sent: try reader.uint48())
    case 3:
      let version = try reader.version()
      delivery = .accepted(version, absorbed: flags & 8 != 0, sent: try reader.uint48())
    case 4: delivery = .parked(by: try reader.uint48())
    default: throw .damaged("an edit has the unknown delivery state \(state)")
    }
    if flags & 1 != 0 {
      base = .version(try reader.version())
    } else if flags & 2 != 0 {
      base = .earlierEdit
    }
    if flags & 4 != 0 { decision = try reader.uint48() }
    isUndecided = flags & 16 != 0
    isInDoubt = flags & 32 != 0
    guard reader.remaining == 0, flags < 64, flags & 3 != 3, (decision != 0) == (flags & 4 != 0),
      state == 3 || flags & 8 == 0
    else {
      throw .damaged("the delivery state of an edit has impossible flags or trailing bytes")
    }
  }
}
