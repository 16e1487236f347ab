/// What is known of a record in its server's order.
extension AppendContext {
  /// The version and the fields a server showed last, as the journal has taken them in; nil for a record
  /// no server has shown, and no fields for one that is gone there.
  package func base(
    of record: RecordAddress
  ) throws -> (version: ServerVersion, fields: [UInt8]?)? {
    let rowKey = try folder.currentKey(record.rowKey, before: .max, in: transaction)
    var version: ServerVersion?
    try folder.scanBases(transaction, from: rowKey) { found, base in
      if found.elementsEqual(rowKey) { version = base.version }
      return false
    }
    guard let version else { return nil }
    return (version, try folder.baseFields(rowKey, in: transaction))
  }
}
