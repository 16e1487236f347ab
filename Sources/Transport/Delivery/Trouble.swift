import Journal

/// What a remote's failures at whole requests have come to, so that an edit it fails for every time is
/// found and set aside, and the others arrive.
///
/// Kept in a row of this file beside the entries, written with those that split or set aside: a restart
/// goes on where the search was. Nothing is folded from it.
struct Trouble: Equatable {
  /// How the last request failed, the `sent` entry of its segment, and how often in a row it has.
  private(set) var code = ""
  private(set) var sent: SequenceNumber = 0
  private(set) var failures: UInt64 = 0
  /// The pending edits up to this one are searched; 0 while none are.
  var suspectsThrough: SequenceNumber = 0
  /// Edits up to this one may have been carried out by a request that failed.
  private(set) var doubtfulThrough: SequenceNumber = 0
  /// Whether the server has judged anything since the search began.
  var sawSuccess = false

  /// Failures of the same request, in the same way, after which its content is suspected.
  static let patience: UInt64 = 3

  /// What to do about a request that failed.
  enum Step: Sendable {
    /// End the sync; the next one sends the same again.
    case giveUp
    /// Send less of it.
    case split
    /// Leave the only suspect for the moment: does the server fail for others too?
    case setBack
    case park
  }

  init() {}

  init(of remote: String, _ reader: JournalReader) throws {
    guard let row = try reader.meta(MetaKey.trouble(remote)) else { return }
    try row.withUnsafeBytes { bytes in
      var reader = RowReader(bytes)
      sent = try reader.integer(UInt64.self)
      failures = try reader.integer(UInt64.self)
      suspectsThrough = try reader.integer(UInt64.self)
      doubtfulThrough = try reader.integer(UInt64.self)
      sawSuccess = try reader.integer(UInt8.self) != 0
      code = String(decoding: bytes.suffix(reader.remaining), as: UTF8.self)
    }
  }

  /// Leaves the row, or none where there is no trouble.
  func store(_ remote: String, _ context: AppendContext) throws {
    guard self != Trouble() else {
      if try context.state.meta(MetaKey.trouble(remote)) != nil {
        try context.putMeta(MetaKey.trouble(remote), nil)
      }
      return
    }
    var row: [UInt8] = []
    for number in [sent, failures, suspectsThrough, doubtfulThrough] {
      row.appendBigEndian(number)
    }
    row.append(sawSuccess ? 1 : 0)
    try context.putMeta(MetaKey.trouble(remote), row + Array(code.utf8.prefix(64)))
  }

  /// Takes in that a request failed, and says what follows.
  ///
  /// - Parameters:
  ///   - units: How many edits and groups of edits the segment has.
  ///   - isControl: The request was sent to see whether the server fails for others too.
  mutating func step(
    after failure: PushFailure, of segment: Segment, units: Int, isControl: Bool
  ) -> Step {
    let isSame = sent == segment.sent && code == String(failure.code.prefix(64))
    failures = isSame ? failures + 1 : 1
    (sent, code) = (segment.sent, String(failure.code.prefix(64)))
    let isAtFault = failure.blame == .request
    if !isAtFault { noteDoubt(about: segment) }
    if isControl { return .giveUp }
    guard isAtFault || suspectsThrough > 0 || failures >= Self.patience else { return .giveUp }
    if units > 1 {
      suspectsThrough = segment.edits.last ?? 0
      return .split
    }
    guard isAtFault || sawSuccess else { return .setBack }
    // What is left of the suspects is most likely sound, and goes as it would have.
    suspectsThrough = 0
    return .park
  }

  /// Takes in that an edit of a segment may have been carried out.
  mutating func noteDoubt(about segment: Segment) {
    doubtfulThrough = max(doubtfulThrough, segment.edits.last ?? 0)
  }

  /// Takes in that the server has judged a request.
  mutating func noteSuccess() {
    if suspectsThrough == 0 {
      self = Trouble()
    } else {
      (failures, sawSuccess) = (0, true)
    }
  }
}

extension Segment {
  /// How many edits and groups of edits it has: what can be sent by itself.
  func unitCount(_ reader: JournalReader) throws -> Int {
    var count = 0
    var last: SequenceNumber = 0
    for edit in edits {
      let group = try reader.entry(edit)?.header.group ?? 0
      if group == 0 || group != last { count += 1 }
      last = group
    }
    return count
  }

  /// The entry that lets go of the segment: its edits are pending again.
  func release(because reason: ReleaseReason, from remote: String) throws -> Draft {
    var body = BodyBuilder()
    body.add(.reason, text: reason.rawValue)
    body.add(.remote, text: remote)
    body.add(.entries) { $0.ranges(edits) }
    body.add(.sent, unsigned: sent)
    return try Draft(.retried, body: body.finish())
  }
}
