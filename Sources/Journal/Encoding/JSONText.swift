/// The JSON text of values: UTF-8, members in the order of their names' bytes, no spaces, only the
/// escapes JSON demands, integers and doubles as different as they were.
///
/// On output bytes are `{"$bytes":"<base64>"}` and a reference is `{"$ref":["collection","key"]}`.
/// On input both are plain objects: what somebody typed must not turn into another type.
package enum JSONText {
  /// The value of a text that holds exactly one.
  ///
  /// - Throws: ``JournalError/invalidInput(_:)``, as ``JSONScanner`` refuses input.
  package static func parse(
    _ text: UnsafeRawBufferPointer, maxDepth: Int = 32
  ) throws(JournalError) -> Value {
    var scanner = JSONScanner(text)
    var writer = CBORWriter(reserving: text.count)
    try scanner.transcode(into: &writer, depth: 0, maxDepth: maxDepth)
    try scanner.expectEnd()
    return try writer.bytes.withUnsafeBufferPointer { (bytes) throws(JournalError) in
      var reader = CBORReader(UnsafeRawBufferPointer(bytes))
      return try reader.value(maxDepth: maxDepth)
    }
  }

  /// The value of a text that holds exactly one.
  package static func parse(_ text: String, maxDepth: Int = 32) throws(JournalError) -> Value {
    try Array(text.utf8).withUnsafeBufferPointer { (bytes) throws(JournalError) in
      try parse(UnsafeRawBufferPointer(bytes), maxDepth: maxDepth)
    }
  }

  /// The text of a value.
  package static func string(_ value: Value) -> String {
    var text: [UInt8] = []
    write(value, into: &text)
    return String(decoding: text, as: UTF8.self)
  }

  /// Appends the text of a value. A double that is not finite, which no journal holds, is `null`.
  package static func write(_ value: Value, into text: inout [UInt8]) {
    switch value {
    case .null: text.append(contentsOf: "null".utf8)
    case .bool(let value): write(value, into: &text)
    case .integer(let value): text.append(contentsOf: String(value).utf8)
    case .unsigned(let value): text.append(contentsOf: String(value).utf8)
    case .double(let value): write(value, into: &text)
    case .string(let value): writeString(value, into: &text)
    case .bytes(let value): value.withUnsafeBytes { writeData($0, into: &text) }
    case .array(let values):
      text.append(UInt8(ascii: "["))
      for value in values {
        write(value, into: &text)
        text.append(UInt8(ascii: ","))
      }
      close(UInt8(ascii: "]"), isEmpty: values.isEmpty, in: &text)
    case .object(let fields):
      text.append(UInt8(ascii: "{"))
      for (name, value) in fields {
        writeString(name, into: &text)
        text.append(UInt8(ascii: ":"))
        write(value, into: &text)
        text.append(UInt8(ascii: ","))
      }
      close(UInt8(ascii: "}"), isEmpty: fields.isEmpty, in: &text)
    case .reference(let collection, let key):
      ByteOrder.withUTF8(of: collection) { collection in
        ByteOrder.withUTF8(of: key) { writeReference(collection, $0, into: &text) }
      }
    }
  }

  /// Appends a string with its quotation marks.
  package static func writeString(_ string: String, into text: inout [UInt8]) {
    ByteOrder.withUTF8(of: string) { writeString(utf8: $0, into: &text) }
  }

  /// Appends a string with its quotation marks; the bytes are taken for UTF-8.
  package static func writeString(utf8: UnsafeRawBufferPointer, into text: inout [UInt8]) {
    text.append(UInt8(ascii: "\""))
    var position = 0
    while true {
      let end = TextScan.endOfPlainRun(in: utf8, from: position, stopsAtNonASCII: false)
      text.append(raw: utf8.part(position..<end))
      guard end < utf8.count else { break }
      writeEscape(utf8[end], into: &text)
      position = end + 1
    }
    text.append(UInt8(ascii: "\""))
  }

  private static func writeEscape(_ byte: UInt8, into text: inout [UInt8]) {
    text.append(UInt8(ascii: "\\"))
    switch byte {
    case 0x08: text.append(UInt8(ascii: "b"))
    case 0x09: text.append(UInt8(ascii: "t"))
    case 0x0A: text.append(UInt8(ascii: "n"))
    case 0x0C: text.append(UInt8(ascii: "f"))
    case 0x0D: text.append(UInt8(ascii: "r"))
    case 0..<0x20:
      text.append(contentsOf: "u00".utf8)
      text.append(contentsOf: Hex.encode([byte]).utf8)
    default: text.append(byte)
    }
  }

  static func write(_ value: Bool, into text: inout [UInt8]) {
    text.append(contentsOf: (value ? "true" : "false").utf8)
  }

  static func write(_ value: Double, into text: inout [UInt8]) {
    // `description` is the shortest text that reads back, and always has a point or an exponent.
    guard value.magnitude < 1e16 || value.magnitude >= 0x1p54 else {
      return writeLong(value.description, into: &text)
    }
    text.append(contentsOf: (value.isFinite ? value.description : "null").utf8)
  }

  /// From 10^16 on the exponent form is the common one; `description` begins with it at 2^54.
  private static func writeLong(_ plain: String, into text: inout [UInt8]) {
    guard plain.hasSuffix(".0") else { return text.append(contentsOf: plain.utf8) }
    var digits = Array(plain.utf8.dropLast(2))
    if digits.first == UInt8(ascii: "-") { text.append(digits.removeFirst()) }
    while digits.count > 1, digits.last == UInt8(ascii: "0") { digits.removeLast() }
    text.append(digits[0])
    if digits.count > 1 {
      text.append(UInt8(ascii: "."))
      text.append(contentsOf: digits.dropFirst())
    }
    text.append(contentsOf: "e+16".utf8)
  }

  static func writeData(_ bytes: UnsafeRawBufferPointer, into text: inout [UInt8]) {
    text.append(contentsOf: "{\"$bytes\":\"".utf8)
    Base64.encode(bytes, into: &text)
    text.append(contentsOf: "\"}".utf8)
  }

  static func writeReference(
    _ collection: UnsafeRawBufferPointer, _ key: UnsafeRawBufferPointer, into text: inout [UInt8]
  ) {
    text.append(contentsOf: "{\"$ref\":[".utf8)
    writeString(utf8: collection, into: &text)
    text.append(UInt8(ascii: ","))
    writeString(utf8: key, into: &text)
    text.append(contentsOf: "]}".utf8)
  }

  /// Ends a container whose elements each ended with a comma.
  static func close(_ bracket: UInt8, isEmpty: Bool, in text: inout [UInt8]) {
    if isEmpty { text.append(bracket) } else { text[text.count - 1] = bracket }
  }
}
