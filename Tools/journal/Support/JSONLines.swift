import Journal
import Projection

/// Values as the verbs print them.
enum JSONLines {
  static func text(_ fields: Fields) -> String {
    JSONText.string(.object(fields))
  }

  /// `{"collection","fields","id"}` of a stored record, straight from its CBOR.
  static func record(
    _ rowKey: UnsafeRawBufferPointer, _ fields: [UInt8], into text: inout [UInt8]
  ) throws {
    let names = try RecordAddress.names(inRowKey: rowKey)
    text.append(contentsOf: #"{"collection":"#.utf8)
    JSONText.writeString(names.collection, into: &text)
    text.append(contentsOf: #","fields":"#.utf8)
    try fields.withUnsafeBytes { try JSONText.write(cbor: $0, into: &text) }
    text.append(contentsOf: #","id":"#.utf8)
    JSONText.writeString(names.key, into: &text)
    text.append(UInt8(ascii: "}"))
  }

  static func value(_ cbor: UnsafeRawBufferPointer) throws -> Value {
    var reader = CBORReader(cbor)
    return try reader.value(maxDepth: 40)
  }

  static func number(_ value: some BinaryInteger) -> Value {
    Value(UInt64(clamping: value))
  }
}
