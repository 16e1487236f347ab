import Journal

/// Records of one type in their newest form, wherever they come from: what its requests look at.
struct UpcastRecords: RecordSource {
  let base: any RecordSource
  let chain: UpcastChain
  let collection: String

  func visible(_ rowKey: [UInt8]) throws -> [UInt8]? {
    try withVisible(rowKey) { [UInt8]($0) }
  }

  func withVisible<R>(
    _ rowKey: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> R
  ) throws -> R? {
    try base.withVisible(rowKey) { try lend($0, body) }
  }

  func keys(_ rowKey: [UInt8]) throws -> Aliases.Row { try base.keys(rowKey) }

  func last(_ rowKey: [UInt8]) throws -> SequenceNumber { try base.last(rowKey) }

  func scan(
    prefix: [UInt8], after last: [UInt8]?,
    _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Bool
  ) throws {
    try base.scan(prefix: prefix, after: last) { rowKey, fields in
      try lend(fields) { try body(rowKey, $0) }
    }
  }

  private func lend<R>(
    _ fields: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> R
  ) throws -> R {
    guard let forward = try chain.forward(fields, collection) else { return try body(fields) }
    return try forward.withUnsafeBytes(body)
  }
}

extension Snapshot {
  /// The same view with the records of a type in their newest form.
  func forward<R: Record>(_ type: R.Type) -> Snapshot {
    let schema = R.schema
    if schema.upcasts.isEmpty { return self }
    return Snapshot(
      self,
      source: UpcastRecords(
        base: source, chain: schema.upcasts, collection: schema.collection))
  }
}
