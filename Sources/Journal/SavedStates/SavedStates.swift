#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The saved states of a journal: files beside the data file from which a fold of the past begins.
///
/// They are caches. One is believed only when it names the journal, the token in force, the fold's
/// rules and the tree's root at its sequence, and all its checksums agree; otherwise the fold begins
/// further back. An erasure changes the token and removes every file in its own transaction, and files
/// are made and named only under the same lock: none can come from before it.
package enum SavedStates {
  static let prefix = "state-"
  /// The name of the one file that is being written.
  static let partName = prefix + "part"
  /// How many files are kept.
  static let limit = 24

  /// The name of the file with the state at a sequence.
  static func name(_ sequence: SequenceNumber) -> String {
    prefix + Hex.encode([UInt8](sequence: sequence))
  }

  private static func sequence(of name: String) -> SequenceNumber? {
    guard name.hasPrefix(prefix), name.utf8.count == prefix.utf8.count + 16,
      let sequence = SequenceNumber(name.dropFirst(prefix.count), radix: 16),
      Self.name(sequence) == name
    else { return nil }
    return sequence
  }

  /// The sequences at which states are saved, ascending.
  package static func sequences(in directory: String) -> [SequenceNumber] {
    names(in: directory).compactMap(sequence(of:)).sorted()
  }

  private static func names(in directory: String) -> [String] {
    guard let stream = opendir(directory) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name.hasPrefix(prefix) { names.append(name) }
    }
    return names
  }

  /// The newest state at or below a sequence that can be believed; nil when there is none above the
  /// horizon.
  static func nearest(
    _ reader: JournalReader, through: SequenceNumber
  ) throws -> MemoryFoldState? {
    guard let directory = reader.storage.directory, !reader.identity.isSealed,
      let token = try reader.meta(MetaKey.savedStates)
    else { return nil }
    for sequence in sequences(in: directory).reversed()
    where sequence <= through && sequence >= reader.horizon.sequence {
      let path = "\(directory)/\(name(sequence))"
      do {
        let expected = try SavedStateHeader(reader, sequence, token)
        if let state = try SavedStateFile.read(path, expected, reader) { return state }
      } catch JournalError.readExpired(let text) {
        throw JournalError.readExpired(text)
      } catch {
        // Only what the data file itself says is an error; a cache that cannot be used is none.
        continue
      }
    }
    return nil
  }

  /// Removes every file and lets none be believed that was begun before: called in the transaction
  /// after which what they hold must be gone.
  ///
  /// - Throws: ``JournalError/storage(_:)`` when a file cannot be removed; the transaction must not be
  ///   committed then.
  static func discard(_ context: AppendContext) throws {
    if try context.state.meta(MetaKey.savedStates) != nil {
      try context.putMeta(MetaKey.savedStates, newToken())
    }
    guard let directory = context.transaction.directory else { return }
    let names = names(in: directory)
    guard !names.isEmpty else { return }
    for name in names {
      guard unlink("\(directory)/\(name)") == 0 || errno == ENOENT else {
        throw LMDBFailure.systemError("\(directory)/\(name)", "removing")
      }
    }
    try NewFile.synchronizeParent(of: "\(directory)/\(partName)")
  }

  static func newToken() -> [UInt8] {
    let salt = RandomPool.shared.salt()
    return withUnsafeBytes(of: (salt.high, salt.low)) { [UInt8]($0) }
  }

  /// Removes the states below a horizon, from which nothing can be folded any more.
  static func drop(in directory: String, below horizon: SequenceNumber) {
    for sequence in sequences(in: directory) where sequence < horizon {
      unlink("\(directory)/\(name(sequence))")
    }
  }

  /// Removes the files that are missed least, until no more than the limit are there.
  static func thin(in directory: String) {
    var kept = sequences(in: directory)
    while let victim = victim(among: kept) {
      unlink("\(directory)/\(name(kept[victim]))")
      kept.remove(at: victim)
    }
  }

  /// The one whose absence leaves the smallest gap for its age: states stand close in the near past and
  /// ever further apart behind it. Never the newest; nil while there are no more than the limit.
  static func victim(among sequences: [SequenceNumber]) -> Int? {
    guard sequences.count > limit, let last = sequences.last else { return nil }
    func gap(_ index: Int) -> Double {
      let before = index == 0 ? 0 : sequences[index - 1]
      return Double(sequences[index + 1] - before) / Double(last - sequences[index])
    }
    return (0..<(sequences.count - 1)).min { gap($0) < gap($1) }
  }
}
