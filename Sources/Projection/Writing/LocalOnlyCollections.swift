import Journal

extension Store {
  /// Declares that edits of a collection never leave this device, for every process and for ever.
  ///
  /// What ``SchemaPart/localOnly`` says for a type, for records without one. Edits that wait for a
  /// server are settled as they are; a server that owns all collections passes this one over, in both
  /// directions. There is no way back: a server may have shown changes meanwhile that were passed over.
  /// Copy the records into another collection instead.
  ///
  /// One entry and one commit; nothing where it is declared already or the whole journal is local.
  ///
  /// - Throws: `JournalError.invalidInput` when a remote names the collection, a server has records of
  ///   it, or edits of it are on their way: the message says what to do. Nothing was changed then.
  public func declareLocalOnly(_ collection: String) async throws {
    try await journal.transact { try LocalOnlyCollections.declare(collection, in: $0) }
  }

  /// Says in the journal what the types it was opened with say of their collections.
  func declareSchemas() throws {
    try declareShared()
    let wanted = registry.schemas.filter { $0.storage == .localOnly }.map(\.collection)
    guard !wanted.isEmpty else { return }
    let isDeclared = try journal.read { reader in
      let local = try reader.localCollections()
      return reader.identity.isLocal || wanted.allSatisfy { local.contains(collection: $0) }
    }
    guard !isDeclared else { return }
    try journal.transactBlocking { context in
      for collection in wanted { try LocalOnlyCollections.declare(collection, in: context) }
    }
  }
}

/// When a collection may become local-only.
enum LocalOnlyCollections {
  static func declare(_ collection: String, in context: AppendContext) throws {
    guard !context.identity.isLocal, try !context.isLocalOnly(collection: collection) else {
      return
    }
    let prefix = try Snapshot.prefix(collection)
    let reader = try context.reader()
    let name = Array(collection.utf8)
    for remote in try reader.remotes()
    where remote.collections.contains(where: { Array($0.utf8) == name }) {
      throw JournalError.invalidInput(
        "remote \"\(remote.name)\" names collection \"\(collection)\"; remove the remote and add it "
          + "without the collection, or give what is local-only another collection")
    }
    try checkNoServerHasRecords(of: collection, prefix, reader)
    try checkNothingIsUnderWay(collection, prefix, context)
    try context.append(
      Draft(
        .declared, body: CollectionDeclaration(collection, isLocalOnly: true).body()))
  }

  private static func checkNoServerHasRecords(
    of collection: String, _ prefix: [UInt8], _ reader: JournalReader
  ) throws {
    try reader.storage.scan(.records, from: prefix) { rowKey, payload in
      guard rowKey.starts(with: prefix) else { return false }
      // Only a server gives a record a base before its collection is local.
      guard try RecordRowView(payload).base == nil else {
        throw JournalError.invalidInput(
          "a server has records of \"\(collection)\", which cannot become local-only; copy them into "
            + "another collection and declare that one")
      }
      return true
    }
  }

  private static func checkNothingIsUnderWay(
    _ collection: String, _ prefix: [UInt8], _ context: AppendContext
  ) throws {
    for edit in try context.state.openEdits() where edit.state.delivery != .pending {
      let rowKey = try context.state.entry(edit.sequence)?.plainBody.withUnsafeBytes {
        try Body($0).record()
      }?.rowKey
      guard rowKey?.starts(with: prefix) ?? false else { continue }
      throw JournalError.invalidInput(
        "edit \(edit.sequence) of \"\(collection)\" is on its way to a server or was refused by it, so "
          + "that the collection cannot become local-only; copy its records into another one")
    }
  }
}
