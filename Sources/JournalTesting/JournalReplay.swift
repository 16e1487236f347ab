import Foundation
public import Journal
import Projection

/// Replays as tests: what a journal or a pack folds to, against a golden file.
///
/// ```swift
/// @Test func `the report of March folds as it did`() throws {
///   try JournalReplay.check(journalOrPackAt: "Fixtures/march.pack", matches: "Fixtures/march.ndjson")
/// }
/// ```
///
/// A golden file is what `journal export` prints: one record a line, as JSON, in the order of collection
/// and key. To make it, or to make it anew, run the test with the environment variable
/// `JOURNAL_RECORD_GOLDEN=1`: it writes the file and fails, so that no run passes by recording.
///
/// Uses no test library and works in all of them. All calls only read the journal, also while an app has
/// it open, and may be made from any thread.
public enum JournalReplay {
  /// Whether a golden file is compared with or written.
  public enum Recording: Sendable {
    /// Written where `JOURNAL_RECORD_GOLDEN` is 1, else compared.
    case whenAsked
    /// Written, whatever the environment says.
    case always
    /// Compared, whatever the environment says.
    case never

    var isOn: Bool {
      switch self {
      case .always: true
      case .never: false
      case .whenAsked: ProcessInfo.processInfo.environment["JOURNAL_RECORD_GOLDEN"] == "1"
      }
    }
  }

  /// Folds a journal or pack from its baseline, twice, and compares what is visible with a golden file.
  ///
  /// What differs is written beside the golden file, as `<golden>.actual`, and stands in the error,
  /// from which a test can attach it: `Attachment.record(failure.actual, named: "actual.ndjson")`.
  ///
  /// - Parameters:
  ///   - path: A journal's directory, or a pack or archive.
  ///   - golden: A file as `journal export` writes it.
  ///   - sequence: The last entry that is folded; nil is the last there is.
  ///   - collection: Only records of this collection; nil is all.
  ///   - encryption: The keys of an encrypted journal.
  ///   - recording: Whether the golden file is written instead.
  /// - Throws: ``ReplayFailure``; `JournalError` when the journal cannot be read or folded.
  public static func check(
    journalOrPackAt path: String, matches golden: String, at sequence: SequenceNumber? = nil,
    collection: String? = nil, encryption: Journal.Encryption? = nil,
    recording: Recording = .whenAsked
  ) throws {
    let actual = try export(
      journalOrPackAt: path, at: sequence, collection: collection, encryption: encryption)
    let place = URL(fileURLWithPath: golden)
    if recording.isOn {
      do { try Data(actual.utf8).write(to: place, options: .atomic) } catch {
        throw ReplayFailure.notWritten(path: golden, reason: error.localizedDescription)
      }
      throw ReplayFailure.recorded(path: golden)
    }
    guard let expected = FileManager.default.contents(atPath: golden) else {
      throw ReplayFailure.noGoldenFile(path: golden)
    }
    let beside = URL(fileURLWithPath: golden + ".actual")
    guard !expected.elementsEqual(actual.utf8) else {
      // Of an earlier run that failed.
      try? FileManager.default.removeItem(at: beside)
      return
    }
    let isWritten = (try? Data(actual.utf8).write(to: beside, options: .atomic)) != nil
    throw ReplayFailure.differs(
      ReplayDifference(
        golden: golden, actual: actual, actualPath: isWritten ? beside.path : nil,
        records: try GoldenText.differences(
          from: String(decoding: expected, as: UTF8.self), to: actual, golden)))
  }

  /// What a journal or pack folds to, as `journal export` prints it.
  ///
  /// Folds twice: a fold that depends on anything but the entries shows.
  ///
  /// - Throws: ``ReplayFailure/notDeterministic(first:second:)``; `JournalError`.
  public static func export(
    journalOrPackAt path: String, at sequence: SequenceNumber? = nil, collection: String? = nil,
    encryption: Journal.Encryption? = nil
  ) throws -> String {
    let reader = try reader(path)
    try KeyRing(encryption).unlock(reader)
    let through = sequence ?? reader.head.lastSequence
    let state = try Replay.fold(reader, through: through, with: RecordFolder())
    let again = try Replay.fold(reader, through: through, with: RecordFolder())
    let (first, second) = (try Replay.digest(of: state), try Replay.digest(of: again))
    guard first == second else {
      throw ReplayFailure.notDeterministic(first: "\(first)", second: "\(second)")
    }
    var text: [UInt8] = []
    try Snapshot(reader, state: state).scan(collection) { rowKey, fields in
      try RecordLine.write(rowKey, fields, into: &text)
      text.append(UInt8(ascii: "\n"))
      return true
    }
    return String(decoding: text, as: UTF8.self)
  }

  private static func reader(_ path: String) throws -> JournalReader {
    var isDirectory: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
    guard exists, !isDirectory.boolValue else {
      return try JournalReader(PagedReader.open(directory: path))
    }
    return try JournalReader(
      PackReader(path: URL(fileURLWithPath: path).resolvingSymlinksInPath().path))
  }
}
