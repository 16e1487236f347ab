import Journal

/// What follows a delete by the rules of links.
extension Changes {
  /// Adds what the links' rules ask for before a record goes.
  ///
  /// - Throws: `JournalError.stillReferred` where a rule refuses the delete.
  mutating func followLinks(toDeleted collection: String, _ key: String) throws {
    let linking = store.registry.schemas.flatMap { schema in
      schema.links.filter { $0.target.utf8.elementsEqual(collection.utf8) && $0.rule != .keep }
        .map { (schema, $0) }
    }
    guard !linking.isEmpty else { return }
    let address = try RecordAddress(collection: collection, key: key)
    // A record that refers to itself, or to one that is just going, is not followed again.
    guard deleting.insert(address).inserted else { return }
    let references = try store.read { snapshot in
      try snapshot.source.allKeys(of: address.rowKey).map {
        Value.reference(collection: collection, key: try RecordAddress(rowKey: $0).names.key)
      }
    }
    for (schema, link) in linking {
      for source in try sources(schema, link, .reference(collection: collection, key: key)) {
        try follow(link, from: schema, source, to: address, references)
      }
    }
  }

  private mutating func follow(
    _ link: Link, from schema: RegisteredSchema, _ source: String, to address: RecordAddress,
    _ references: [Value]
  ) throws {
    let sourceAddress = try RecordAddress(collection: schema.collection, key: source)
    guard !deleting.contains(sourceAddress) else { return }
    let (stored, _) = try state(of: sourceAddress)
    guard let stored, case let newest = try schema.newest(stored),
      let found = try Snapshot.decode(newest)[link.field],
      Self.refers(found, toAnyOf: references)
    else { return }
    switch link.rule {
    case .keep: break
    case .cascade: try delete(schema.collection, source)
    case .deny:
      let names = try address.names
      throw JournalError.stillReferred(
        "\(schema.collection)/\(source) refers to \(names.collection)/\(names.key) by `\(link.field)`; "
          + "delete or change it first")
    case .clear:
      var fields = try Snapshot.decode(newest)
      if case .array(let elements) = found {
        fields[link.field] = .array(elements.filter { !references.contains($0) })
      } else {
        fields[link.field] = nil
      }
      var writer = CBORWriter(reserving: newest.count)
      try writer.fields(fields)
      // What was brought forward is written with it.
      let difference = try stored.withUnsafeBytes { stored in
        try writer.bytes.withUnsafeBytes { try FieldMap.difference(from: stored, to: $0) }
      }
      var draft = try edit.draft(
        .update(set: difference.set, unset: difference.unset), collection: schema.collection,
        key: source)
      draft.schema = schema.version
      append(draft)
    }
  }

  private static func refers(_ value: Value, toAnyOf references: [Value]) -> Bool {
    if case .array(let elements) = value { return elements.contains(where: references.contains) }
    return references.contains(value)
  }

  /// The keys of records that may refer to one: as stored, and of this write's earlier changes.
  private mutating func sources(
    _ schema: RegisteredSchema, _ link: Link, _ reference: Value
  ) throws -> [String] {
    let collection = schema.collection
    var keys: [String] = []
    let query = Query(
      collection,
      where: [.init(link.field, link.form == .several ? .contains : .equal, reference)])
    try store.read { snapshot in
      // Somebody may add another in between: the write is made again then.
      if restsOnSequence == nil { restsOnSequence = snapshot.through }
      try schema.forward(snapshot).select(query) { keys.append($0.key) }
    }
    for draft in drafts {
      guard let names = try draft.record?.names,
        names.collection.utf8.elementsEqual(collection.utf8),
        !keys.contains(where: { $0.utf8.elementsEqual(names.key.utf8) })
      else { continue }
      keys.append(names.key)
    }
    return keys
  }
}
