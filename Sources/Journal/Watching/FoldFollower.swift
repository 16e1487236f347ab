/// Folds a journal in memory from a given sequence on and tells what each group did to records.
///
/// For whoever asks about entries whose doing nobody noted: those of another process, or of long ago.
/// Begins with a replay, linear in the entries held below; holds all records meanwhile. Used by one
/// task at a time.
package final class FoldFollower {
  /// Thrown where the doing of entries can no longer be told, because a record was erased.
  package struct Lost: Error {}

  private let state: MemoryFoldState
  private let folder: any InlineFolder
  private let recorder = RowRecorder()
  /// The last sequence folded.
  package private(set) var position: SequenceNumber

  /// Begins behind a sequence.
  ///
  /// - Throws: ``JournalError/belowHorizon(_:)`` and what ``Replay`` throws.
  package init(
    _ reader: JournalReader, after sequence: SequenceNumber, folder: any InlineFolder
  ) throws {
    state = try Replay.fold(reader, through: sequence, with: folder)
    self.folder = folder
    position = sequence
    state.recorder = recorder
  }

  /// Folds the next entries, at least `limit` if there are so many, and to the end of a group.
  ///
  /// - Throws: ``Lost``, and what a fold throws.
  package func advance(
    _ reader: JournalReader, limit: Int
  ) throws -> [RecordedGroup] {
    guard position + 1 >= reader.horizon.sequence else { throw Lost() }
    state.reader = reader
    do {
      try fold(reader, limit: limit)
    } catch let error as JournalError {
      // A record that is still in memory may have lost its entries since.
      throw try hasErasure(reader) ? Lost() : error
    }
    state.counts.through = position
    return recorder.take()
  }

  private func fold(_ reader: JournalReader, limit: Int) throws {
    var seen = 0
    try reader.scanHeld(from: position + 1) { entry in
      let header = entry.header
      guard seen < limit || recorder.isContinued(by: header) else { return false }
      guard header.sequence == position + 1 else {
        throw JournalError.damaged("entry \(position + 1) is missing; run `journal verify`")
      }
      seen += 1
      // Which record was erased is said nowhere, and what it was is gone.
      guard try !Self.erases(entry) else { throw Lost() }
      let body = try entry.plainBody
      recorder.begin(header, body: [UInt8](body))
      _ = try folder.replay(header, body: body, in: state)
      position = header.sequence
      return true
    }
  }

  /// Whether an entry says that a record was erased, or is one of those that went with it.
  private static func erases(_ entry: HeldEntry) throws -> Bool {
    if entry.header.kind == .erased || entry.encoding == StoredEntry.erasedEncoding { return true }
    return try entry.header.kind == .remoteChange
      && Body(entry.plainBody).unsigned(.state) == 2
  }

  private func hasErasure(_ reader: JournalReader) throws -> Bool {
    var isFound = false
    try reader.scanHeld(from: position + 1) { entry in
      isFound = try Self.erases(entry)
      return !isFound
    }
    return isFound
  }
}
