import Journal

/// States that name only some fields of a record.
extension Intake {
  /// The fields a partial state stands for: those it names over those the server showed last.
  func whole(
    _ shown: [UInt8], _ change: FeedChange, _ context: AppendContext
  ) throws -> [UInt8] {
    let record = try RecordAddress(collection: change.collection, key: change.key)
    guard let known = try context.base(of: record)?.fields else { return shown }
    var fields = try Self.fields(known)
    for (name, value) in try Self.fields(shown) { fields[name] = value }
    var writer = CBORWriter(reserving: known.count + shown.count)
    try writer.fields(fields)
    return writer.bytes
  }

  /// Two states in a row as one.
  static func joined(_ earlier: FeedChange, _ later: FeedChange) throws -> FeedChange {
    guard later.isPartial, case .live(let shown) = later.state,
      case .live(let before) = earlier.state
    else { return later }
    var fields = try fields(before)
    for (name, value) in try Self.fields(shown) { fields[name] = value }
    var writer = CBORWriter(reserving: before.count + shown.count)
    try writer.fields(fields)
    var change = later
    change.state = .live(writer.bytes)
    change.isPartial = earlier.isPartial
    return change
  }

  private static func fields(_ bytes: [UInt8]) throws -> Fields {
    try bytes.withUnsafeBytes { bytes in
      var reader = CBORReader(bytes)
      guard case .object(let fields) = try reader.value(maxDepth: Limits.depth), reader.isAtEnd
      else {
        throw JournalError.damaged("the fields of a record are not a map; run `journal verify`")
      }
      return fields
    }
  }
}
