import Journal

/// When so many records would go at once that a person is asked first.
///
/// A server that lost its data looks like one whose records were all deleted. A full state, or a
/// comparison with the server, takes records away without a word only while they are few.
public struct DeletionBrake: Sendable, Hashable {
  /// So many records may go at any time; 0 or more.
  public var records: Int
  /// So large a share of all records may go, in percent; 0 to 100.
  public var percent: Int

  /// More than twenty records, and more than half of them, are held back.
  public static let standard = DeletionBrake()
  /// Nothing is held back.
  public static let released = DeletionBrake(records: .max, percent: 100)

  /// Numbers out of their range are taken for the nearest in it.
  public init(records: Int = 20, percent: Int = 50) {
    self.records = max(0, records)
    self.percent = min(max(0, percent), 100)
  }

  /// Whether `gone` records of `gone + shown` are too many to go without a word.
  func holds(gone: Int, shown: Int) -> Bool {
    gone > records && Double(gone) * 100 > Double(percent) * (Double(gone) + Double(shown))
  }

  func note(_ count: FullState.Count, _ outcome: BrakeNote.Outcome) -> BrakeNote {
    BrakeNote(
      gone: UInt64(count.unshown), shown: UInt64(count.shown), records: UInt64(records),
      percent: UInt64(percent), outcome: outcome)
  }
}
