/// What the last commits did to records, as far back as there is room: a cache of the journal.
///
/// Whoever asks for more than it holds folds the entries again; it only makes that rare.
struct RecentGroups: Sendable {
  enum Answer: Sendable {
    /// Everything that happened after the asked sequence, through the second one.
    case groups(ArraySlice<RecordedGroup>, through: SequenceNumber)
    /// What happened is not held.
    case unknown
  }

  private let limit: Int
  /// Everything above this sequence is held.
  private var from: SequenceNumber
  private(set) var through: SequenceNumber
  private var groups: [RecordedGroup] = []
  /// Where the first group that is still held stands.
  private var start = 0
  private var bytes = 0

  init(through: SequenceNumber, limit: Int) {
    from = through
    self.through = through
    self.limit = limit
  }

  /// Takes in what a commit did; nil stands for a commit nobody noted.
  mutating func add(
    _ added: [RecordedGroup]?, after before: SequenceNumber, through last: SequenceNumber
  ) {
    guard let added, before == through else { return forget(through: max(through, last)) }
    through = last
    groups.append(contentsOf: added)
    bytes += added.reduce(0) { $0 + $1.bytes }
    while bytes > limit, start < groups.count {
      bytes -= groups[start].bytes
      from = groups[start].last
      groups[start].rows = []
      start += 1
    }
    guard start > 64, start * 2 > groups.count else { return }
    groups.removeFirst(start)
    start = 0
  }

  /// Drops everything; goes on from a sequence.
  mutating func forget(through last: SequenceNumber) {
    groups = []
    (start, bytes) = (0, 0)
    (from, through) = (last, last)
  }

  /// What happened after a sequence, at most `limit` groups of it.
  func after(_ sequence: SequenceNumber, limit: Int = .max) -> Answer {
    guard sequence >= from else { return .unknown }
    var range = start..<groups.count
    while !range.isEmpty {
      let middle = range.lowerBound + range.count / 2
      range =
        groups[middle].last <= sequence
        ? middle + 1..<range.upperBound : range.lowerBound..<middle
    }
    let rest = groups[range.lowerBound...]
    // A group is known as a whole only.
    if let first = rest.first, first.first <= sequence { return .unknown }
    let part = rest.prefix(limit)
    let isAll = part.count == rest.count
    // A copy: the next commit must not have to copy everything that is held.
    let groups = ArraySlice(Array(part))
    return .groups(groups, through: isAll ? max(through, sequence) : part.last?.last ?? sequence)
  }
}
