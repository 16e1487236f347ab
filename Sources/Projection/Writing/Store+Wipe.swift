import Journal

extension Store {
  /// Removes a closed journal with everything in its directory: records, history, signing keys.
  ///
  /// For signing out or starting anew; `Store.create` then makes another journal, which is another
  /// device to the server.
  ///
  /// - Parameters:
  ///   - path: The journal's directory.
  ///   - discardsPending: Also where edits were made that no server has taken, which are lost then. In a
  ///     local journal, or a collection that is local-only, no edit counts as such.
  /// - Throws: `JournalError.pendingEdits` where there are some and it was not said that they go,
  ///   `JournalError.busy` while this or another process has the journal open. Nothing was changed then.
  public static func wipe(at path: String, discardingPending discardsPending: Bool = false) throws {
    try Wipe.run(directory: path, discardsPending: discardsPending)
  }
}
