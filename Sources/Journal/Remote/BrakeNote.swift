/// What a `cursor` entry says of records that would go all at once: how many, the brake, and the outcome.
package struct BrakeNote: Sendable, Hashable {
  package enum Outcome: Sendable, Hashable {
    /// Nothing goes before a person has said so.
    case heldBack
    /// A person let them go.
    case confirmed
    /// A person wants them kept.
    case kept
  }

  /// Records that would go.
  package var gone: UInt64
  /// Records that would stay.
  package var shown: UInt64
  /// So many may go at any time.
  package var records: UInt64
  /// So large a share of all may go, in percent.
  package var percent: UInt64
  package var outcome: Outcome

  package init(
    gone: UInt64, shown: UInt64, records: UInt64, percent: UInt64, outcome: Outcome
  ) {
    self.gone = gone
    self.shown = shown
    self.records = records
    self.percent = percent
    self.outcome = outcome
  }

  func add(to body: inout BodyBuilder) {
    body.add(.brake) { writer in
      writer.array(count: 4)
      for number in [gone, shown, records, percent] { writer.unsigned(number) }
    }
  }

  /// What a `cursor` entry says of it; nil where it says nothing.
  package init?(_ body: Body) throws {
    guard body.raw(.brake) != nil else { return nil }
    var reader = try body.reader(.brake)
    guard try reader.arrayCount() == 4 else {
      throw JournalError.damaged("a cursor entry's brake is malformed; run `journal verify`")
    }
    gone = try reader.unsigned()
    shown = try reader.unsigned()
    records = try reader.unsigned()
    percent = try reader.unsigned()
    outcome =
      try body.bool(.confirmed) ? .confirmed : try body.bool(.kept) ? .kept : .heldBack
  }
}
