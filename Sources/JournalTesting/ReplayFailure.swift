import Journal
public import Projection

/// Why a replay is not what its golden file says.
public enum ReplayFailure: Error, Sendable, Equatable {
  /// The fold shows other records than the golden file.
  case differs(ReplayDifference)
  /// The golden file was written anew: look at what changed, then run the test without recording.
  case recorded(path: String)
  /// There is nothing to compare with.
  case noGoldenFile(path: String)
  /// The golden file could not be written.
  case notWritten(path: String, reason: String)
  /// A line of the golden file is no record.
  case malformedGoldenFile(path: String, line: Int, reason: String)
  /// Folding the same entries twice gave different rows; the hashes of both.
  case notDeterministic(first: String, second: String)
}

/// How a fold differs from its golden file, record by record.
public struct ReplayDifference: Sendable, Equatable {
  /// The golden file.
  public let golden: String
  /// The whole text of the fold, as the golden file would have it.
  public let actual: String
  /// Where that text was written; nil when it could not be.
  public let actualPath: String?
  /// The records that differ, by collection and key; empty when only the order or the form of the text
  /// does.
  public let records: [RecordDifference]
}

extension ReplayFailure: CustomStringConvertible {
  /// What is wrong, and what to do.
  public var description: String {
    switch self {
    case .differs(let difference): difference.description
    case .recorded(let path):
      "\(path) was recorded anew; look at what changed in it and run the test again without recording"
    case .noGoldenFile(let path):
      "there is no golden file \(path); run the test once with JOURNAL_RECORD_GOLDEN=1"
    case .notWritten(let path, let reason): "cannot write \(path): \(reason)"
    case .malformedGoldenFile(let path, let line, let reason):
      "line \(line) of \(path) is no record: \(reason); record it anew"
    case .notDeterministic(let first, let second):
      "folding the same entries twice gave different rows: \(first), then \(second)"
    }
  }
}

extension ReplayDifference: CustomStringConvertible {
  private static let limit = 20

  /// The records that differ, twenty at most, field by field.
  public var description: String {
    var lines = ["the fold is not what \(golden) says:"]
    for record in records.prefix(Self.limit) {
      let name = "\(record.collection)/\(record.key)"
      switch record.kind {
      case .created: lines.append("  + \(name) is in the fold only")
      case .deleted: lines.append("  - \(name) is in the golden file only")
      case .changed: lines.append("  ~ \(name)")
      }
      guard record.kind == .changed else { continue }
      for field in record.fields {
        lines.append(
          "      \(field.name): \(field.before?.description ?? "absent") in the golden file, "
            + "\(field.after?.description ?? "absent") in the fold")
      }
    }
    if records.isEmpty { lines.append("  the records are the same, in another order or form") }
    if records.count > Self.limit {
      lines.append("  and \(records.count - Self.limit) more records")
    }
    if let actualPath { lines.append("the fold's text is in \(actualPath)") }
    return lines.joined(separator: "\n")
  }
}
