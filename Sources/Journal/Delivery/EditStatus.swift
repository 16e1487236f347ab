/// Where an edit stands on its way to a server.
public enum EditStatus: Sendable, Hashable {
  /// Not yet sent, or to be sent again.
  case pending
  /// Sent, and not answered.
  case inFlight
  /// The server said yes at this version; its feed has not shown it yet. Absorbed: it changed nothing.
  case accepted(ServerVersion, isAbsorbed: Bool)
  /// The server has it, and what it shows here has caught up with that.
  case settled
  /// Set aside, with the reason: refused, poisonous, or not applying without another one.
  case parked(code: String, message: String)
  /// Somebody gave it up.
  case discarded
  /// A decision about a conflict took it out.
  case superseded
  /// Never to be sent.
  case local

  /// Whether no answer of a server is awaited any more.
  public var isAnswered: Bool {
    switch self {
    case .pending, .inFlight: false
    case .accepted, .settled, .parked, .discarded, .superseded, .local: true
    }
  }
}

extension JournalReader {
  /// Where an edit stands. One look while it is open; once it is not, the headers of the entries behind
  /// it are looked at. What was trimmed counts as settled.
  ///
  /// - Throws: ``JournalError/invalidInput(_:)`` where the sequence is no edit's.
  package func status(of sequence: SequenceNumber) throws -> EditStatus {
    guard sequence > 0, sequence <= head.lastSequence else {
      throw JournalError.invalidInput(
        "there is no entry \(sequence); the last one is \(head.lastSequence)")
    }
    guard let entry = try entry(sequence) else { return .settled }
    guard entry.header.kind.isEdit || entry.header.kind == .erased else {
      throw JournalError.invalidInput(
        "entry \(sequence) is of kind \(entry.header.kind); only edits are delivered")
    }
    if entry.header.flags.contains(.local) { return .local }
    guard let edit = try edit(sequence) else { return try statusOfClosed(sequence) }
    switch edit.delivery {
    case .pending: return .pending
    case .inFlight: return .inFlight
    case .accepted(let version, let absorbed, _):
      return .accepted(version, isAbsorbed: absorbed)
    case .parked(let by):
      let reason = try parkingReason(of: sequence, by: by)
      return .parked(code: reason.code, message: reason.message)
    }
  }

  private func statusOfClosed(_ sequence: SequenceNumber) throws -> EditStatus {
    // Nothing but a decision or a discard takes an edit out of the overlay without the server's yes.
    guard try counts().superseded > 0 else { return .settled }
    var status = EditStatus.settled
    try scanHeld(from: sequence) { entry in
      guard status == .settled, entry.encoding != StoredEntry.erasedEncoding else {
        return status == .settled
      }
      switch entry.header.kind {
      case .discarded:
        let ranges = try Body(entry.plainBody).ranges(.entries)
        if ranges.contains(where: { $0.contains(sequence) }) { status = .discarded }
      case .conflict:
        let superseded = try Islands.superseded(by: Body(entry.plainBody))
        if superseded.contains(sequence) { status = .superseded }
      default: break
      }
      return true
    }
    return status
  }

  package func parkingReason(
    of sequence: SequenceNumber, by parking: SequenceNumber
  ) throws -> ParkingReason {
    guard let entry = try entry(parking) else {
      throw JournalError.damaged(
        "entry \(parking), which set edit \(sequence) aside, is missing; run `journal verify`")
    }
    return try ParkingReason(of: sequence, in: entry)
  }
}
