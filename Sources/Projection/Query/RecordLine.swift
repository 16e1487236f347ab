import Journal

/// A record as one line of JSON, the form of exports and golden files:
/// `{"collection":…,"fields":{…},"id":…}`.
package enum RecordLine {
  /// Appends the line of a stored record, straight from its CBOR, without a line feed.
  package static func write(
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
}
