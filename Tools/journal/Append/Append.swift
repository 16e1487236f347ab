import ArgumentParser
import Foundation
import Journal
import Projection
import Synchronization

struct Append: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Append local changes from lines of JSON.",
    discussion: #"""
      One change a line, in one of four forms:

        {"op":"create","collection":"notes","id":"n1","fields":{"title":"Milk"}}
        {"op":"update","collection":"notes","id":"n1","set":{"n":2},"unset":["x"]}
        {"op":"put","collection":"notes","id":"n1","fields":{"title":"Milk"}}
        {"op":"delete","collection":"notes","id":"n1"}

      put creates or replaces the whole record. create may leave out id: one is made.

      Optional members: actor (who); at (the time the change claims, RFC 3339); entry (a UUID:
      the same line again appends nothing); group (the same value on consecutive lines, at
      most 1,000: all or none).
      """#)

  @OptionGroup var journal: JournalDirectory
  @Argument(help: "A file of changes, one a line; - is standard input.") var file = "-"
  @Option(help: "Lines per transaction.") var batch = 1_000
  @Flag(help: "Print `acked <last sequence>` after each durable transaction.") var ack = false
  @Option(
    help: ArgumentHelp(
      """
      What a power cut can take: nothing that was acknowledged (every-commit), or at most the \
      last seconds (pinned, pinned:SECONDS).
      """, valueName: "every-commit|pinned[:SECONDS]"))
  var durability = DurabilityArgument(durability: .standard)
  @OptionGroup var json: JSONFlag

  func validate() throws {
    guard batch >= 1 else { throw ValidationError("--batch is at least 1") }
  }

  func run() async throws {
    let store = try OpenJournal.store(
      journal.directory, durability: durability.durability)
    let ack = ack
    let acknowledged = Mutex(Output())
    var run = AppendRun(
      journal: store.journal, lines: try LineReader(file), batchLines: batch,
      acknowledge: { sequence in
        guard ack else { return }
        acknowledged.withLock { output in
          output.line("acked \(sequence)")
          output.flush()
        }
      })
    run.lastSequence = try store.journal.lastSequence
    do {
      try await run.run()
    } catch {
      store.close()
      throw run.finding(error)
    }
    store.close()
    let output = Output()
    if json.isJSON {
      output.line(JSONLines.text(run.summary))
    } else if !ack {
      output.line(
        "appended \(run.kept) lines (\(run.blank) blank), last sequence \(run.lastSequence)")
    }
    output.flush()
  }
}

/// Reads lines into batches and appends them; the next batch is read while one is committed.
struct AppendRun {
  let journal: Journal
  let lines: LineReader
  let batchLines: Int
  let acknowledge: @Sendable (SequenceNumber) -> Void
  var lastSequence: SequenceNumber = 0
  private(set) var kept = 0
  private(set) var blank = 0
  private var progress = Progress("appended")
  private var pendingLine: (change: ChangeLine, line: Int)?

  init(
    journal: Journal, lines: LineReader, batchLines: Int,
    acknowledge: @escaping @Sendable (SequenceNumber) -> Void
  ) {
    self.journal = journal
    self.lines = lines
    self.batchLines = batchLines
    self.acknowledge = acknowledge
  }

  private struct InputError: Error {
    var line: Int
    var cause: JournalError
  }

  mutating func run() async throws {
    defer { progress.finish() }
    let journal = journal
    let ids = Mutex(EntryIDGenerator(random: journal.configuration.random))
    let makeID = { [journal] in
      ids.withLock { $0.next(milliseconds: journal.configuration.now().milliseconds) }
    }
    var current = try read(makeID)
    while !current.units.isEmpty {
      let (committing, acknowledge) = (current, acknowledge)
      // Whoever writes the next line waits for nothing but the acknowledgement of this one.
      async let durable = {
        let sequence = try await committing.append(to: journal)
        acknowledge(sequence)
        return sequence
      }()
      var following: Result<AppendBatch, any Error>?
      if lines.isReady { following = Result { try read(makeID) } }
      lastSequence = try await durable
      kept += committing.lineCount
      progress.update(UInt64(kept))
      current = try following?.get() ?? read(makeID)
    }
  }

  /// Reads the next batch; it ends at its number of lines or bytes, never inside a group.
  private mutating func read(_ makeID: () -> EntryID) throws -> AppendBatch {
    var batch = AppendBatch()
    if let (change, line) = pendingLine {
      batch.add(change, line: line)
      pendingLine = nil
      if batch.lineCount >= batchLines, change.group == nil { return batch }
    }
    while true {
      do {
        guard let change = try lines.next({ try Self.change($0, makeID) }) else { return batch }
        guard let change else {
          blank += 1
          continue
        }
        let isFull =
          batch.lineCount >= batchLines
          || batch.bytes + change.draft.body.count > Limits.batchBytes
        let goesOn = change.group != nil && change.group == batch.openGroup
        if goesOn, let unit = batch.units.last, unit.lines.count >= Limits.groupEntries {
          // Refused here, so that a group without an end is not read into memory.
          throw JournalError.invalidInput("a group has more than 1,000 entries")
        }
        if isFull, !goesOn, !batch.units.isEmpty {
          pendingLine = (change, lines.number)
          return batch
        }
        batch.add(change, line: lines.number)
        // Only a group may go on with the next line.
        if batch.lineCount >= batchLines, change.group == nil { return batch }
      } catch let error as JournalError {
        throw InputError(line: lines.number, cause: error)
      }
    }
  }

  private static func change(
    _ line: UnsafeRawBufferPointer, _ makeID: () -> EntryID
  ) throws -> ChangeLine? {
    if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { return nil }
    return try ChangeLine(line, makeID: makeID)
  }

  /// The message of a failure: the line's number, the reason, and what was kept.
  func finding(_ error: any Error) -> any Error {
    let kept = "kept \(self.kept) lines, last sequence \(lastSequence)"
    let (line, cause): (Int, JournalError)
    switch error {
    case let error as InputError: (line, cause) = (error.line, error.cause)
    case let error as AppendBatch.Refused: (line, cause) = (error.line, error.cause)
    case var error as Finding where self.kept > 0:
      error.message = "\(error.message ?? ""); \(kept)"
      error.fields = summary
      return error
    default: return error
    }
    return Finding(
      status: ExitStatus.of(cause), message: "line \(line): \(cause); \(kept)", code: cause.code,
      fields: summary)
  }

  /// What was appended, for programs.
  var summary: Fields {
    [
      "appended": JSONLines.number(kept), "blank": JSONLines.number(blank),
      "lastSequence": JSONLines.number(lastSequence),
    ]
  }
}
