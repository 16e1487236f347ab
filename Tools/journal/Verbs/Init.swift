import ArgumentParser
import Foundation
import Journal
import Projection

struct Init: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Create a journal.")

  @OptionGroup var journal: JournalDirectory
  @Option(help: "A name for this device, for people.") var device: String?
  @Flag(help: "Edits are never sent to a server.") var local = false
  @Option(
    help: """
      Encrypt the contents under the key in this environment variable, 32 bytes as 64 \
      hexadecimal digits or base64.
      """)
  var encryptionKeyEnv: String?
  @OptionGroup var json: JSONFlag

  func run() throws {
    let label = device ?? ProcessInfo.processInfo.hostName
    if let encryptionKeyEnv { JournalKeys.name([encryptionKeyEnv]) }
    let store = try Store.create(
      at: journal.directory, label: label, isLocal: local, configuration: JournalKeys.creating())
    defer { store.close() }
    let id = try store.journal.device
    let isEncrypted = store.journal.configuration.encryption != nil
    let output = Output()
    if json.isJSON {
      output.line(
        JSONLines.text([
          "device": .string(id.description), "label": .string(label),
          "key": .string(try store.journal.verifierKey), "local": .bool(local),
          "encrypted": .bool(isEncrypted),
        ]))
    } else {
      output.line(
        "created \(journal.directory), device \(id) (\(label))\(isEncrypted ? ", encrypted" : "")"
          .terminalSafe)
    }
    output.flush()
  }
}
