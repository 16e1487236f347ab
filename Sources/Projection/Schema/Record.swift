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
