/// What the journal has to know of a type of records: where they are, which form of them this is, and
/// what is kept beside them.
///
/// ```swift
/// static let schema = Schema<Todo>("todos", version: 2, …)
/// ```
public struct Schema<R: Record>: Sendable {
  /// The name of the collection, 1–128 bytes of UTF-8.
  public let collection: String
  /// Which form of the type this is; the entries it writes carry it in their header.
  public let version: UInt32
  /// Everything else that was said of the type.
  let parts: [SchemaPart<R>]
  /// How records of older forms are read.
  let upcasts: UpcastChain

  /// - Parameters:
  ///   - collection: The name of the collection, 1–128 bytes of UTF-8. Reads and writes of a record
  ///     throw where it is not.
  ///   - version: From 1 on; make it larger when the meaning of a field changes. 0, which marks
  ///     entries without a type, is a programmer's error.
  ///   - parts: What else holds of the collection.
  public init(_ collection: String, version: UInt32 = 1, _ parts: SchemaPart<R>...) {
    precondition(version > 0, "a schema's version is 1 or larger")
    self.collection = collection
    self.version = version
    self.parts = parts
    upcasts = UpcastChain(parts.compactMap(\.upcast))
  }
}

/// One thing a schema says of its collection beside name and version.
public struct SchemaPart<R: Record>: Sendable {
  /// Whether a write of the type without a store that knows it would go wrong.
  var needsRegistration = false
  /// Adds itself to what is registered; looks key paths up.
  let register: @Sendable (inout RegisteredSchema) throws -> Void
  /// What it says of records of an older form.
  var upcast: Upcast?
}
