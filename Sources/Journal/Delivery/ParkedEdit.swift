/// An edit that was set aside: it is neither folded nor sent until somebody decides.
///
/// ```swift
/// for edit in try store.parked() where edit.dependsOn == nil {
///   print(edit.sequence, edit.collection ?? "", edit.key ?? "", edit.code, edit.message)
/// }
/// ```
public struct ParkedEdit: Sendable, Hashable {
  /// The edit.
  public var sequence: SequenceNumber
  public var id: EntryID
  public var kind: EntryKind
  /// The record it is about; nil of an erasure, which names none.
  public var collection: String?
  public var key: String?
  /// The first edit of its group, which is set aside, retried and discarded with it; 0 is none.
  public var group: SequenceNumber
  /// Why: the server's code, or ``poison``, or ``dependsOn``.
  public var code: String
  /// The server's words, or ours; empty where there are none.
  public var message: String
  /// The edit without which this one does not apply, where that is the reason.
  public var dependsOn: SequenceNumber?
  /// The entry that set it aside, and when that was recorded.
  public var entry: SequenceNumber
  public var time: Timestamp

  /// The code of edits that do not apply without another one that is set aside.
  public static let dependsOn = "dependsOn"
  /// The code of edits for which a server fails as a whole, again and again.
  public static let poison = "poison"
  /// The code of edits that were not sent because another one of their group cannot be.
  public static let groupCut = "group-cut"
}

/// Why an edit was set aside, as the entry says that did it.
package struct ParkingReason: Sendable, Hashable {
  package var code: String
  package var message: String
  package var dependsOn: SequenceNumber?

  /// - Throws: ``JournalError/damaged(_:)`` where the entry says nothing of the edit.
  package init(of sequence: SequenceNumber, in entry: StoredEntry) throws {
    let found = try entry.plainBody.withUnsafeBytes { bytes in
      let body = try Body(bytes)
      return entry.header.kind == .refused
        ? try Self.refusal(of: sequence, body) : try Self.parking(of: sequence, body)
    }
    guard let found else {
      throw JournalError.damaged(
        "entry \(entry.header.sequence) does not say why edit \(sequence) was set aside; run "
          + "`journal verify`")
    }
    self = found
  }

  private init(code: String, message: String, dependsOn: SequenceNumber? = nil) {
    (self.code, self.message, self.dependsOn) = (code, message, dependsOn)
  }

  private static func refusal(of sequence: SequenceNumber, _ body: Body) throws -> Self? {
    var reader = try body.reader(.refusals)
    for _ in 0..<(try reader.arrayCount()) {
      guard try reader.arrayCount() == 3 else { return nil }
      let refused = try reader.unsigned()
      let (code, message) = (try reader.string(), try reader.string())
      if refused == sequence { return ParkingReason(code: code, message: message) }
    }
    return nil
  }

  private static func parking(of sequence: SequenceNumber, _ body: Body) throws -> Self? {
    guard try body.ranges(.entries).contains(where: { $0.contains(sequence) }) else { return nil }
    if let cause = try body.unsigned(.cause) {
      return ParkingReason(
        code: ParkedEdit.dependsOn, message: "it does not apply without edit \(cause)",
        dependsOn: cause)
    }
    // The code comes first; what follows it is for people.
    let reason = try body.text(.reason) ?? ""
    let code = reason.prefix { $0 != ":" }
    let message = reason.dropFirst(code.count + 1).drop { $0 == " " }
    return ParkingReason(code: String(code), message: String(message))
  }
}

extension Draft {
  /// What sets edits aside because they do not apply without another one.
  package static func parking(
    _ edits: [SequenceNumber], dependingOn cause: SequenceNumber
  ) throws(JournalError) -> Draft {
    var body = BodyBuilder()
    body.add(.entries) { $0.ranges(edits) }
    body.add(.cause, unsigned: cause)
    return try Draft(.parked, body: body.finish())
  }

  /// What sets edits aside for which a remote fails as a whole.
  ///
  /// - Parameters:
  ///   - message: What the remote says, cut at 512 bytes.
  ///   - sent: The `sent` entry of the segment they are in flight in.
  package static func parking(
    poison edits: [SequenceNumber], message: String, remote: String, sent: SequenceNumber
  ) throws(JournalError) -> Draft {
    let message =
      message.utf8.count <= 512
      ? message : String(decoding: message.utf8.prefix(512), as: UTF8.self)
    var body = BodyBuilder()
    body.add(.reason, text: "\(ParkedEdit.poison): \(message)")
    body.add(.remote, text: remote)
    body.add(.entries) { $0.ranges(edits) }
    body.add(.sent, unsigned: sent)
    return try Draft(.parked, body: body.finish())
  }
}
