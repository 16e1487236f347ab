import Projection

@testable import Journal

extension FuzzTarget {
  /// One line of `journal append`: what is taken is an edit that folds, with the line's own values.
  static let line = FuzzTarget("line", seeds: Seeds.lines) { bytes in
    let input = [UInt8](bytes)
    let made = EntryID(high: 1, low: 2)
    let line: ChangeLine?
    do {
      line = try ChangeLine(bytes, makeID: { made })
    } catch JournalError.invalidInput(_) {
      return
    }
    guard let line else { return }
    // The outer object is one level more than a record.
    guard case .object(let members)? = JSONOracle.read(input, maxDepth: Limits.depth + 1) else {
      fail("a line is taken that is no JSON object")
    }
    try lend(line.draft.body) { bytes in
      let body = try Body(bytes)
      require(body.isUnderstood, "members nobody knows")
      let expected: [(BodyKey, String)] = [
        (.collection, "collection"), (.actor, "actor"), (.at, "at"), (.fields, "fields"),
        (.set, "set"),
      ]
      for (key, name) in expected {
        let value = try body.raw(key).map { raw in
          var reader = CBORReader(raw)
          return try reader.value()
        }
        require(value == members[name], "\(name) became \(String(describing: value))")
      }
      require(
        try body.text(.key).map { .string($0) } == members["id"] ?? .string(made.description), "id")
      guard let record = try body.record() else { fail("an edit without a record") }
      require(line.draft.record == record, "another record")
      _ = try EditRule.apply(line.draft.kind, body, to: nil)
      _ = try EditRule.apply(line.draft.kind, body, to: [0xA0])
      _ = try EditRule.touchedNames(line.draft.kind, body)
    }
  }

  /// Short texts that name things: times, ids, cursors, hashes. The first byte chooses.
  static let text = FuzzTarget("text", maximumBytes: 256, seeds: Seeds.names) { bytes in
    guard let first = bytes.first else { return }
    let text = bytes.part(1..<bytes.count)
    let string = String(decoding: text, as: UTF8.self)
    switch first % 8 {
    case 0: try checkTime(text)
    case 1:
      guard let id = EntryID(string) else { return }
      require(id.description == string.lowercased(), "\(string) became \(id)")
      require(EntryID(bytes: id.bytes) == id, "bytes of \(id)")
    case 2:
      guard let id = DeviceID(string) else { return }
      require(id.description == string.lowercased(), "\(string) became \(id)")
    case 3:
      guard let cursor = FeedCursorText(string) else { return }
      require(cursor.text.utf8.elementsEqual(string.utf8), "\(string) became \(cursor.text)")
    case 4:
      guard let decoded = Base64.decode(text) else { return }
      require(Base64.encode(decoded).utf8.elementsEqual(text), "not canonical base64")
    case 5:
      guard let decoded = Hex.decode(string) else { return }
      require(Hex.encode(decoded) == string.lowercased(), "not the digits")
    case 6:
      guard let names = try accepted({ try RecordAddress.names(inRowKey: text) }),
        let address = try accepted({
          try RecordAddress(collection: names.collection, key: names.key)
        })
      else { return }
      // Text that is no UTF-8 cannot come out as it was.
      guard names.collection.utf8.count + names.key.utf8.count + 2 <= text.count,
        !string.unicodeScalars.contains("\u{FFFD}")
      else { return }
      require(address.rowKey.elementsEqual(text), "another row key")
    default:
      guard let hash = TreeHash(string) else { return }
      require(hash.description == string, "\(string) became \(hash)")
    }
  }

  private static func checkTime(_ text: UnsafeRawBufferPointer) throws {
    if text.count == 8 {
      let time = Timestamp(milliseconds: text.loadUnaligned(as: UInt64.self))
      let back = Timestamp(time.description)
      require(
        back == (time.milliseconds <= RFC3339.lastMillisecond ? time : nil), "\(time) reads back")
    }
    let isValid = Timestamp.isValid(text)
    let time = Timestamp(utf8: text)
    require(isValid == TimeOracle.isTime(text), "another opinion whether it is a time")
    guard let time else { return }
    require(isValid, "read, but not valid")
    require(time.milliseconds == TimeOracle.milliseconds(text), "another time")
    require(Timestamp(time.description) == time, "\(time) reads back as another time")
  }
}
