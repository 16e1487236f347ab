import Journal
import Transport

/// How far a reader of the direct form has come.
struct MemoryCursor {
  var epoch: String
  /// The server's changes when the reading of this feed began: what was purged later was not shown.
  var commit: UInt64
  /// The newest stamp shown so far.
  var newest: ServerVersion
  /// Where the pull that is under way began; nil reads everything.
  var from: ServerVersion?
  /// The last record shown of the pull under way; nil where it is complete.
  var last: (version: ServerVersion, name: RecordName)?
  /// How many records of the pull under way were shown.
  var offset = 0
  var isByOffset = false

  init(epoch: String, commit: UInt64) {
    (self.epoch, self.commit) = (epoch, commit)
    newest = ServerVersion(timestamp: 0, tieBreak: 0)
  }

  var text: String {
    var fields: Fields = [
      "epoch": .string(epoch), "commit": Value(commit), "newest": Self.value(newest),
    ]
    // Where pages do not go by it, the same page twice has the same cursor.
    if isByOffset { fields["offset"] = Value(UInt64(offset)) }
    if let from { fields["from"] = Self.value(from) }
    if let last {
      let (collection, key) = last.name.texts
      fields["last"] = [Self.value(last.version), .string(collection), .string(key)]
    }
    return JSONText.string(.object(fields))
  }

  /// - Throws: `TransportError.cursorUnknown` for what is none.
  init(_ text: String) throws(TransportError) {
    let unknown = TransportError.cursorUnknown("this server has given no cursor \"\(text)\"")
    guard case .object(let fields)? = try? JSONText.parse(text),
      case .string(let epoch)? = fields["epoch"], let commit = Self.number(fields["commit"]),
      let offset = Int(exactly: Self.number(fields["offset"]) ?? 0),
      let newest = Self.version(fields["newest"])
    else { throw unknown }
    (self.epoch, self.commit, self.newest, self.offset) = (epoch, commit, newest, offset)
    isByOffset = fields["offset"] != nil
    from = Self.version(fields["from"])
    guard let value = fields["last"] else { return }
    guard case .array(let parts) = value, parts.count == 3, let version = Self.version(parts[0]),
      case .string(let collection) = parts[1], case .string(let key) = parts[2]
    else { throw unknown }
    last = (version, RecordName(collection, key))
  }

  private static func value(_ version: ServerVersion) -> Value {
    [Value(version.timestamp), Value(version.tieBreak)]
  }

  private static func version(_ value: Value?) -> ServerVersion? {
    guard case .array(let parts)? = value, parts.count == 2, let timestamp = number(parts[0]),
      let tieBreak = number(parts[1])
    else { return nil }
    return ServerVersion(timestamp: timestamp, tieBreak: tieBreak)
  }

  private static func number(_ value: Value?) -> UInt64? {
    switch value {
    case .integer(let number): UInt64(exactly: number)
    case .unsigned(let number): number
    default: nil
    }
  }
}
