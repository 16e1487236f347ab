import Journal
import Transport

extension JournalReader {
  /// The feed's change for an `erased` entry; nil when no device can know the record.
  func erasure(_ entry: StoredEntry) throws -> FeedChange? {
    guard !entry.header.flags.contains(.absorbed),
      let born = try entry.plainBody.withUnsafeBytes({ try Body($0).version(.born) })
    else { return nil }
    let version = ServerVersion(
      timestamp: entry.header.time.milliseconds, tieBreak: entry.header.sequence)
    return FeedChange(
      erased: born, version: version, edits: try erasedEdits(entry), originID: entry.header.id)
  }

  /// The ids of the edits an erasure took the content of, the newest where they are too many.
  private func erasedEdits(_ erasure: StoredEntry) throws -> [EntryID] {
    let ranges = try erasure.plainBody.withUnsafeBytes { bytes in
      try Body(bytes).ranges(.entries, atMost: .max)
    }
    var ids: [EntryID] = []
    for range in ranges.reversed() {
      for sequence in range.reversed() {
        guard ids.count < FeedCodec.maximumErasedEdits else { return ids }
        guard let edit = try entry(sequence), edit.header.kind.isEdit else { continue }
        ids.append(edit.header.id)
      }
    }
    return ids
  }

  /// The header of an entry that is held and has its content.
  func heldHeader(_ sequence: SequenceNumber) throws -> EntryHeader? {
    guard sequence >= horizon.sequence, let entry = try entry(sequence),
      entry.encoding == StoredEntry.plainEncoding
    else { return nil }
    return entry.header
  }

  /// A version that every entry through a sequence is at or below, and every later one above.
  func version(through sequence: SequenceNumber) throws -> ServerVersion {
    guard sequence < head.lastSequence else {
      return ServerVersion(timestamp: head.lastTime.milliseconds, tieBreak: sequence)
    }
    guard let next = try entry(sequence + 1) else {
      throw JournalError.damaged("entry \(sequence + 1) is missing; run `journal verify`")
    }
    return ServerVersion(timestamp: next.header.time.milliseconds, tieBreak: sequence)
  }
}
