/// The delivery states of the open edits of a fold in memory, by sequence.
///
/// Edits come in ascending order and most are simply pending: those take sixteen bytes each, in
/// two arrays. Looking one up costs a binary search.
package struct OpenEdits {
  /// Low byte: what the rest means. Above it: the record's previous open edit.
  private enum Tag {
    static let closed: UInt64 = 0
    static let pending: UInt64 = 1
    static let pendingOnEarlier: UInt64 = 2
    /// Anything else: its state is in `others`.
    static let other: UInt64 = 3
  }

  private var sequences: [SequenceNumber] = []
  private var packed: [UInt64] = []
  private var others: [SequenceNumber: EditState] = [:]
  /// The number of open edits.
  package private(set) var count = 0

  package init() {}

  /// The state of an edit; nil when it is not open.
  package subscript(sequence: SequenceNumber) -> EditState? {
    get {
      let (index, isFound) = position(of: sequence)
      return isFound ? state(at: index) : nil
    }
    set {
      let (index, isFound) = position(of: sequence)
      let value = newValue.map(pack) ?? Tag.closed
      if value & 0xFF == Tag.other {
        others[sequence] = newValue
      } else if isFound, packed[index] & 0xFF == Tag.other {
        others[sequence] = nil
      }
      if isFound {
        count += (value == Tag.closed ? 0 : 1) - (packed[index] == Tag.closed ? 0 : 1)
        packed[index] = value
      } else if value != Tag.closed {
        sequences.insert(sequence, at: index)
        packed.insert(value, at: index)
        count += 1
      }
    }
  }

  /// Lends each open edit, ascending, to `body`.
  package func visit(_ body: (SequenceNumber, EditState) throws -> Void) rethrows {
    for index in sequences.indices {
      if let state = state(at: index) { try body(sequences[index], state) }
    }
  }

  private func position(of sequence: SequenceNumber) -> (index: Int, isFound: Bool) {
    guard let last = sequences.last, sequence <= last else { return (sequences.count, false) }
    var range = 0..<sequences.count
    while range.count > 1 {
      let middle = range.lowerBound + range.count / 2
      range = sequences[middle] <= sequence ? middle..<range.upperBound : range.lowerBound..<middle
    }
    let found = sequences[range.lowerBound]
    return (found < sequence ? range.lowerBound + 1 : range.lowerBound, found == sequence)
  }

  private func pack(_ state: EditState) -> UInt64 {
    guard state.isUnsent, state.decision == 0, !state.isUndecided else {
      return Tag.other
    }
    switch state.base {
    case .none: return state.previousOpen << 8 | Tag.pending
    case .earlierEdit: return state.previousOpen << 8 | Tag.pendingOnEarlier
    case .version: return Tag.other
    }
  }

  private func state(at index: Int) -> EditState? {
    let value = packed[index]
    if value == Tag.closed { return nil }
    if value & 0xFF == Tag.other { return others[sequences[index]] }
    var state = EditState()
    state.previousOpen = value >> 8
    if value & 0xFF == Tag.pendingOnEarlier { state.base = .earlierEdit }
    return state
  }
}
