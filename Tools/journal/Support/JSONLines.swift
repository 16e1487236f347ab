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
    try RecordLine.write(rowKey, fields, into: &text)
  }

  static func value(_ cbor: UnsafeRawBufferPointer) throws -> Value {
    var reader = CBORReader(cbor)
    return try reader.value(maxDepth: 40)
  }

  static func number(_ value: some BinaryInteger) -> Value {
    Value(UInt64(clamping: value))
  }
}
