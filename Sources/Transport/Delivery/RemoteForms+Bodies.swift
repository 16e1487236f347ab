import Journal

/// The remote form of records, applied to what travels.
extension RemoteForms {
  /// An edit's body as the server is to see it.
  func outgoing(_ body: Body) throws -> [UInt8] {
    guard let collection = try body.text(.collection), let form = self[collection] else {
      return [UInt8](body.bytes)
    }
    var sent = BodyBuilder()
    for key in [BodyKey.collection, .key, .actor, .at, .reason] {
      if let raw = body.raw(key) { sent.add(key, raw: raw) }
    }
    for key in [BodyKey.fields, .set] {
      guard let raw = body.raw(key) else { continue }
      try sent.add(key) { try $0.fields(form.outgoing(try Self.fields(raw))) }
    }
    if body.raw(.unset) != nil {
      var reader = try body.reader(.unset)
      let names = try (0..<reader.arrayCount()).map { _ in form.outgoing(name: try reader.string())
      }
      sent.add(.unset) { writer in
        writer.array(count: names.count)
        for name in names { writer.text(name) }
      }
    }
    return sent.finish()
  }

  /// A state of the server as it is kept here.
  func incoming(_ fields: [UInt8], _ collection: String) throws -> [UInt8] {
    guard let form = self[collection] else { return fields }
    let record = try fields.withUnsafeBytes { try Self.fields($0) }
    var writer = CBORWriter(reserving: fields.count)
    try writer.fields(form.incoming(record))
    return writer.bytes
  }

  private static func fields(_ raw: UnsafeRawBufferPointer) throws -> Fields {
    var reader = CBORReader(raw)
    guard case .object(let fields) = try reader.value(maxDepth: Limits.depth), reader.isAtEnd else {
      throw JournalError.damaged("the fields of a record are not a map; run `journal verify`")
    }
    return fields
  }
}
