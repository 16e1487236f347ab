import Journal

/// A collection of single values under keys, each of a type the caller names.
///
/// ```swift
/// let settings = store.values("settings")
/// try await settings.set(true, for: "isDark")
/// let isDark = try settings.get("isDark", as: Bool.self) ?? false
/// ```
///
/// A value is a record with the one field `value`: everything else that holds for records holds for it,
/// sync, history and erasure included. Declare the collection local-only where it belongs to the device.
public struct ValueCollection: Sendable {
  let store: Store
  /// The collection's name.
  public let collection: String

  /// The value under a key; nil when there is none.
  ///
  /// - Throws: `JournalError.typeMismatch` when it is of another type.
  public func get<V: Codable & Sendable>(_ key: String, as type: V.Type = V.self) throws -> V? {
    try store.read { try $0.value(collection, key, as: type) }
  }

  /// Stores a value, in the place of one that is there.
  ///
  /// - Throws: `JournalError.invalidInput` for what a journal refuses, and what
  ///   ``Store/write(by:because:isolation:_:)`` throws.
  public func set<V: Codable & Sendable>(
    _ value: V, for key: String, by actor: String? = nil
  ) async throws {
    try await store.write(by: actor) { try $0.set(value, for: key, in: collection) }
  }

  /// Removes a value.
  ///
  /// - Returns: Whether there was one.
  @discardableResult
  public func remove(_ key: String, by actor: String? = nil) async throws -> Bool {
    var wasThere = false
    try await store.write(by: actor) { wasThere = try $0.removeValue(for: key, in: collection) }
    return wasThere
  }

  /// All values with their keys, in the order of the keys, bytewise; they are of one type.
  ///
  /// - Throws: `JournalError.typeMismatch` when one is of another type.
  public func all<V: Codable & Sendable>(
    as type: V.Type = V.self
  ) throws -> [(key: String, value: V)] {
    try store.read { snapshot in
      var all: [(key: String, value: V)] = []
      try snapshot.select(Query(collection)) { match in
        all.append((match.key, try Snapshot.value(type, collection, match.key, match.fields)))
      }
      return all
    }
  }

  /// The keys there are, bytewise.
  public var keys: [String] {
    get throws {
      try store.read { snapshot in
        var keys: [String] = []
        try snapshot.select(Query(collection)) { keys.append($0.key) }
        return keys
      }
    }
  }
}

extension Store {
  /// A collection of single values. Costs nothing: a name for what is stored.
  public func values(_ collection: String) -> ValueCollection {
    ValueCollection(store: self, collection: collection)
  }
}

extension Snapshot {
  /// A value of a ``ValueCollection``; nil when there is none.
  ///
  /// - Throws: `JournalError.typeMismatch` when it is of another type.
  public func value<V: Codable & Sendable>(
    _ collection: String, _ key: String, as type: V.Type = V.self
  ) throws -> V? {
    let address = try RecordAddress(collection: collection, key: key)
    return try source.withCurrent(address.rowKey) {
      try Self.value(type, collection, key, $1)
    }
  }

  static func value<V: Codable & Sendable>(
    _ type: V.Type, _ collection: String, _ key: String, _ fields: UnsafeRawBufferPointer
  ) throws -> V {
    do {
      return try FieldDecoder().decode(Alone<V>.self, from: fields).value
    } catch JournalError.typeMismatch(let text) {
      throw JournalError.typeMismatch("\(collection)/\(key): \(text)")
    }
  }
}

extension Changes {
  /// Stores a value of a ``ValueCollection``, in the place of one that is there.
  public mutating func set<V: Codable & Sendable>(
    _ value: V, for key: String, in collection: String
  ) throws {
    let fields = try FieldEncoder().encoded(Alone(value: value))
    drafts.append(try edit.draft(.put(fields: fields), collection: collection, key: key))
  }

  /// Removes a value of a ``ValueCollection``.
  ///
  /// - Returns: Whether there was one.
  @discardableResult
  public mutating func removeValue(for key: String, in collection: String) throws -> Bool {
    let address = try RecordAddress(collection: collection, key: key)
    let (fields, last) = try state(of: address)
    guard fields != nil else { return false }
    var draft = try edit.draft(.delete, collection: collection, key: key)
    draft.precondition.last = last
    drafts.append(draft)
    return true
  }
}
