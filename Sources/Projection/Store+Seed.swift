public import Journal

extension Store {
  /// Opens the journal in a directory; the first time, puts a copy of a seed there.
  ///
  /// ```swift
  /// let store = try Store.install(seed: bundled, at: path, label: "phone")
  /// ```
  ///
  /// A seed is a file made by `journal pack`. Each copy is a device of its own with the seed's entries,
  /// proofs and records; what is settled in the seed is never sent, and what is pending there is
  /// pending in each copy under the same entry ids, so that a server takes it once. Once a journal
  /// stands at `path`, the seed is not looked at any more: newer content comes by a migration or a
  /// sync.
  ///
  /// - Parameters:
  ///   - seed: The pack. It is verified before anything is made of it.
  ///   - path: The journal's directory.
  ///   - label: A name for this device, for people; at most 128 bytes.
  ///   - records: The types the app keeps in it, as for ``open(at:records:hooks:configuration:)``.
  ///   - configuration: The seams for time and randomness, and durability. Its key opens an encrypted
  ///     seed and encrypts the copy, also of one that is not.
  /// - Throws: `JournalError.cannotOpen` when the seed is missing or no pack, `JournalError.damaged`,
  ///   `JournalError.unsupported` for one made without bodies: then nothing stands at `path`. What
  ///   ``open(at:records:hooks:configuration:)`` throws.
  public static func install(
    seed: String, at path: String, label: String, records: [any Record.Type] = [],
    configuration: Journal.Configuration = .init()
  ) throws -> Store {
    _ = try SchemaRegistry(records)
    do {
      try Journal.install(
        seed: seed, at: path, label: label, configuration: configuration, folder: RecordFolder())
    } catch JournalError.alreadyExists {
      // A journal, or something that opening it will name.
    }
    return try open(at: path, records: records, configuration: configuration)
  }
}
