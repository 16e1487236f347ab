import Journal

/// One record as a server shows it.
struct RESTRecord {
  var key: String
  var version: ServerVersion
  /// Nil where it is deleted.
  var fields: Fields?

  /// - Throws: ``TransportError/protocolViolation(_:)`` where id or version is missing.
  init(_ value: Value, _ settings: RESTSettings, at url: String) throws(TransportError) {
    guard case .object(var fields) = value else {
      throw .protocolViolation("\(url) answered a record that is no object")
    }
    guard let key = Self.key(fields[settings.idField]) else {
      throw .protocolViolation(
        "\(url) answered a record without an id of 1 to 128 bytes in \"\(settings.idField)\"; name "
          + "the field with --id-field")
    }
    guard let version = fields[settings.versionField].flatMap(Self.version) else {
      throw .protocolViolation(
        "\(url) answered record \(key) without a version in \"\(settings.versionField)\": milliseconds "
          + "since 1970 or RFC 3339; name the field with --version-field")
    }
    self.key = key
    self.version = version
    let isDeleted = fields[settings.deletedField] == true
    for name in [settings.idField, settings.versionField, settings.deletedField] {
      fields[name] = nil
    }
    if let name = settings.clientIDField { fields[name] = nil }
    self.fields = isDeleted ? nil : fields
  }

  /// Servers number their records as often as they name them; nil for what cannot be a key here.
  private static func key(_ value: Value?) -> String? {
    switch value {
    case .string(let text):
      (1...RecordAddress.maximumNameBytes).contains(text.utf8.count) ? text : nil
    case .integer(let number): String(number)
    case .unsigned(let number): String(number)
    default: nil
    }
  }

  /// A stamp's milliseconds; of a text what is below them tells equal milliseconds apart.
  static func version(_ value: Value) -> ServerVersion? {
    switch value {
    case .integer(let number):
      return UInt64(exactly: number).map { ServerVersion(timestamp: $0, tieBreak: 0) }
    case .string(let text):
      guard let time = Timestamp(text) else { return nil }
      let fraction = text.utf8.drop { $0 != UInt8(ascii: ".") }.dropFirst()
        .prefix { (0x30...0x39).contains($0) }
      var finer = Array(fraction.dropFirst(3).prefix(6))
      while finer.count < 6 { finer.append(0x30) }
      return ServerVersion(
        timestamp: time.milliseconds,
        tieBreak: finer.reduce(0) { $0 * 10 + UInt64($1 - 0x30) })
    default: return nil
    }
  }

  /// The change this state is.
  func change(_ collection: String, isPartial: Bool = false) throws -> FeedChange {
    let state: FeedChange.State
    if let fields {
      var writer = CBORWriter(reserving: 256)
      try writer.fields(fields)
      state = .live(writer.bytes)
    } else {
      state = .deleted
    }
    var change = FeedChange(
      collection: collection, key: key, version: version, born: version, state: state)
    change.isPartial = isPartial && fields != nil
    return change
  }
}

/// JSON as it travels.
enum RESTCodec {
  /// A text that holds one value.
  static func decode(_ body: [UInt8], from url: String) throws(TransportError) -> Value {
    do {
      return try body.withUnsafeBytes { bytes throws(JournalError) in
        try JSONText.parse(bytes, maxDepth: Limits.depth + 2)
      }
    } catch {
      throw .protocolViolation("\(url) answered what is no JSON to go by: \(error)")
    }
  }

  /// What is in the envelope, where there is one.
  static func unwrap(
    _ value: Value, _ envelope: String?, at url: String
  ) throws(TransportError) -> Value {
    guard let envelope else { return value }
    guard let inner = member(envelope, of: value) else {
      throw .protocolViolation("\(url) answered without the member \"\(envelope)\" around it")
    }
    return inner
  }

  /// A member of a member: `data.items`.
  static func member(_ path: String, of value: Value) -> Value? {
    var value = value
    for name in path.split(separator: ".", omittingEmptySubsequences: false) {
      guard case .object(let members) = value, let inner = members[String(name)] else { return nil }
      value = inner
    }
    return value
  }

  static func encode(_ fields: Fields, _ settings: RESTSettings) -> [UInt8] {
    var value = Value.object(plain(fields))
    let names = settings.envelope?.split(separator: ".", omittingEmptySubsequences: false) ?? []
    for name in names.reversed() { value = .object([String(name): value]) }
    var text: [UInt8] = []
    JSONText.write(value, into: &text)
    return text
  }

  /// A server of plain records knows no references: they go as the key.
  static func plain(_ fields: Fields) -> Fields {
    Fields(fields.map { ($0.name, plain($0.value)) })
  }

  static func plain(_ value: Value) -> Value {
    switch value {
    case .reference(_, let key): .string(key)
    case .array(let values): .array(values.map(plain))
    case .object(let fields): .object(plain(fields))
    default: value
    }
  }
}
