import Journal

/// Where the records of a collection are kept.
public enum StorageKind: Sendable, Hashable, CaseIterable {
  /// In the journal, and sent to the server that owns the collection.
  case shared
  /// In the journal of this device alone.
  case localOnly
  /// In the memory of the open ``Store``, gone when it is closed.
  case ephemeral
}

extension SchemaPart {
  /// The collection's edits stay in this device's journal: never pending, never sent, trimmed like what
  /// is settled.
  ///
  /// Said in the journal when a store is opened with the type, for every process and for ever: leaving
  /// the part out later changes nothing. Edits that wait for a server then are settled as they are.
  /// ``Store/declareLocalOnly(_:)`` says when opening throws.
  public static var localOnly: SchemaPart {
    SchemaPart(needsRegistration: true) { try $0.keep(.localOnly) }
  }

  /// The collection lives in the memory of the open store: reads, requests and writes treat it like any
  /// other, nothing of it reaches the journal, and it is empty when the store is opened again.
  ///
  /// For what belongs to a screen or a session. Meant for thousands of records, not millions.
  public static var ephemeral: SchemaPart {
    SchemaPart(needsRegistration: true) { try $0.keep(.ephemeral) }
  }
}

extension RegisteredSchema {
  fileprivate mutating func keep(_ kind: StorageKind) throws {
    guard storage == .shared || storage == kind else {
      throw JournalError.invalidInput(
        "\(type) says that \"\(collection)\" is both local-only and ephemeral; choose one")
    }
    storage = kind
  }
}
