import Journal

/// In which form a live result looks at stored fields: as they are, or as the newest form of a type.
struct LiveForms {
  let newest: ([UInt8]) throws -> [UInt8]
  let view: (Snapshot) -> Snapshot

  static var stored: LiveForms { LiveForms(newest: { $0 }, view: { $0 }) }

  static func newest<R: Record>(of type: R.Type) -> LiveForms {
    let schema = R.schema
    guard !schema.upcasts.isEmpty else { return stored }
    return LiveForms(
      newest: { fields in
        try fields.withUnsafeBytes { try schema.upcasts.forward($0, schema.collection) } ?? fields
      },
      view: { $0.forward(type) })
  }
}

extension Store {
  /// - Throws: `JournalError.unsupported` for a collection whose changes are not told.
  func checkIsObservable(_ collection: String) throws {
    guard registry[collection]?.storage == .ephemeral else { return }
    throw JournalError.unsupported(
      "\"\(collection)\" is kept in memory alone, and changes there are not told to observers; keep it "
        + "local-only instead, or read it anew after each write")
  }
}
