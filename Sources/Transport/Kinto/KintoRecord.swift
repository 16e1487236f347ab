import Journal

/// One record as Kinto shows it.
struct KintoRecord: Equatable {
  var key: String
  var version: ServerVersion
  /// Nil for a tombstone.
  var fields: Fields?

  /// - Throws: ``TransportError/protocolViolation(_:)`` where the id or the timestamp is missing.
  init(_ value: Value?, from place: String) throws(TransportError) {
    guard case .object(var fields) = value ?? .null,
      case .string(let key) = fields["id"] ?? .null,
      (1...RecordAddress.maximumNameBytes).contains(key.utf8.count),
      case .integer(let stamp) = fields["last_modified"] ?? .null,
      let timestamp = UInt64(exactly: stamp)
    else {
      throw .protocolViolation(
        "\(place) answered a record without an id of 1 to 128 bytes and a last_modified")
    }
    self.key = key
    version = ServerVersion(timestamp: timestamp, tieBreak: 0)
    fields["id"] = .none
    fields["last_modified"] = .none
    // A field of that name, beside others, is the user's own.
    let isTombstone = fields.count == 1 && fields["deleted"] == .some(.bool(true))
    self.fields = isTombstone ? nil : fields
  }

  /// The change this state is.
  func change(_ collection: String) throws -> FeedChange {
    var state = FeedChange.State.deleted
    if let fields {
      var writer = CBORWriter(reserving: 256)
      try writer.fields(fields)
      state = .live(writer.bytes)
    }
    return FeedChange(
      collection: collection, key: key, version: version, born: version, state: state)
  }

  /// Whether an edit has nothing left to do to this record: its answer was lost, or somebody did the same.
  func satisfies(_ edit: RecordEdit) throws -> Bool {
    guard let fields else { return false }
    switch edit {
    case .create(let wanted), .put(let wanted):
      var fields = fields
      // Kinto adds it to records of a collection with a schema.
      if wanted["schema"] == nil { fields["schema"] = .none }
      let wanted = try KintoCodec.asAnswered(wanted)
      return fields.count == wanted.count && Self.holds(fields, wanted)
    case .update(let set, let unset):
      let wanted = try KintoCodec.asAnswered(set)
      return unset.names.allSatisfy { fields[$0] == nil } && Self.holds(fields, wanted)
    case .delete, .nothing: return false
    }
  }

  private static func holds(_ fields: Fields, _ wanted: Fields) -> Bool {
    wanted.allSatisfy { name, value in fields[name].map { isSame($0, value) } ?? false }
  }

  /// JSON knows one kind of number: a server may answer 1 for 1.0. Kinto reads JSON with RapidJSON, not in full precision.
  private static func isSame(_ left: Value, _ right: Value) -> Bool {
    switch (left, right) {
    case (.array(let left), .array(let right)):
      return left.count == right.count && zip(left, right).allSatisfy { isSame($0, $1) }
    case (.object(let left), .object(let right)):
      return left.count == right.count && holds(left, right)
    case (.double(let double), let other), (let other, .double(let double)):
      switch other {
      case .integer(let number): return isClose(Double(number), double)
      case .unsigned(let number): return isClose(Double(number), double)
      case .double(let other): return isClose(other, double)
      default: return false
      }
    default: return left == right
    }
  }

  /// Within the 3 units in the last place that RapidJSON documents for it (`kParseFullPrecisionFlag`).
  private static func isClose(_ left: Double, _ right: Double) -> Bool {
    left == right || (left - right).magnitude <= 3 * max(left.ulp, right.ulp)
  }
}

/// JSON as it travels.
enum KintoCodec {
  static func decode(_ body: [UInt8], from place: String) throws(TransportError) -> Value {
    do {
      return try body.withUnsafeBytes { bytes throws(JournalError) in
        try JSONText.parse(bytes, maxDepth: Limits.depth + 8)
      }
    } catch {
      throw .protocolViolation("\(place) answered what is no JSON to go by: \(error)")
    }
  }

  static func encode(_ value: Value) -> [UInt8] {
    var text: [UInt8] = []
    JSONText.write(RESTCodec.plain(value), into: &text)
    return text
  }

  /// Fields as a server would show them again: references as keys, bytes as their JSON.
  static func asAnswered(_ fields: Fields) throws -> Fields {
    guard case .object(let answered) = try decode(encode(.object(fields)), from: "") else {
      return fields
    }
    return answered
  }

  /// Why a server would never take an edit, or would take it for something else.
  static func refusal(_ names: SegmentChangeNames, _ edit: RecordEdit) -> Verdict? {
    guard KintoName.isValid(names.key) else {
      return .refused(
        code: "id",
        message: "Kinto takes ids of letters, digits, - and _ that begin with a letter or a digit; "
          + "give the record another one")
    }
    let fields: Fields
    switch edit {
    case .create(let all), .put(let all): fields = all
    case .update(let set, _): fields = set
    case .delete, .nothing: return nil
    }
    if fields["deleted"] == .some(.bool(true)) {
      return .refused(
        code: "deleted",
        message:
          "Kinto marks deleted records by a field \"deleted\" that is true; call yours something "
          + "else")
    }
    if fields["last_modified"] != nil {
      return .refused(
        code: "reserved-field",
        message:
          "Kinto would take \"last_modified\" for the record's version; call the field something "
          + "else")
    }
    if let id = fields["id"], id != .string(names.key) {
      return .refused(
        code: "reserved-field",
        message: "Kinto would take \"id\" for the record's id; call the field something else")
    }
    if hasNUL(.object(fields)) {
      return .refused(
        code: "nul",
        message:
          "PostgreSQL stores no text with a NUL character (U+0000): take it out and send it again")
    }
    return nil
  }

  private static func hasNUL(_ value: Value) -> Bool {
    switch value {
    case .string(let text): text.utf8.contains(0)
    case .array(let values): values.contains(where: hasNUL)
    case .object(let fields): fields.contains { $0.name.utf8.contains(0) || hasNUL($0.value) }
    case .reference(_, let key): key.utf8.contains(0)
    default: false
    }
  }
}
