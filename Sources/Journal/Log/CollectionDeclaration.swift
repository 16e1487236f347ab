/// What a `declared` entry says of a collection: that its edits never leave the device, how its
/// records look to servers that keep records, how its conflicts are decided.
///
/// The row `fold/collection/<name>` keeps the settings, so that every process knows them, also one
/// that knows no types.
package struct CollectionDeclaration: Sendable, Hashable {
  package var name: String
  /// Edits are base at once, are never pending and never sent.
  package var isLocalOnly: Bool
  /// How records look to servers that keep records.
  package var form: RemoteForm
  /// The name of the policy that decides its conflicts; nil where none was declared.
  package var policy: String?
  /// Whether its edits are to be taken by a server only where their records have not moved on.
  package var isStrict = false

  package init(_ name: String, isLocalOnly: Bool = false, form: RemoteForm = RemoteForm()) {
    self.name = name
    self.isLocalOnly = isLocalOnly
    self.form = form
  }

  /// The subject of its `declared` entries.
  package static let subject = "collection"
  private static let local = "local"
  private static let remote = "remote"
  private static let policy = "policy"
  private static let strict = "strict"

  /// The body of the `declared` entry that says this.
  package func body() throws -> [UInt8] {
    var body = BodyBuilder()
    body.add(.subject, text: Self.subject)
    body.add(.name, text: name)
    var settings: Fields = [Self.local: .bool(isLocalOnly)]
    if !form.isEmpty { settings[Self.remote] = .object(form.settings) }
    if let policy { settings[Self.policy] = .string(policy) }
    if isStrict { settings[Self.strict] = true }
    try body.add(.settings) { try $0.fields(settings) }
    return body.finish()
  }

  /// Decodes the settings of a `declared` entry or of the row `fold/collection/<name>`.
  package init(name: String, settings: UnsafeRawBufferPointer) throws {
    guard (1...RecordAddress.maximumNameBytes).contains(name.utf8.count) else {
      throw JournalError.damaged("a declaration names a collection outside 1 to 128 bytes")
    }
    var reader = CBORReader(settings)
    guard case .object(let fields) = try reader.value(maxDepth: Limits.depth), reader.isAtEnd else {
      throw JournalError.damaged("the declaration of collection \(name) is malformed")
    }
    self.name = name
    isLocalOnly = fields[Self.local] == .bool(true)
    form = RemoteForm()
    if case .string(let policy) = fields[Self.policy] { self.policy = policy }
    isStrict = fields[Self.strict] == .bool(true)
    guard let remote = fields[Self.remote] else { return }
    guard case .object(let settings) = remote else {
      throw JournalError.damaged("the remote form of collection \(name) is malformed")
    }
    form = try RemoteForm(settings: settings)
  }
}

/// How records look to servers that keep records, by collection.
package struct RemoteForms: Sendable {
  private var forms: [[UInt8]: RemoteForm] = [:]

  /// All records look as they are stored.
  package init() {}

  init(_ declarations: [CollectionDeclaration]) {
    for declaration in declarations where !declaration.form.isEmpty {
      forms[Array(declaration.name.utf8)] = declaration.form
    }
  }

  package var isEmpty: Bool { forms.isEmpty }

  /// Nil where records go as they are stored.
  package subscript(collection: String) -> RemoteForm? { forms[Array(collection.utf8)] }
}

/// The collections whose edits never leave the device, by the beginning of their rows' keys.
package struct LocalCollections: Sendable {
  private var prefixes: [[UInt8]] = []

  /// None.
  init() {}

  /// Reads the declarations of collections. Costs one look where there are none.
  package init(_ storage: any StorageReader) throws {
    prefixes = try storage.collectionDeclarations().filter(\.isLocalOnly).map { declaration in
      var name = declaration.name
      return name.withUTF8 { RecordAddress.prefix(collection: UnsafeRawBufferPointer($0)) }
    }
  }

  package var isEmpty: Bool { prefixes.isEmpty }

  /// Whether a record's collection is one of them.
  package func contains(_ rowKey: [UInt8]) -> Bool {
    prefixes.contains { rowKey.starts(with: $0) }
  }

  /// Whether a collection of this name is one of them.
  package func contains(collection: String) -> Bool {
    guard !prefixes.isEmpty else { return false }
    var collection = collection
    let prefix = collection.withUTF8 {
      RecordAddress.prefix(collection: UnsafeRawBufferPointer($0))
    }
    return prefixes.contains(prefix)
  }
}

extension StorageReader {
  /// What is declared of collections, in the order of their names.
  fileprivate func collectionDeclarations() throws -> [CollectionDeclaration] {
    let prefix = [UInt8](MetaKey.collections.utf8)
    var found: [CollectionDeclaration] = []
    try scan(.meta, from: prefix) { key, payload in
      guard key.starts(with: prefix) else { return false }
      guard
        let name = Hex.decode(String(decoding: key.dropFirst(prefix.count), as: UTF8.self))
      else { throw JournalError.damaged("a row of `meta` names no collection") }
      found.append(
        try CollectionDeclaration(name: String(decoding: name, as: UTF8.self), settings: payload))
      return true
    }
    return found
  }
}

/// The collections whose edits a server is to take only where their records have not moved on.
package struct StrictCollections: Sendable {
  private let names: Set<[UInt8]>

  init(_ declarations: [CollectionDeclaration]) {
    names = Set(declarations.filter(\.isStrict).map { Array($0.name.utf8) })
  }

  /// Whether the record a body names is in one of them.
  package func contains(recordOf body: Body) throws -> Bool {
    guard !names.isEmpty, let name = try body.text(.collection) else { return false }
    return names.contains(Array(name.utf8))
  }
}

extension JournalReader {
  /// What is declared of a collection; nil where nothing is.
  package func declaration(ofCollection name: String) throws -> CollectionDeclaration? {
    try meta(MetaKey.collection(name)).map { settings in
      try settings.withUnsafeBytes { try CollectionDeclaration(name: name, settings: $0) }
    }
  }

  package func strictCollections() throws -> StrictCollections {
    StrictCollections(try storage.collectionDeclarations())
  }

  /// How records look to servers that keep records.
  package func remoteForms() throws -> RemoteForms {
    RemoteForms(try storage.collectionDeclarations())
  }

  /// The collections whose edits never leave the device, beside all of a local journal.
  package func localCollections() throws -> LocalCollections {
    try LocalCollections(storage)
  }
}
