import Journal

/// Lines that become durable together.
struct AppendBatch: Sendable {
  /// One entry, or the entries of a group.
  struct Unit: Sendable {
    var drafts: [Draft]
    var lines: [Int]
  }

  var units: [Unit] = []
  var lineCount = 0
  var bytes = 0
  /// The group the last line belongs to; while it goes on, the batch does not end.
  var openGroup: [UInt8]?

  /// A line that the journal did not take.
  struct Refused: Error {
    var line: Int
    var cause: JournalError
  }

  mutating func add(_ change: ChangeLine, line: Int) {
    lineCount += 1
    bytes += change.draft.body.count
    if let group = change.group, group == openGroup, !units.isEmpty {
      units[units.count - 1].drafts.append(change.draft)
      units[units.count - 1].lines.append(line)
    } else {
      units.append(Unit(drafts: [change.draft], lines: [line]))
    }
    openGroup = change.group
  }

  /// Appends all lines in one transaction and returns the last sequence.
  func append(to journal: Journal) async throws -> SequenceNumber {
    try await journal.transact { context in
      for unit in units {
        if unit.drafts.count == 1 {
          do { try context.append(unit.drafts[0]) } catch let error as JournalError {
            throw Refused(line: unit.lines[0], cause: error)
          }
          continue
        }
        do { _ = try context.appendGroup(unit.drafts) } catch let error as JournalError {
          throw Refused(line: unit.lines[0], cause: error)
        }
      }
      return context.head.lastSequence
    }
  }
}
