public import Journal

extension RemoteFilter {
  /// Takes those records of a collection that a query with this filter would find.
  ///
  /// - Throws: `JournalError.invalidInput` where groups lie too deep in each other.
  public init(_ collection: String, where filter: Filter) throws(JournalError) {
    do {
      self.init(collection: collection, condition: try FieldEncoder().encode(filter))
    } catch {
      throw .invalidInput("the filter of collection \"\(collection)\" cannot be stored: \(error)")
    }
  }

  /// Takes those records of a type that a request would find without its order and limits.
  ///
  /// ```swift
  /// let remote = try RemoteDeclaration(
  ///   name: "main", kind: "journal", url: url, filters: [RemoteFilter(Todo.where(\.team == "red"))])
  /// ```
  ///
  /// - Throws: `JournalError`, as reading by the request would for a key path that names no field.
  public init<R: Record>(_ request: Request<R>) throws {
    let query = try request.query()
    try self.init(query.collection, where: query.filter)
  }

  /// The condition, as a query has it.
  ///
  /// - Throws: `JournalError.unsupported` for one only a later release reads.
  public func filter() throws(JournalError) -> Filter {
    do {
      return try FieldDecoder().decode(Filter.self, from: condition)
    } catch {
      throw .unsupported(
        "the filter of collection \"\(collection)\" is none this release reads: use a newer one")
    }
  }
}

/// Records tested by prepared filters, by collection.
private struct FilterTests: RecordTest {
  private var filters: [[UInt8]: PreparedFilter] = [:]

  init(_ filters: [RemoteFilter]) throws {
    for filter in filters {
      self.filters[[UInt8](filter.collection.utf8)] = try PreparedFilter(filter.filter())
    }
  }

  func concerns(_ collection: String) -> Bool {
    !filters.isEmpty && filters[[UInt8](collection.utf8)] != nil
  }

  func takes(_ collection: String, _ fields: UnsafeRawBufferPointer) throws -> Bool {
    guard !filters.isEmpty, let filter = filters[[UInt8](collection.utf8)] else { return true }
    return try filter.matches(fields)
  }
}

extension RecordFolder {
  package func recordTest(_ filters: [RemoteFilter]) throws -> any RecordTest {
    try FilterTests(filters)
  }
}
