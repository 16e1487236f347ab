import Journal
import Projection

/// Golden files, line by line.
enum GoldenText {
  private struct Line {
    var address: RecordAddress
    var collection: String
    var key: String
    var fields: Fields
  }

  /// What became of each record, by collection and key.
  static func differences(
    from golden: String, to actual: String, _ path: String
  ) throws -> [RecordDifference] {
    let (old, new) = (try records(golden, path), try records(actual, path))
    let rows = Set(old.keys).union(new.keys).sorted { $0.lexicographicallyPrecedes($1) }
    return rows.compactMap { row in
      let (before, after) = (old[row], new[row])
      guard before?.fields != after?.fields, let one = after ?? before else { return nil }
      return RecordDifference(
        collection: one.collection, key: one.key,
        kind: before == nil ? .created : after == nil ? .deleted : .changed,
        fields: FieldChange.between(before?.fields, after?.fields))
    }
  }

  private static func records(_ text: String, _ path: String) throws -> [[UInt8]: Line] {
    var records: [[UInt8]: Line] = [:]
    // By bytes: a carriage return and a line feed are one character.
    let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() where !line.isEmpty {
      func malformed(_ reason: String) -> ReplayFailure {
        .malformedGoldenFile(path: path, line: index + 1, reason: reason)
      }
      do {
        let parsed = try parse(String(Substring(line)))
        guard let parsed else { throw malformed("it lacks collection, fields or id") }
        guard records.updateValue(parsed, forKey: parsed.address.rowKey) == nil else {
          throw malformed("\(parsed.collection)/\(parsed.key) stands twice")
        }
      } catch let error as JournalError {
        throw malformed("\(error)")
      }
    }
    return records
  }

  private static func parse(_ line: String) throws -> Line? {
    // Fields may be as deep as a record's, which stand one level down here.
    guard case .object(let members) = try JSONText.parse(line, maxDepth: Limits.depth + 1),
      case .string(let collection)? = members["collection"], case .string(let key)? = members["id"],
      case .object(let fields)? = members["fields"]
    else { return nil }
    return Line(
      address: try RecordAddress(collection: collection, key: key), collection: collection,
      key: key, fields: fields)
  }
}
