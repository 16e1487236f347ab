/// Notes, while entries are folded, which rows of records they store and what stood there before.
///
/// The fold itself says what an entry touches, whatever its kind: nothing has to be derived from
/// the entry a second time. Used by one thread.
package final class RowRecorder {
  /// Bytes noted beyond which a recording is given up: whoever wants to know folds the entries.
  private let limit: Int
  private var groups: [RecordedGroup] = []
  /// Where a row of the last group stands in it.
  private var places: [[UInt8]: Int] = [:]
  /// Rows that were taken away before the entry that says so.
  private var early: [(rowKey: [UInt8], before: [UInt8]?)] = []
  private var bytes = 0
  private var group: SequenceNumber = 0
  private var sequence: SequenceNumber = 0
  private var kind = EntryKind.opened
  private var body: [UInt8] = []
  /// Whether more was changed than was noted.
  private(set) var isGivenUp = false

  package init(limit: Int = .max) {
    self.limit = limit
  }

  /// Whether an entry belongs to the group noted last.
  func isContinued(by header: EntryHeader) -> Bool {
    !groups.isEmpty
      && (header.kind == .conflict || (header.group != 0 && header.group == group))
  }

  /// Begins with an entry; what is noted from now on is its doing.
  func begin(_ header: EntryHeader, body: [UInt8]) {
    if isGivenUp { return }
    if isContinued(by: header) {
      groups[groups.count - 1].last = header.sequence
    } else {
      if groups.last?.rows.isEmpty == true { groups.removeLast() }
      groups.append(RecordedGroup(first: header.sequence, last: header.sequence, rows: []))
      places.removeAll(keepingCapacity: true)
    }
    (group, sequence, kind) = (header.group, header.sequence, header.kind)
    self.body = body
    for row in early { add(row.rowKey, before: row.before, after: nil) }
    early.removeAll()
  }

  /// Notes a row that is about to be stored; `before` is asked where the group has not stored it yet.
  func note(
    _ rowKey: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer,
    before: () throws -> [UInt8]?
  ) rethrows {
    if isGivenUp { return }
    let rowKey = [UInt8](rowKey)
    let payload = [UInt8](payload)
    guard let place = places[rowKey] else {
      return add(rowKey, before: try before(), after: payload)
    }
    let last = groups.count - 1
    bytes += payload.count
    groups[last].rows[place].after = payload
    if groups[last].rows[place].sequences.last != sequence {
      groups[last].rows[place].sequences.append(sequence)
    }
    giveUpOverLimit()
  }

  /// Notes a row that is taken away; the entry that says so comes next.
  func noteRemoval(_ rowKey: [UInt8], before: [UInt8]?) {
    if !isGivenUp { early.append((rowKey, before)) }
  }

  /// Forgets everything: rows are changed in a way that is not noted.
  func giveUp() {
    isGivenUp = true
    groups = []
    places = [:]
    early = []
  }

  /// The groups noted so far that touched records; the recorder begins anew.
  func take() -> [RecordedGroup] {
    defer {
      groups = []
      places = [:]
      bytes = 0
      group = 0
    }
    if groups.last?.rows.isEmpty == true { groups.removeLast() }
    return groups
  }

  private func add(_ rowKey: [UInt8], before: [UInt8]?, after: [UInt8]?) {
    guard !groups.isEmpty else { return giveUp() }
    let row = RecordedGroup.Row(
      rowKey: rowKey, before: before, after: after, sequences: [sequence], kind: kind,
      actor: kind.isEdit ? actor : nil)
    bytes += row.bytes
    places[rowKey] = groups[groups.count - 1].rows.count
    groups[groups.count - 1].rows.append(row)
    giveUpOverLimit()
  }

  /// Who made the entry; a body that cannot be read has stopped the fold already.
  private var actor: String? {
    body.withUnsafeBytes { bytes in
      do { return try Body(bytes).text(.actor) } catch { return nil }
    }
  }

  private func giveUpOverLimit() {
    if bytes > limit { giveUp() }
  }
}
