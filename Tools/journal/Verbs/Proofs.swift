import ArgumentParser
import Foundation
import Journal
import Projection

struct CheckpointVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "checkpoint", abstract: "Print the signed tree head (C2SP).")

  @OptionGroup var journal: JournalOrPack
  @Option(help: "The last one this remote has cosigned: proof against the device's owner.")
  var cosigned: String?
  @OptionGroup var json: JSONFlag

  func run() throws {
    let reader = try OpenJournal.headers(journal.directory)
    if let cosigned { return try printCosigned(by: cosigned, reader) }
    let note =
      try reader.packedCheckpoint ?? Journal.checkpoint(of: reader, path: journal.directory)
    try OpenJournal.endShowing(reader, journal.directory)
    let output = Output()
    if json.isJSON {
      output.line(
        JSONLines.text([
          "checkpoint": .string(note), "size": JSONLines.number(reader.head.frontier.size),
          "root": .string(reader.head.frontier.root.description),
        ]))
    } else {
      output.write([UInt8](note.utf8))
    }
    output.flush()
  }
}

extension CheckpointVerb {
  private func printCosigned(by remote: String, _ reader: JournalReader) throws {
    guard let cosigned = try reader.cosignedCheckpoint(by: remote) else {
      throw Finding.negative("\(remote) has cosigned no checkpoint yet; run `journal sync`")
    }
    let output = Output()
    if json.isJSON {
      output.line(
        JSONLines.text(["checkpoint": .string(cosigned.note), "key": .string(cosigned.key)]))
    } else {
      output.write([UInt8](cosigned.note.utf8))
    }
    output.flush()
  }
}

struct Key: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the key that verifies this device's checkpoints (C2SP vkey).")

  @OptionGroup var journal: JournalOrPack
  @Flag(help: "The key that verifies what this journal, as a server's, has cosigned.")
  var cosigner = false
  @OptionGroup var json: JSONFlag

  func run() throws {
    let output = Output()
    var key = try OpenJournal.headers(journal.directory).identity.current.verifierKey
    if cosigner {
      let signer = try VerifierKey(key)
      key = try VerifierKey(name: signer.name, publicKey: signer.publicKey, kind: .cosigner)
        .description
    }
    output.line(json.isJSON ? JSONLines.text(["key": .string(key)]) : key)
    output.flush()
  }
}

struct Leaves: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the leaves of the tree, and the hashes kept for trimmed ones.")

  @OptionGroup var journal: JournalOrPack
  @Option(help: "First sequence.") var from: UInt64 = 1
  @OptionGroup var json: JSONFlag

  func run() throws {
    let reader = try OpenJournal.headers(journal.directory)
    let output = Output()
    var expected: SequenceNumber = 1
    func gaps(before sequence: SequenceNumber) throws {
      while expected < sequence {
        guard let gap = try JournalTree(reader).gap(at: expected - 1) else {
          throw JournalError.damaged("sequence \(expected) is missing; run `journal verify`")
        }
        let count: UInt64 = 1 << UInt64(gap.level)
        if expected + count > from {
          output.line(
            JSONLines.text([
              "sequence": JSONLines.number(expected), "count": JSONLines.number(count),
              "hash": .string(gap.hash.description),
            ]))
        }
        expected += count
      }
    }
    try reader.scanEntries(from: 1) { entry in
      try gaps(before: entry.header.sequence)
      expected = entry.header.sequence + 1
      guard entry.header.sequence >= from else { return true }
      output.line(
        JSONLines.text([
          "sequence": JSONLines.number(entry.header.sequence),
          "leaf": .string(Base64.encode(entry.header.leaf)),
          "hash": .string(entry.header.leafHash.description),
        ]))
      return true
    }
    try gaps(before: reader.head.lastSequence + 1)
    output.flush()
  }
}
