/// What the entries of one group leave behind in their records, held to its limit.
///
/// As long as all states together are below the limit, counting a record twice does no harm: only
/// a group that comes near it pays for telling records apart.
struct GroupStates {
  private var records: [(record: RecordAddress, bytes: Int)] = []
  private var bytes: [RecordAddress: Int] = [:]
  /// At least the bytes of the records.
  private var total = 0

  init(reserving count: Int = 0) {
    records.reserveCapacity(count)
  }

  /// Takes note of a record's state after an entry.
  ///
  /// - Throws: ``JournalError/invalidInput(_:)`` when the records together are over the limit.
  mutating func add(_ record: RecordAddress, bytes count: Int) throws(JournalError) {
    records.append((record, count))
    total += count
    guard total > Limits.groupStateBytes else { return }
    for (record, count) in records { bytes[record] = count }
    records.removeAll(keepingCapacity: true)
    total = bytes.values.reduce(0, +)
    guard total <= Limits.groupStateBytes else {
      throw .invalidInput(
        "the records of one group have more than 4 MiB together; write them in several groups")
    }
  }
}
