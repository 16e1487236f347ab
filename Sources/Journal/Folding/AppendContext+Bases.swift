/// What is known of a record in its server's order.
extension AppendContext {
  /// The version and the fields a server showed last, as the journal has taken them in; nil for a record
  /// no server has shown, and no fields for one that is gone there or outside of what is taken.
  package func base(
    of record: RecordAddress
  ) throws -> (version: ServerVersion, fields: [UInt8]?, isWithdrawn: Bool)? {
    let rowKey = try folder.currentKey(record.rowKey, before: .max, in: transaction)
    var known: (version: ServerVersion, fields: [UInt8]?, isWithdrawn: Bool)?
    try folder.lendBase(of: rowKey, in: transaction) { base in
      known = (base.version, base.fields.map { [UInt8]($0) }, base.isWithdrawn)
    }
    return known
  }

  /// Whether a record lives in an earlier generation of base than a cursor's, which has not shown it: once a full state
  /// is read, one that was kept. Not where the generation began with another declaration and nothing was read in it.
  package func hasOlderLiveBase(
    _ record: RecordAddress, than cursor: RemoteCursor
  ) throws -> Bool {
    guard cursor.isTaking || !cursor.cursor.isEmpty else { return false }
    let rowKey = try folder.currentKey(record.rowKey, before: .max, in: transaction)
    var isOlder = false
    try folder.lendBase(of: rowKey, in: transaction) { base in
      isOlder = base.isLive && base.generation != cursor.generation
    }
    return isOlder
  }
}
