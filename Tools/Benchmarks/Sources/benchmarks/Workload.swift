import CBaseline
import Foundation
import Journal
import Projection

/// The edits every row is about, in the three forms its columns begin with.
struct Workload {
  struct Edit {
    let key: String
    let fields: Fields
  }

  static let collection = "notes"
  static let fieldBytes = 200
  static let batch = 1_000

  let edits: [Edit]
  let drafts: [Draft]
  let records: Int
  /// For C: pointers into memory that lives as long as the process.
  let entries: [baseline_entry]
  let bodyBytes: Int

  init(entries count: Int, records: Int) throws {
    self.records = min(records, count)
    edits = try (0..<count).map { index in
      let number = index % records
      let digits = String(number)
      let key = "n" + String(repeating: "0", count: 8 - min(8, digits.count)) + digits
      return Edit(key: key, fields: try Self.fields(index))
    }
    drafts = try edits.map { edit in
      try EditDraft().draft(
        .put(fields: Self.encode(edit.fields)), collection: Self.collection, key: edit.key)
    }
    entries = try zip(edits, drafts).map { edit, draft in
      baseline_entry(
        body: Self.keep(draft.body), body_length: draft.body.count,
        fields_length: try Self.encode(edit.fields).count,
        row_key: Self.keep(draft.record?.rowKey ?? []),
        row_key_length: draft.record?.rowKey.count ?? 0)
    }
    bodyBytes = drafts.reduce(0) { $0 + $1.body.count }
  }

  /// Three fields that encode to 200 bytes, different for every edit.
  private static func fields(_ index: Int) throws -> Fields {
    var fields: Fields = [
      "title": .string("Note \(index)"), "count": .integer(Int64(index)), "text": .string(""),
    ]
    // A text of 24 to 255 bytes has a head one byte longer than the empty one.
    let missing = fieldBytes - (try encode(fields).count) - 1
    let text = String(repeating: "lorem ipsum ", count: 20)
    fields["text"] = .string(String(text.prefix(missing)))
    return fields
  }

  private static func encode(_ fields: Fields) throws -> [UInt8] {
    var writer = CBORWriter()
    try writer.fields(fields)
    return writer.bytes
  }

  private static func keep(_ bytes: [UInt8]) -> UnsafePointer<UInt8> {
    let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(1, bytes.count))
    _ = memory.initialize(from: bytes)
    return UnsafePointer(memory.baseAddress.unsafelyUnwrapped)
  }
}
