import Journal

/// An index as the journal knows it: by names of collection and fields, without types.
///
/// It is declared by an entry, so that every process that writes keeps its rows, whatever types it knows.
package struct IndexDefinition: Sendable, Hashable {
  package var collection: String
  /// Unique in its collection, 1–128 bytes.
  package var name: String
  /// Top-level fields, the most significant first; 1 to 8.
  package var fields: [String]
  /// The position in ``fields`` of an array whose elements are indexed one by one.
  package var each: Int?
  /// Whether edits made here are refused that give two records the same values.
  package var isUnique: Bool

  package static let maximumFields = 8

  package init(
    collection: String, name: String, fields: [String], each: Int? = nil, isUnique: Bool = false
  ) {
    self.collection = collection
    self.name = name
    self.fields = fields
    self.each = each
    self.isUnique = isUnique
  }

  /// - Throws: `JournalError.invalidInput` for what no journal takes.
  package func check() throws {
    _ = try RecordAddress(collection: collection, key: name)
    guard (1...Self.maximumFields).contains(fields.count) else {
      throw JournalError.invalidInput(
        "index \"\(name)\" has \(fields.count) fields; 1 to \(Self.maximumFields) are allowed")
    }
    for (position, field) in fields.enumerated() {
      guard (1...RecordAddress.maximumNameBytes).contains(field.utf8.count) else {
        throw JournalError.invalidInput(
          "a field of index \"\(name)\" has a name of \(field.utf8.count) bytes; 1 to 128 are allowed"
        )
      }
      if fields[..<position].contains(where: { $0.utf8.elementsEqual(field.utf8) }) {
        throw JournalError.invalidInput(
          "index \"\(name)\" names the field \"\(field)\" twice; name it once")
      }
    }
  }

  /// The body of the `declared` entry that adds or removes the index.
  package func body(isRemoved: Bool = false) throws -> [UInt8] {
    var body = BodyBuilder()
    body.add(.collection, text: collection)
    body.add(.subject, text: Self.subject)
    body.add(.name, text: name)
    try body.add(.settings) { try $0.fields(settings) }
    if isRemoved { body.add(.removed) { $0.bool(true) } }
    return body.finish()
  }

  package static let subject = "index"

  private var settings: Fields {
    var settings: Fields = ["fields": .array(fields.map { .string($0) })]
    if let each { settings["each"] = .integer(Int64(each)) }
    if isUnique { settings["unique"] = .bool(true) }
    return settings
  }

  /// The row `fold/index/…` of the index.
  func encoded() throws -> [UInt8] {
    var row = settings
    row["collection"] = .string(collection)
    row["name"] = .string(name)
    var writer = CBORWriter(reserving: 128)
    try writer.fields(row)
    return writer.bytes
  }

  /// - Throws: `JournalError.damaged` for anything but what ``encoded()`` writes.
  init(row: UnsafeRawBufferPointer) throws {
    var reader = CBORReader(row)
    guard case .object(let fields) = try reader.value(maxDepth: Limits.depth),
      case .string(let collection) = fields["collection"] ?? .null,
      case .string(let name) = fields["name"] ?? .null
    else { throw Self.malformed }
    try self.init(collection: collection, name: name, settings: fields)
  }

  /// - Throws: `JournalError.damaged` for settings no release writes.
  init(collection: String, name: String, settings: UnsafeRawBufferPointer) throws {
    var reader = CBORReader(settings)
    guard case .object(let fields) = try reader.value(maxDepth: Limits.depth) else {
      throw Self.malformed
    }
    try self.init(collection: collection, name: name, settings: fields)
  }

  private init(collection: String, name: String, settings: Fields) throws {
    guard case .array(let values) = settings["fields"] ?? .null else { throw Self.malformed }
    var names: [String] = []
    for value in values {
      guard case .string(let name) = value else { throw Self.malformed }
      names.append(name)
    }
    var each: Int?
    if let value = settings["each"] {
      guard case .integer(let number) = value, names.indices.contains(Int(clamping: number)) else {
        throw Self.malformed
      }
      each = Int(clamping: number)
    }
    self.init(
      collection: collection, name: name, fields: names, each: each,
      isUnique: settings["unique"] == .bool(true))
    guard (1...Self.maximumFields).contains(names.count) else { throw Self.malformed }
  }

  private static var malformed: JournalError {
    .damaged("the declaration of an index is malformed; run `journal verify`")
  }
}
