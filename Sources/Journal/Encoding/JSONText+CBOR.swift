extension JSONText {
  /// Appends the text of one encoded item, without building its value.
  ///
  /// - Throws: ``JournalError/damaged(_:)`` when the bytes are not one deterministic CBOR item whose
  ///   maps have text keys; what was appended until then stays.
  package static func write(
    cbor item: UnsafeRawBufferPointer, into text: inout [UInt8]
  ) throws(JournalError) {
    var transcoder = CBORTranscoder(reader: CBORReader(item))
    try transcoder.write(into: &text, depth: CBORMajor.deepest)
    guard transcoder.reader.isAtEnd else {
      throw transcoder.reader.failure("bytes follow the item")
    }
  }
}

/// Turns CBOR into JSON text in one pass.
private struct CBORTranscoder {
  var reader: CBORReader
  /// Members of the maps that are open, the innermost last.
  private var members: [MemberSpan] = []

  init(reader: CBORReader) {
    self.reader = reader
  }

  mutating func write(into text: inout [UInt8], depth: Int) throws(JournalError) {
    switch try reader.peekMajor() {
    case CBORMajor.unsigned:
      text.append(contentsOf: String(try reader.unsigned()).utf8)
    case CBORMajor.negative:
      text.append(contentsOf: String(try reader.integer()).utf8)
    case CBORMajor.data:
      JSONText.writeData(reader.bytes.part(try reader.data()), into: &text)
    case CBORMajor.text:
      JSONText.writeString(utf8: reader.bytes.part(try reader.text()), into: &text)
    case CBORMajor.array:
      try check(depth)
      let count = try reader.arrayCount()
      text.append(UInt8(ascii: "["))
      for _ in 0..<count {
        try write(into: &text, depth: depth - 1)
        text.append(UInt8(ascii: ","))
      }
      JSONText.close(UInt8(ascii: "]"), isEmpty: count == 0, in: &text)
    case CBORMajor.map:
      try check(depth)
      try writeMap(into: &text, depth: depth)
    case CBORMajor.tag:
      let (collection, key) = try reader.reference()
      JSONText.writeReference(
        reader.bytes.part(collection), reader.bytes.part(key), into: &text)
    default:
      switch reader.bytes[reader.offset] {
      case CBORMajor.nullByte:
        _ = reader.skipNull()
        text.append(contentsOf: "null".utf8)
      case CBORMajor.trueByte, CBORMajor.falseByte:
        JSONText.write(try reader.bool(), into: &text)
      default:
        JSONText.write(try reader.double(), into: &text)
      }
    }
  }

  private mutating func writeMap(into text: inout [UInt8], depth: Int) throws(JournalError) {
    let count = try reader.mapCount()
    text.append(UInt8(ascii: "{"))
    let base = members.count
    var last = reader.offset..<reader.offset
    for _ in 0..<count {
      let source = reader.offset
      let start = text.count
      let key = try reader.text()
      try reader.checkOrder(last, source..<reader.offset)
      last = source..<reader.offset
      JSONText.writeString(utf8: reader.bytes.part(key), into: &text)
      text.append(UInt8(ascii: ":"))
      try write(into: &text, depth: depth - 1)
      text.append(UInt8(ascii: ","))
      members.append(MemberSpan(key: key, span: start..<text.count, source: source))
    }
    if members.arrange(from: base, names: reader.bytes, .bytewise) {
      members.move(from: base, in: &text)
    }
    members.removeLast(count)
    JSONText.close(UInt8(ascii: "}"), isEmpty: count == 0, in: &text)
  }

  private func check(_ depth: Int) throws(JournalError) {
    guard depth > 0 else { throw reader.failure("the item is nested too deep") }
  }
}
