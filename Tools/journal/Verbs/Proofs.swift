import ArgumentParser
import Foundation
import Journal
import Projection

struct CheckpointVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "checkpoint", abstract: "Print the signed tree head (C2SP).")

  @OptionGroup var journal: JournalOrPack
  @OptionGroup var json: JSONFlag

  func run() throws {
    let reader = try OpenJournal.reader(journal.directory)
    let note =
      try reader.packedCheckpoint ?? Journal.checkpoint(of: reader, path: journal.directory)
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

struct Key: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the key that verifies this device's checkpoints (C2SP vkey).")

  @OptionGroup var journal: JournalOrPack
  @OptionGroup var json: JSONFlag

  func run() throws {
    let output = Output()
    let key = try OpenJournal.reader(journal.directory).identity.current.verifierKey
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
    let reader = try OpenJournal.reader(journal.directory)
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
