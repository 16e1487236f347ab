import Journal

// A record that was created here has a key of its own until a server gives it another. Both mean it: reads by
// either find it, and so do references, which stay in their fields as they were written.
extension Snapshot {
  /// The key a record has, whichever of its keys is given; the key itself where nothing is known of it.
  ///
  /// Costs a look-up.
  ///
  /// - Throws: `JournalError` for a name outside 1–128 bytes or a damaged row.
  public func currentKey(_ collection: String, _ key: String) throws -> String {
    let rowKey = try RecordAddress(collection: collection, key: key).rowKey
    let current = try source.current(rowKey)
    return current == rowKey ? key : try RecordAddress(rowKey: current).names.key
  }

  /// The id a record has, whichever of its ids is given; the id itself where nothing is known of it.
  ///
  /// Two ids mean the same record where this gives the same for both.
  ///
  /// - Throws: as ``currentKey(_:_:)`` does.
  public func currentID<R: Record>(_ id: RecordID<R>) throws -> RecordID<R> {
    RecordID(try currentKey(R.schema.collection, id.key))
  }

  /// Every key a record is known under.
  private func allKeys(_ collection: String, _ key: String) throws -> [String] {
    let limits = 1...RecordAddress.maximumNameBytes
    // A name outside the limits is no record's: there is nothing to look up.
    guard limits.contains(collection.utf8.count), limits.contains(key.utf8.count) else {
      return [key]
    }
    let rowKey = try RecordAddress(collection: collection, key: key).rowKey
    let keys = try source.allKeys(of: rowKey)
    return keys == [rowKey] ? [key] : try keys.map { try RecordAddress(rowKey: $0).names.key }
  }

  /// Which of some ids mean the record that a reference names, by the ids a reference may have.
  func asked<T: Record>(_ ids: [RecordID<T>]) throws -> [RecordID<T>: [RecordID<T>]] {
    var asked: [RecordID<T>: [RecordID<T>]] = [:]
    for id in ids {
      for key in try allKeys(T.schema.collection, id.key) {
        asked[RecordID(key), default: []].append(id)
      }
    }
    return asked
  }

  /// A value that is the same for all references to one record.
  func current<V>(_ value: V) throws -> Value? {
    guard let reference = (value as? any ReferenceField)?.reference else { return nil }
    guard case .reference(let collection, let key) = reference else { return reference }
    return .reference(collection: collection, key: try currentKey(collection, key))
  }

  /// The filter with every key of the records that its values refer to.
  func withAllKeys(_ filter: Filter) throws -> Filter {
    switch filter {
    case .compare(let condition): try withAllKeys(condition)
    case .prefix, .absent: filter
    case .all(let filters): .all(try filters.map(withAllKeys))
    case .any(let filters): .any(try filters.map(withAllKeys))
    case .not(let filter): .not(try withAllKeys(filter))
    }
  }

  private func withAllKeys(_ condition: Query.Condition) throws -> Filter {
    let field = condition.field
    switch (condition.operator, condition.value) {
    case (.equal, .reference), (.notEqual, .reference), (.contains, .reference):
      let values = try references(condition.value)
      guard values.count > 1 else { return .compare(condition) }
      switch condition.operator {
      case .contains: return .any(values.map { .compare(.init(field, .contains, $0)) })
      case .equal: return .compare(.init(field, .in, .array(values)))
      default: return .not(.compare(.init(field, .in, .array(values))))
      }
    case (.in, .array(let elements)):
      guard elements.contains(where: \.isReference) else { return .compare(condition) }
      return .compare(.init(field, .in, .array(try elements.flatMap(references))))
    default:
      return .compare(condition)
    }
  }

  /// A reference under every key of the record; another value alone.
  private func references(_ value: Value) throws -> [Value] {
    guard case .reference(let collection, let key) = value else { return [value] }
    return try allKeys(collection, key).map { .reference(collection: collection, key: $0) }
  }
}

extension Value {
  fileprivate var isReference: Bool {
    if case .reference = self { true } else { false }
  }
}

/// A field's type whose values refer to one record or none.
protocol ReferenceField {
  var reference: Value { get }
}

extension RecordID: ReferenceField {
  var reference: Value { .reference(collection: R.schema.collection, key: key) }
}

extension Optional: ReferenceField where Wrapped: ReferenceField {
  var reference: Value { self?.reference ?? .null }
}
