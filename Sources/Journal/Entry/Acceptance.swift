/// One line of an `accepted` entry: the server holds this edit, as of this version.
package struct Acceptance: Sendable, Hashable {
  package var sequence: SequenceNumber
  package var version: ServerVersion
  /// Whether the edit changed nothing on the server.
  package var isAbsorbed: Bool

  package init(_ sequence: SequenceNumber, _ version: ServerVersion, isAbsorbed: Bool = false) {
    self.sequence = sequence
    self.version = version
    self.isAbsorbed = isAbsorbed
  }
}

extension BodyBuilder {
  /// Adds the lines of an `accepted` entry: three numbers each, differences from the line before.
  ///
  /// A server stamps the edits of one segment with versions that lie close together: most lines
  /// take three bytes.
  ///
  /// - Throws: ``JournalError/invalidInput(_:)`` unless there are lines and their sequences ascend
  ///   from 1 to 2^48 − 1.
  package mutating func add(acceptances: [Acceptance]) throws {
    guard !acceptances.isEmpty else { throw JournalError.invalidInput("nothing was accepted") }
    try add(.acceptances) { writer in
      writer.array(count: 3 * acceptances.count)
      var last = Acceptance.origin
      for line in acceptances {
        guard last.sequence < line.sequence, line.sequence <= Limits.sequence else {
          throw JournalError.invalidInput(
            "edit \(line.sequence) cannot be accepted behind edit \(last.sequence)")
        }
        let step = Int64(line.sequence - last.sequence)
        writer.integer(line.isAbsorbed ? -step : step)
        writer.integer(line.version.timestamp.difference(from: last.version.timestamp))
        writer.integer(line.version.tieBreak.difference(from: last.version.tieBreak))
        last = line
      }
    }
  }
}

/// Reads the lines of an `accepted` entry one by one, in either layout: differences, or the
/// `results` of earlier entries, which name every number in full. Borrows the body's bytes.
///
/// What ``BodyBuilder/add(acceptances:)`` would have written otherwise is refused. The work is in
/// proportion to the bytes.
package struct AcceptanceReader {
  private var reader: CBORReader
  private let isFull: Bool
  private var remaining: Int
  private var last = Acceptance.origin

  /// - Throws: ``JournalError/damaged(_:)`` unless the body has lines in one of the layouts.
  package init(_ body: Body) throws(JournalError) {
    guard body.raw(.acceptances) != nil else {
      try self.init(full: try body.reader(.results))
      return
    }
    guard body.raw(.results) == nil else {
      throw .damaged("an accepted entry has its lines twice; run `journal verify`")
    }
    try self.init(differences: try body.reader(.acceptances))
  }

  private init(full results: CBORReader) throws(JournalError) {
    reader = results
    isFull = true
    remaining = try reader.arrayCount()
  }

  /// Reads the value of ``BodyKey/acceptances`` alone.
  package init(differences: CBORReader) throws(JournalError) {
    reader = differences
    isFull = false
    let count = try reader.arrayCount()
    guard count > 0, count % 3 == 0 else {
      throw .damaged("an accepted entry's lines are not whole; run `journal verify`")
    }
    remaining = count / 3
  }

  /// The next line; nil behind the last one.
  ///
  /// - Throws: ``JournalError/damaged(_:)`` for a line no encoder writes.
  package mutating func next() throws(JournalError) -> Acceptance? {
    guard remaining > 0 else { return nil }
    remaining -= 1
    guard !isFull else { return try nextInFull() }
    let step = try reader.integer()
    // Not beyond the bound: the sum of two numbers below 2^48 cannot overflow.
    guard step != 0, step.magnitude <= Limits.sequence,
      last.sequence + step.magnitude <= Limits.sequence
    else {
      throw .damaged(
        "an accepted entry steps by \(step) from edit \(last.sequence); run `journal verify`")
    }
    last = Acceptance(
      last.sequence + step.magnitude,
      ServerVersion(
        timestamp: last.version.timestamp.moved(by: try reader.integer()),
        tieBreak: last.version.tieBreak.moved(by: try reader.integer())),
      isAbsorbed: step < 0)
    return last
  }

  private mutating func nextInFull() throws(JournalError) -> Acceptance {
    guard try reader.arrayCount() == 4 else {
      throw .damaged("a result of an accepted entry is malformed; run `journal verify`")
    }
    return Acceptance(
      try reader.unsigned(),
      ServerVersion(timestamp: try reader.unsigned(), tieBreak: try reader.unsigned()),
      isAbsorbed: try reader.unsigned() == 1)
  }
}

extension Acceptance {
  /// What the first line differs from.
  fileprivate static let origin = Acceptance(0, ServerVersion(timestamp: 0, tieBreak: 0))
}

extension UInt64 {
  // Both parts of a version are the server's and may be any 64 bits. Modulo 2^64 every pair has
  // exactly one difference, and it fits the integers of a body.

  fileprivate func difference(from other: UInt64) -> Int64 { Int64(bitPattern: self &- other) }

  fileprivate func moved(by difference: Int64) -> UInt64 {
    self &+ UInt64(bitPattern: difference)
  }
}
