/// Which record an erasure means.
package enum ErasureTarget: Sendable {
  case record(RecordAddress)
  /// The one that first came to be at this version: what a server and its devices tell each other,
  /// for it names nobody. A device that has not been shown the version knows the record by edits of
  /// its own among those it consisted of.
  case born(ServerVersion, edits: [EntryID])
}

/// What a fold says of a record that is to be erased.
package struct ErasableRecord: Sendable {
  package var rowKey: [UInt8]
  /// The last entry about it.
  package var last: SequenceNumber
  /// The version at which a server's record came to be; nil when no server has it.
  package var born: ServerVersion?
  /// The keys it was known under before a server gave it its own, each with the last entry about it
  /// till then.
  package var former: [(rowKey: [UInt8], last: SequenceNumber)]

  package init(
    rowKey: [UInt8], last: SequenceNumber, born: ServerVersion?,
    former: [(rowKey: [UInt8], last: SequenceNumber)] = []
  ) {
    self.rowKey = rowKey
    self.last = last
    self.born = born
    self.former = former
  }

  /// Every key it is known under.
  package var rowKeys: Set<[UInt8]> { Set([rowKey] + former.map(\.rowKey)) }
}

/// What an erasure took away.
package struct Erasure: Sendable {
  /// Entries whose bodies and salts are gone, ascending.
  package var sequences: [SequenceNumber]
  package var born: ServerVersion?
  /// The remote that owns the record's collection, when it knows the record.
  package var remote: String?
  /// The baseline's digest, when it was touched.
  package var baselineDigest: TreeHash?

  package init(sequences: [SequenceNumber], born: ServerVersion? = nil) {
    self.sequences = sequences
    self.born = born
  }

  /// The `erased` entry; of a body's members only those that name nobody.
  package func draft(reason: String?, archives: [ErasedArchive] = []) throws -> Draft {
    var body = BodyBuilder()
    if let reason { body.add(.reason, text: reason) }
    if let remote { body.add(.remote, text: remote) }
    if let born { body.add(.born, version: born) }
    body.add(.entries) { $0.ranges(sequences) }
    if let baselineDigest { body.add(.baseline, data: baselineDigest.bytes) }
    if !archives.isEmpty {
      body.add(.archives) { writer in
        writer.array(count: archives.count)
        for archive in archives { archive.write(into: &writer) }
      }
    }
    return try Draft(.erased, body: body.finish())
  }
}

/// What became of one archive that may hold the record.
package struct ErasedArchive: Sendable {
  package var path: String
  /// The horizon of the trim that made it; 0 when the journal does not know the file.
  package var horizon: SequenceNumber
  /// SHA-256 of the archive as it was written anew; nil when it was not reached.
  package var digest: TreeHash?

  func write(into writer: inout CBORWriter) {
    writer.array(count: 3)
    writer.unsigned(horizon)
    writer.text(path)
    if let digest { writer.data(digest.bytes) } else { writer.null() }
  }
}

extension CBORWriter {
  /// Ascending sequences as ranges [first, last].
  package mutating func ranges(_ sequences: [SequenceNumber]) {
    var ranges: [(first: SequenceNumber, last: SequenceNumber)] = []
    for sequence in sequences {
      if let last = ranges.last, last.last + 1 == sequence {
        ranges[ranges.count - 1].last = sequence
      } else {
        ranges.append((sequence, sequence))
      }
    }
    array(count: ranges.count)
    for range in ranges {
      array(count: 2)
      unsigned(range.first)
      unsigned(range.last)
    }
  }
}
