/// How far the fold has come and how many edits stand where.
package struct FoldCounts: Sendable, Hashable {
  /// Version of the fold's rules; another version is rebuilt by replay.
  package static let currentVersion: UInt32 = 1

  package var version = Self.currentVersion
  /// The sequence up to which every entry has been folded.
  package var through: SequenceNumber = 0
  package var edits: UInt64 = 0
  package var pending: UInt64 = 0
  package var inFlight: UInt64 = 0
  package var accepted: UInt64 = 0
  package var parked: UInt64 = 0
  package var settled: UInt64 = 0
  /// Taken out of the overlay for ever: by a decision, or discarded.
  package var superseded: UInt64 = 0
  package var local: UInt64 = 0

  package init() {}

  package var encoded: [UInt8] {
    var bytes: [UInt8] = []
    bytes.appendBigEndian(version)
    for value in [
      through, edits, pending, inFlight, accepted, parked, settled, superseded, local,
    ] { bytes.appendBigEndian(value) }
    return bytes
  }

  /// - Throws: ``JournalError/damaged(_:)``, also for counts no journal can reach: they are added to.
  package init(_ payload: UnsafeRawBufferPointer) throws(JournalError) {
    var reader = RowReader(payload)
    version = try reader.integer(UInt32.self)
    through = try reader.integer(UInt64.self)
    edits = try reader.integer(UInt64.self)
    pending = try reader.integer(UInt64.self)
    inFlight = try reader.integer(UInt64.self)
    accepted = try reader.integer(UInt64.self)
    parked = try reader.integer(UInt64.self)
    settled = try reader.integer(UInt64.self)
    superseded = try reader.integer(UInt64.self)
    local = try reader.integer(UInt64.self)
    // The limit is one below a power of two, so no bit of any count may stand above it.
    let all =
      through | edits | pending | inFlight | accepted | parked | settled | superseded | local
    guard reader.remaining == 0, all <= Limits.sequence else {
      throw .damaged("the counts of the fold are impossible; run `journal verify`")
    }
  }

  /// Counts an edit that was just appended.
  mutating func count(edit isLocal: Bool) {
    edits += 1
    if isLocal { local += 1 } else { pending += 1 }
  }

  /// Counts an edit in (`+1`) or out (`-1`) of a delivery state.
  package mutating func count(_ delivery: EditState.Delivery, by change: Int64) {
    switch delivery {
    case .pending: Self.add(change, to: &pending)
    case .inFlight: Self.add(change, to: &inFlight)
    case .accepted: Self.add(change, to: &accepted)
    case .parked: Self.add(change, to: &parked)
    }
  }

  // A count that would fall below zero stays there: `verify` reports the difference, reading
  // damaged rows must not trap.
  private static func add(_ change: Int64, to value: inout UInt64) {
    value = change < 0 ? value &- min(value, change.magnitude) : value &+ change.magnitude
  }
}
