extension Journal {
  /// Declares a server. What its collections hold pending is delivered by the next sync.
  ///
  /// - Throws: ``JournalError/invalidInput(_:)`` when the journal is local, the name or a collection
  ///   is taken by another remote, or a collection is declared local-only.
  public func declare(_ remote: RemoteDeclaration) async throws {
    try await transact { context in
      let reader = try context.reader()
      guard !reader.identity.isLocal else {
        throw JournalError.invalidInput("the journal is local: its edits are never sent")
      }
      let local = try reader.localCollections()
      if let collection = remote.collections.first(where: { local.contains(collection: $0) }) {
        throw JournalError.invalidInput(
          "collection \"\(collection)\" is declared local-only, and its edits are never sent; leave "
            + "it out, or copy its records into a collection that is sent")
      }
      for other in try reader.remotes() {
        guard other.name != remote.name else {
          throw JournalError.invalidInput("a remote is already called \"\(remote.name)\"")
        }
        guard !other.overlaps(remote) else {
          throw JournalError.invalidInput(
            "remote \"\(other.name)\" already owns one of these collections")
        }
      }
      try context.append(Draft(.declared, body: remote.body()))
    }
  }

  /// Asks a server for other records than before, none of the filters meaning all of them.
  ///
  /// The next sync reads what is asked for now. Records that lie outside of it go from here; nothing is deleted
  /// at the server, and edits that wait are delivered. The same filters again append nothing.
  ///
  /// - Throws: ``JournalError/invalidInput(_:)`` when no remote has this name, and for filters a declaration does not
  ///   take.
  public func filter(_ name: String, by filters: [RemoteFilter]) async throws {
    try await transact { context in
      guard let known = try context.reader().remotes().first(where: { $0.name == name }) else {
        throw JournalError.invalidInput("no remote is called \"\(name)\"")
      }
      let remote = try RemoteDeclaration(
        name: name, kind: known.kind, url: known.url, collections: known.collections,
        authorizationVariable: known.authorizationVariable, options: known.options,
        filters: filters)
      guard try remote.filterDigest() != known.filterDigest() else { return }
      try context.append(Draft(.declared, body: remote.body()))
    }
  }

  /// Removes a server; what is not delivered stays pending.
  ///
  /// - Throws: ``JournalError/invalidInput(_:)`` when no remote has this name.
  public func removeRemote(_ name: String) async throws {
    try await transact { context in
      guard let remote = try context.reader().remotes().first(where: { $0.name == name }) else {
        throw JournalError.invalidInput("no remote is called \"\(name)\"")
      }
      try context.append(Draft(.declared, body: remote.body(isRemoved: true)))
      // A server that is no longer a remote no longer holds back trimming.
      try context.putMeta(MetaKey.witness(name), nil)
      try context.putMeta(MetaKey.cosigned(name), nil)
      try context.putMeta(MetaKey.place(name), nil)
    }
  }

  /// The declared servers, by name.
  public var remotes: [RemoteDeclaration] {
    get throws { try read { try $0.remotes() } }
  }
}
