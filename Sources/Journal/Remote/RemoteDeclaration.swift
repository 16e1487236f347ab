/// A server this journal exchanges with, as its `declared` entry says. Credentials are never part
/// of it.
public struct RemoteDeclaration: Sendable, Hashable {
  public var name: String
  /// What protocol it speaks: `journal` for our own server, `kinto`, `rest` for a server of plain
  /// records.
  public var kind: String
  public var url: String
  /// The collections it owns; empty means all that no other remote names and that are not declared
  /// local-only.
  public var collections: [String]
  /// The environment variable that holds the Authorization header's value.
  public var authorizationVariable: String?
  /// What else its kind has to know, such as the names of fields; empty for our own server.
  public var options: Fields
  /// Which records of some collections are taken; all of those that are not named.
  public var filters: [RemoteFilter]

  /// Whether it takes entries as they are and keeps this journal's checkpoints; other servers see
  /// records, in the form their collection's declaration names.
  package var takesEntries: Bool { kind == "journal" }

  /// - Throws: ``JournalError/invalidInput(_:)`` when the name is not 1–64 of A–Z a–z 0–9 . _ -, and for
  ///   filters that are too long, of one collection twice, or of one the remote does not own.
  public init(
    name: String, kind: String, url: String, collections: [String] = [],
    authorizationVariable: String? = nil, options: Fields = Fields(),
    filters: [RemoteFilter] = []
  ) throws(JournalError) {
    guard (1...64).contains(name.utf8.count), !name.hasPrefix("."),
      name.utf8.allSatisfy({ byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
        default: false
        }
      })
    else {
      throw .invalidInput("a remote's name is 1 to 64 of A-Z a-z 0-9 . _ -, not \"\(name)\"")
    }
    for collection in collections {
      guard (1...RecordAddress.maximumNameBytes).contains(collection.utf8.count) else {
        throw .invalidInput("a collection's name has 1 to 128 bytes")
      }
    }
    try RemoteFilter.check(filters, of: collections)
    self.name = name
    self.kind = kind
    self.url = url
    self.collections = collections
    self.authorizationVariable = authorizationVariable
    self.options = options
    self.filters = filters
  }

  private var settings: Fields {
    var settings: Fields = [
      "kind": .string(kind), "url": .string(url),
      "collections": .array(collections.map { .string($0) }),
    ]
    if let authorizationVariable { settings["authEnv"] = .string(authorizationVariable) }
    if !options.isEmpty { settings["options"] = .object(options) }
    if !filters.isEmpty { settings["filters"] = .object(RemoteFilter.fields(filters)) }
    return settings
  }

  /// The body of the `declared` entry that adds or removes the remote.
  package func body(isRemoved: Bool = false) throws -> [UInt8] {
    var body = BodyBuilder()
    body.add(.subject, text: "remote")
    body.add(.name, text: name)
    try body.add(.settings) { try $0.fields(settings) }
    if isRemoved { body.add(.removed) { $0.bool(true) } }
    return body.finish()
  }

  /// Decodes the settings of a `declared` entry or of the row `fold/remote/<name>`.
  package init(name: String, settings: UnsafeRawBufferPointer) throws {
    var reader = CBORReader(settings)
    guard case .object(let fields) = try reader.value(maxDepth: Limits.depth),
      case .string(let kind) = fields["kind"] ?? .null,
      case .string(let url) = fields["url"] ?? .null
    else { throw JournalError.damaged("the declaration of remote \(name) is malformed") }
    var collections: [String] = []
    if case .array(let values) = fields["collections"] ?? .null {
      for case .string(let collection) in values { collections.append(collection) }
    }
    var variable: String?
    if case .string(let text) = fields["authEnv"] ?? .null { variable = text }
    var options = Fields()
    if case .object(let stored) = fields["options"] ?? .null { options = stored }
    var filters: [RemoteFilter] = []
    if case .object(let stored) = fields["filters"] ?? .null { filters = RemoteFilter.list(stored) }
    try self.init(
      name: name, kind: kind, url: url, collections: collections,
      authorizationVariable: variable, options: options, filters: filters)
  }

  /// Whether two remotes would both own some collection.
  package func overlaps(_ other: RemoteDeclaration) -> Bool {
    if collections.isEmpty || other.collections.isEmpty {
      return collections.isEmpty && other.collections.isEmpty
    }
    let names = Set(collections.map { [UInt8]($0.utf8) })
    return other.collections.contains { names.contains([UInt8]($0.utf8)) }
  }
}

extension JournalReader {
  /// The remote that owns a record's collection; nil when none does, as for a local-only one.
  package func remote(owning rowKey: [UInt8]) throws -> RemoteDeclaration? {
    guard try !localCollections().contains(rowKey) else { return nil }
    let collection = [UInt8](try RecordAddress(rowKey: rowKey).names.collection.utf8)
    let remotes = try remotes()
    return remotes.first { $0.collections.contains { $0.utf8.elementsEqual(collection) } }
      ?? remotes.first { $0.collections.isEmpty }
  }

  /// The declared remotes, by name.
  package func remotes() throws -> [RemoteDeclaration] {
    let prefix = MetaKey.remote("")
    return try metaRows(prefix: prefix).map { row in
      try row.payload.withUnsafeBytes {
        try RemoteDeclaration(name: String(row.key.dropFirst(prefix.count)), settings: $0)
      }
    }
  }
}
