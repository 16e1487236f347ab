extension Journal {
  /// Where a journal's encryption keys come from.
  ///
  /// ```swift
  /// let encryption = Journal.Encryption(keyID: 1) { id in try keychain.key(named: "notes-\(id)") }
  /// let store = try Store.create(
  ///   at: path, label: "laptop", configuration: .init(encryption: encryption))
  /// ```
  ///
  /// The closure is asked when a journal is created or opened, and when rows under another key id
  /// are met because a process rotated the key. It runs on the thread that needs the key and has
  /// to be safe from any. What it gives stays in memory until the journal is closed.
  public struct Encryption: Sendable {
    /// The id of the key under which a new journal is encrypted, and to which
    /// ``Journal/rekey(to:)`` rotates; 1 or more.
    ///
    /// An existing journal goes on under the key it has until it is rotated.
    public var keyID: UInt32
    /// Keys that may be the one with an id, best guess first; the key check decides.
    package let candidates: @Sendable (UInt32) throws -> [EncryptionKey]

    /// Keys by their id; the closure returns nil for one it does not have.
    public init(keyID: UInt32, key: @escaping @Sendable (UInt32) throws -> EncryptionKey?) {
      self.init(keyID: keyID, candidates: { id in try key(id).map { [$0] } ?? [] })
    }

    /// One key, with id 1, for a journal whose key is never rotated.
    public init(_ key: EncryptionKey) {
      self.init(keyID: 1, candidates: { $0 == 1 ? [key] : [] })
    }

    package init(
      keyID: UInt32, candidates: @escaping @Sendable (UInt32) throws -> [EncryptionKey]
    ) {
      self.keyID = keyID
      self.candidates = candidates
    }
  }
}

extension Journal.Encryption: CustomStringConvertible, CustomReflectable {
  public var description: String { "Encryption(keyID: \(keyID), keys redacted)" }
  public var customMirror: Mirror { Mirror(self, children: ["keyID": keyID]) }
}
