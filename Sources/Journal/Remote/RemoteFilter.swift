import Crypto

/// Which records of one collection are taken from a remote.
///
/// What lies outside of it at the server is not here; a record that leaves it goes from here without being
/// deleted anywhere. It says nothing of what is sent: an edit made here is delivered wherever its record belongs.
/// Filters are made by `Projection`, from what a query would ask for.
public struct RemoteFilter: Sendable, Hashable {
  /// The collection, 1 to 128 bytes.
  public var collection: String
  /// The condition, in the form in which filters are stored.
  package var condition: Fields

  /// The most that the filters of a remote may have together, in bytes of CBOR.
  public static let maximumBytes = 4_096

  package init(collection: String, condition: Fields) {
    self.collection = collection
    self.condition = condition
  }

  /// Filters by their collections, as declarations store them.
  package static func fields(_ filters: [RemoteFilter]) -> Fields {
    var fields = Fields()
    for filter in filters { fields[filter.collection] = .object(filter.condition) }
    return fields
  }

  /// Deterministic CBOR of ``fields(_:)``: what a server is asked with.
  ///
  /// - Throws: ``JournalError/invalidInput(_:)`` for one nested too deep.
  package static func encode(_ filters: [RemoteFilter]) throws(JournalError) -> [UInt8] {
    var writer = CBORWriter()
    try writer.fields(fields(filters))
    return writer.bytes
  }

  /// - Throws: ``JournalError/invalidInput(_:)`` for anything else than ``encode(_:)`` gives.
  package static func decode(_ bytes: UnsafeRawBufferPointer) throws(JournalError) -> [RemoteFilter]
  {
    var reader = CBORReader(bytes)
    guard bytes.count <= maximumBytes,
      case .success(.object(let fields)) = Result(catching: {
        try reader.value(maxDepth: Limits.depth)
      }),
      reader.isAtEnd
    else { throw .invalidInput("the filter is no map of at most \(maximumBytes) bytes of CBOR") }
    let filters = list(fields)
    guard filters.count == fields.count else {
      throw .invalidInput("the filter is no map of collections and their conditions")
    }
    try check(filters, of: [])
    return filters
  }

  static func list(_ fields: Fields) -> [RemoteFilter] {
    fields.compactMap { collection, condition in
      guard case .object(let condition) = condition else { return nil }
      return RemoteFilter(collection: collection, condition: condition)
    }
  }

  static func check(
    _ filters: [RemoteFilter], of collections: [String]
  ) throws(JournalError) {
    var named: Set<[UInt8]> = []
    for filter in filters {
      let name = [UInt8](filter.collection.utf8)
      guard (1...RecordAddress.maximumNameBytes).contains(name.count) else {
        throw .invalidInput("a collection's name has 1 to 128 bytes")
      }
      guard named.insert(name).inserted else {
        throw .invalidInput(
          "collection \"\(filter.collection)\" has two filters: make one of both")
      }
      guard collections.isEmpty || collections.contains(where: { $0.utf8.elementsEqual(name) })
      else {
        throw .invalidInput(
          "the remote has a filter for collection \"\(filter.collection)\", which it does not own")
      }
    }
    if filters.isEmpty { return }
    guard try encode(filters).count <= maximumBytes else {
      throw .invalidInput("a remote's filters have at most \(maximumBytes) bytes together")
    }
  }
}

extension RemoteDeclaration {
  /// Names what is asked for: 16 bytes, others for other filters; none where everything is.
  ///
  /// - Throws: ``JournalError/invalidInput(_:)`` for a filter that cannot be stored.
  package func filterDigest() throws(JournalError) -> [UInt8] {
    guard !filters.isEmpty else { return [] }
    return Array(SHA256.hash(data: try RemoteFilter.encode(filters)).prefix(16))
  }
}

/// Tests records of one remote's collections: what a folder makes of its ``RemoteFilter``s. For one thread.
package protocol RecordTest {
  /// Whether records of the collection are tested at all.
  func concerns(_ collection: String) -> Bool

  /// Whether a record with these fields, a map, is taken; true of collections without a filter.
  ///
  /// - Throws: ``JournalError`` for bytes that are no fields.
  func takes(_ collection: String, _ fields: UnsafeRawBufferPointer) throws -> Bool
}
