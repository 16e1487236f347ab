import ArgumentParser
import Foundation
import Journal
import Synchronization

/// `--key-env`: which environment variables hold the journal's key.
struct KeyOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      The environment variable that holds the key of an encrypted journal, 32 bytes as 64 \
      hexadecimal digits or base64; JOURNAL_KEY is looked at by itself.
      """,
      discussion: "Both keys, by repeating it, while a `rekey` that was cut short is unfinished.",
      valueName: "variable"))
  var keyEnv: [String] = []

  func validate() {
    JournalKeys.name(keyEnv)
  }
}

/// The keys this run of the command was given: by environment variables, never as arguments,
/// which other users of the machine can see.
enum JournalKeys {
  static let defaultVariable = "JOURNAL_KEY"

  /// The variables the command line named. They hold for whatever this process opens.
  private static let variables = Mutex<[String]>([])

  static func name(_ names: [String]) {
    variables.withLock { $0 = names }
  }

  /// The configuration with which an existing journal is opened.
  ///
  /// A key of ``defaultVariable`` is left alone where the journal is not encrypted; one that was
  /// named has to be needed.
  static func opening(_ path: String) throws -> Journal.Configuration {
    guard let encryption = try encryption() else { return Journal.Configuration() }
    let isSealed = try JournalReader(PagedReader.open(directory: path)).identity.isSealed
    guard try areNeeded(isSealed: isSealed) else { return Journal.Configuration() }
    return Journal.Configuration(encryption: encryption)
  }

  /// Whether a journal has to be opened with a key.
  ///
  /// - Throws: `JournalError.notEncrypted` when one was named and the journal has no use for it.
  static func areNeeded(isSealed: Bool) throws -> Bool {
    guard !isSealed, variables.withLock({ !$0.isEmpty }) else { return isSealed }
    throw JournalError.notEncrypted(
      "the journal is not encrypted, but a key was named for it; leave --key-env out, or encrypt it "
        + "with `journal rekey`")
  }

  /// The configuration of a new journal: encrypted where there is a key.
  static func creating() throws -> Journal.Configuration {
    guard let encryption = try encryption() else { return Journal.Configuration() }
    _ = try encryption.candidates(encryption.keyID)
    return Journal.Configuration(encryption: encryption)
  }

  /// What gives the keys, or nil when there are none. Their text is looked at when one is needed.
  static func encryption() throws -> Journal.Encryption? {
    let named = variables.withLock { $0 }
    let variables = named.isEmpty ? [defaultVariable].filter(isSet) : named
    for variable in variables where !isSet(variable) {
      throw JournalError.keyMissing("the environment variable \(variable) is not set")
    }
    if variables.isEmpty { return nil }
    return Journal.Encryption(keyID: 1) { _ in try variables.map { try key(in: $0) } }
  }

  /// The key in a variable.
  static func key(in variable: String) throws -> EncryptionKey {
    guard let text = ProcessInfo.processInfo.environment[variable], !text.isEmpty else {
      throw JournalError.keyMissing("the environment variable \(variable) is not set")
    }
    let bytes = text.utf8.count == 64 ? Hex.decode(text) : Base64.decode(text)
    guard let bytes, bytes.count == EncryptionKey.byteCount else {
      throw JournalError.wrongKey(
        "the environment variable \(variable) holds no key; a key is 32 bytes as 64 hexadecimal "
          + "digits or base64")
    }
    return try EncryptionKey(bytes: bytes)
  }

  private static func isSet(_ variable: String) -> Bool {
    ProcessInfo.processInfo.environment[variable]?.isEmpty == false
  }
}
