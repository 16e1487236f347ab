import Journal

/// The keys that records and references have in what is sent: those a server has given by then.
///
/// An entry keeps what it said; what is sent is made of it once, when the segment is sealed, and made
/// again the same way however often it is sent.
struct SentKeys {
  private let context: AppendContext
  /// The `sent` entry that seals the segment: keys given later do not count.
  private let sent: SequenceNumber

  init(_ context: AppendContext, before sent: SequenceNumber) {
    (self.context, self.sent) = (context, sent)
  }

  /// An edit's body with these keys; the very bytes where no server has given any.
  func body(_ bytes: [UInt8]) throws -> [UInt8] {
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
