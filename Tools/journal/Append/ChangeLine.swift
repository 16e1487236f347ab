import Foundation
import Journal

/// One change of `journal append`'s input, read from its line of JSON.
struct ChangeLine {
  var draft: Draft
  /// The group's value as JSON text; equal values on consecutive lines are one group.
  var group: [UInt8]?

  /// Members a line may have, as their UTF-8 bytes.
  private enum Member {
    case op, collection, id, fields, set, unset, actor, at, entry, group

    init?(_ name: UnsafeRawBufferPointer) {
      func has(_ text: StaticString) -> Bool {
        name.elementsEqual(
          UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
      }
      if has("op") {
        self = .op
      } else if has("collection") {
        self = .collection
      } else if has("id") {
        self = .id
      } else if has("fields") {
        self = .fields
      } else if has("set") {
        self = .set
      } else if has("unset") {
        self = .unset
      } else if has("actor") {
        self = .actor
      } else if has("at") {
        self = .at
      } else if has("entry") {
        self = .entry
      } else if has("group") {
        self = .group
      } else {
        return nil
      }
    }
  }

  /// - Parameter makeID: Makes the id of a record that a create leaves out.
  /// - Throws: `JournalError.invalidInput` with the reason, without the line's number.
  init(_ line: UnsafeRawBufferPointer, makeID: () -> EntryID) throws {
    var edit = EditDraft()
    var op: String?
    var collection: String?
    var id: String?
    var fields: [UInt8]?
    var set: [UInt8]?
    var unset: [String]?
    var group: [UInt8]?
    var scanner = JSONScanner(line)
    scanner.skipWhitespace()
    guard scanner.peek() == UInt8(ascii: "{") else {
      if line.starts(with: [0xEF, 0xBB, 0xBF]) {
        throw JournalError.invalidInput("the line begins with a byte order mark; remove it")
      }
      throw JournalError.invalidInput("a line is one JSON object")
    }
    try scanner.object { name, scanner in
      guard let member = Member(name) else {
        throw JournalError.invalidInput(
          "unknown member \"\(String(decoding: name, as: UTF8.self))\"; a line may have op, collection, id, "
            + "fields, set, unset, actor, at, entry, group")
      }
      switch member {
      case .op: op = try Self.string("op", &scanner)
      case .collection: collection = try Self.string("collection", &scanner)
      case .id: id = try Self.string("id", &scanner)
      case .actor: edit.actor = try Self.string("actor", &scanner)
      case .fields: fields = try Self.object("fields", &scanner)
      case .set: set = try Self.object("set", &scanner)
      case .unset: unset = try Self.names(&scanner)
      case .at:
        let text = try Self.string("at", &scanner)
        var copy = text
        guard copy.withUTF8({ Timestamp.isValid(UnsafeRawBufferPointer($0)) }) else {
          throw JournalError.invalidInput("`at` is not a time in RFC 3339: \"\(text)\"")
        }
        edit.at = text
      case .entry:
        let text = try Self.string("entry", &scanner)
        guard let entry = EntryID(text) else {
          throw JournalError.invalidInput("`entry` is not a UUID: \"\(text)\"")
        }
        edit.id = entry
      case .group:
        var writer = CBORWriter()
        try scanner.transcode(into: &writer, depth: 0, maxDepth: 1)
        guard writer.bytes != [0xF6] else {
          throw JournalError.invalidInput("`group` is null")
        }
        group = writer.bytes
      }
    }
    try scanner.expectEnd()
    self.group = group
    guard let op else { throw JournalError.invalidInput("the member `op` is missing") }
    guard let collection else {
      throw JournalError.invalidInput("the member `collection` is missing")
    }
    let change = try Self.change(op, fields: fields, set: set, unset: unset)
    guard let key = id ?? (op == "create" ? makeID().description : nil) else {
      throw JournalError.invalidInput("the member `id` is missing")
    }
    draft = try edit.draft(change, collection: collection, key: key)
  }

  private static func change(
    _ op: String, fields: [UInt8]?, set: [UInt8]?, unset: [String]?
  ) throws(JournalError) -> EditDraft.Change {
    func refuse(_ has: Bool, _ name: String) throws(JournalError) {
      if has { throw .invalidInput("`\(name)` does not go with \(op)") }
    }
    func required() throws(JournalError) -> [UInt8] {
      guard let fields else { throw .invalidInput("\(op) needs `fields`") }
      return fields
    }
    switch op {
    case "create", "put":
      try refuse(set != nil, "set")
      try refuse(unset != nil, "unset")
      return op == "create" ? .create(fields: try required()) : .put(fields: try required())
    case "update":
      try refuse(fields != nil, "fields")
      guard set != nil || unset != nil else { throw .invalidInput("update needs `set` or `unset`") }
      if let set { try refuseBoth(set, unset ?? []) }
      return .update(set: set, unset: unset ?? [])
    case "delete":
      try refuse(fields != nil, "fields")
      try refuse(set != nil, "set")
      try refuse(unset != nil, "unset")
      return .delete
    default:
      throw .invalidInput("`op` is create, update, put or delete, not \"\(op)\"")
    }
  }

  private static func refuseBoth(_ set: [UInt8], _ unset: [String]) throws(JournalError) {
    for name in unset {
      var name = name
      let found: Bool = name.withUTF8 { utf8 in
        set.withUnsafeBytes { bytes in
          let range = Result {
            try FieldMap.value(named: UnsafeRawBufferPointer(utf8), in: bytes)
          }
          if case .success(.some) = range { return true }
          return false
        }
      }
      if found { throw .invalidInput("field \"\(name)\" is in both `set` and `unset`") }
    }
  }

  private static func string(
    _ name: StaticString, _ scanner: inout JSONScanner
  ) throws(JournalError) -> String {
    scanner.skipWhitespace()
    guard scanner.peek() == UInt8(ascii: "\"") else {
      throw .invalidInput("`\(name)` is not a string")
    }
    return try scanner.string()
  }

  private static func object(
    _ name: StaticString, _ scanner: inout JSONScanner
  ) throws(JournalError) -> [UInt8] {
    scanner.skipWhitespace()
    guard scanner.peek() == UInt8(ascii: "{") else {
      throw .invalidInput("`\(name)` is not an object")
    }
    var writer = CBORWriter(reserving: 256)
    // The fields object itself is depth 1.
    try scanner.transcodeObject(into: &writer, depth: 0, maxDepth: Limits.depth)
    return writer.bytes
  }

  private static func names(_ scanner: inout JSONScanner) throws -> [String] {
    scanner.skipWhitespace()
    guard scanner.peek() == UInt8(ascii: "[") else {
      throw JournalError.invalidInput("`unset` is not an array of names")
    }
    var names: [String] = []
    try scanner.array { scanner in
      names.append(try string("unset", &scanner))
    }
    return names
  }
}
