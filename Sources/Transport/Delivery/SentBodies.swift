import Journal

/// Bodies of edits as they are sent: records and references under the keys a server has given by then,
/// in the form it knows.
///
/// An entry keeps what it said; what is sent is made of it once, when the segment is sealed, and made
/// again the same way however often it is sent.
struct SentBodies {
  private let context: AppendContext
  /// The `sent` entry that seals the segment: keys given later do not count.
  private let sent: SequenceNumber
  private let forms: RemoteForms

  init(_ context: AppendContext, before sent: SequenceNumber, _ forms: RemoteForms) {
    (self.context, self.sent, self.forms) = (context, sent, forms)
  }

  /// An edit's body as the server is to see it; the very bytes where it has given no keys and knows no
  /// other form.
  func body(_ bytes: [UInt8]) throws -> [UInt8] {
    let body = try withGivenKeys(withoutCause(bytes))
    return forms.isEmpty ? body : try body.withUnsafeBytes { try forms.outgoing(Body($0)) }
  }

  /// What a server of records last showed of an edit's record: the edit has been compared with it here, and
  /// whether the record has moved on since is for the server to say.
  func base(of bytes: [UInt8]) throws -> SegmentChange.Base {
    guard let record = try bytes.withUnsafeBytes({ try Body($0).record() }),
      let version = try context.versionOfLiveBase(of: record)
    else { return .none }
    return .version(version)
  }

  /// Whether an edit's record lies outside of what is taken from the server.
  func isWithdrawn(_ bytes: [UInt8]) throws -> Bool {
    let record = try bytes.withUnsafeBytes { try Body($0).record() }
    return try record.flatMap { try context.base(of: $0) }?.isWithdrawn ?? false
  }

  /// Which decision an edit carries out is this journal's own affair: its sequences mean nothing elsewhere.
  private func withoutCause(_ bytes: [UInt8]) throws -> [UInt8] {
    try bytes.withUnsafeBytes { bytes in
      let body = try Body(bytes)
      guard body.raw(.cause) != nil else { return [UInt8](bytes) }
      var sent = BodyBuilder()
      for key in BodyKey.allCases where key != .cause {
        if let raw = body.raw(key) { sent.add(key, raw: raw) }
      }
      return sent.finish()
    }
  }

  private func withGivenKeys(_ bytes: [UInt8]) throws -> [UInt8] {
    try bytes.withUnsafeBytes { bytes in
      let body = try Body(bytes)
      let assigned = try body.record().flatMap { try context.assignedKey(of: $0, before: sent) }
      let key = assigned.map { assigned in
        var writer = CBORWriter(reserving: 136)
        writer.text(assigned)
        return writer.bytes
      }
      return body.replacing([
        .key: key, .fields: try references(body.raw(.fields)), .set: try references(body.raw(.set)),
      ])
    }
  }

  private func references(_ item: UnsafeRawBufferPointer?) throws -> [UInt8]? {
    guard let item else { return nil }
    return try References.replacingKeys(in: item) { record in
      try context.assignedKey(of: record, before: sent)
    }
  }
}
