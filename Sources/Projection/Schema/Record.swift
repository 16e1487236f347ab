/// A value of your own that a collection holds.
///
/// ```swift
/// struct Person: Record {
///   static let schema = Schema<Person>("people")
///   var id = RecordID<Person>()
///   var name: String
///   var employer: RecordID<Company>?
/// }
/// try await store.write(by: "mia") { try $0.create(Person(name: "Ada")) }
/// let people = try store.read { try $0.all(Person.self) }
/// ```
///
/// Its properties are the record's fields, in the forms `FieldEncoder` documents; `id` is the record's
/// key and no field. Fields that the type does not know are kept by every update.
public protocol Record: Codable, Sendable, Identifiable where ID == RecordID<Self> {
  /// What the journal has to know of the type.
  static var schema: Schema<Self> { get }
  /// The record's key in its collection; it never changes.
  var id: RecordID<Self> { get }
}

/// What the journal has to know of a type of records: where they are, and which form of them this is.
public struct Schema<R: Record>: Sendable {
  /// The name of the collection, 1–128 bytes of UTF-8.
  public let collection: String
  /// Which form of the type this is; the entries it writes carry it in their header.
  public let version: UInt32

  /// - Parameters:
  ///   - collection: The name of the collection, 1–128 bytes of UTF-8. Reads and writes of a record
  ///     throw where it is not.
  ///   - version: From 1 on; make it larger when the meaning of a field changes. 0, which marks
  ///     entries without a type, is a programmer's error.
  public init(_ collection: String, version: UInt32 = 1) {
    precondition(version > 0, "a schema's version is 1 or larger")
    self.collection = collection
    self.version = version
  }
}
