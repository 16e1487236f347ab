import ArgumentParser
import Journal
import Projection

struct Rekey: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Encrypt a journal, change its key, or take the encryption off.",
    discussion: """
      Entries are not changed: leaves, roots and checkpoints stay as they are. Run it again to \
      finish one that was cut short; until then both keys are needed. Freed pages of the file keep \
      what they held until they are used again.
      """)

  @OptionGroup var journal: JournalDirectory
  @Option(help: "The environment variable that holds the new key.") var newKeyEnv: String?
  @Flag(help: "Take the encryption off.") var decrypt = false
  @OptionGroup var json: JSONFlag

  func validate() throws {
    guard decrypt == (newKeyEnv == nil) else {
      throw ValidationError("name the new key with --new-key-env, or say --decrypt")
    }
  }

  func run() async throws {
    let newKey = try newKeyEnv.map { try JournalKeys.key(in: $0) }
    let (isSealed, new) = try Self.look(journal.directory, newKey)
    let target = newKey.map { key in
      Journal.Encryption(keyID: new.id) { $0 == new.id ? [key] : [] }
    }
    let store = try Store.open(
      at: journal.directory,
      configuration: Self.opening(isSealed: isSealed, finishing: new.isKnown ? newKey : nil))
    defer { store.close() }
    var progress = Progress("encrypted rows")
    let rows = try await store.journal.rekey(to: target) { progress.update($0) }
    progress.finish()
    let ids = try store.journal.encryptionKeyIDs
    let output = Output()
    output.line(
      json.isJSON
        ? JSONLines.text([
          "rows": JSONLines.number(rows),
          "keyIDs": .array(ids.map { JSONLines.number(UInt64($0)) }),
        ])
        : decrypt ? "decrypted \(rows) rows" : "encrypted \(rows) rows under key id \(ids[0])")
    output.flush()
  }

  private static func look(
    _ directory: String, _ key: EncryptionKey?
  ) throws -> (isSealed: Bool, new: (id: UInt32, isKnown: Bool)) {
    let reader = try OpenJournal.headers(directory)
    let new = try key.map { try KeyRing.keyID(for: $0, in: reader) }
    return (reader.identity.isSealed, new ?? (0, false))
  }

  /// A rotation that was cut short is opened with both keys.
  private static func opening(
    isSealed: Bool, finishing newKey: EncryptionKey?
  ) throws -> Journal.Configuration {
    let old = try JournalKeys.encryption()
    guard isSealed, old != nil || newKey != nil else { return Journal.Configuration() }
    return Journal.Configuration(
      encryption: Journal.Encryption(keyID: 1) { id in
        try (old?.candidates(id) ?? []) + (newKey.map { [$0] } ?? [])
      })
  }
}
