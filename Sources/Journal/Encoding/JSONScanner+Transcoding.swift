extension JSONScanner {
  /// Reads one value and writes it as deterministic CBOR, without building it in between.
  ///
  /// `depth` is the number of containers the value stands in; more than `maxDepth` in all are
  /// refused. Costs one pass, and another move of the bytes of each object whose members are not
  /// in CBOR's order.
  package mutating func transcode(
    into writer: inout CBORWriter, depth: Int, maxDepth: Int
  ) throws(JournalError) {
    skipWhitespace()
    guard let first = peek() else { throw unexpected("a value") }
    switch first {
    case UInt8(ascii: "\""): try transcodeString(into: &writer)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      switch try number() {
      case .integer(let isNegative, let magnitude):
        writer.head(
          isNegative ? CBORMajor.negative : CBORMajor.unsigned,
          isNegative ? magnitude &- 1 : magnitude)
      case .double(let value): writer.finite(value)
      }
    case UInt8(ascii: "{"):
      try transcodeObject(into: &writer, depth: depth, maxDepth: maxDepth)
    case UInt8(ascii: "["):
      try transcodeArray(into: &writer, depth: depth, maxDepth: maxDepth)
    case UInt8(ascii: "t"):
      try literal("true")
      writer.bool(true)
    case UInt8(ascii: "f"):
      try literal("false")
      writer.bool(false)
    case UInt8(ascii: "n"):
      try literal("null")
      writer.null()
    default: throw unexpected("a value")
    }
  }

  /// Does what ``transcode(into:depth:maxDepth:)`` does for an object, and refuses anything else.
  package mutating func transcodeObject(
    into writer: inout CBORWriter, depth: Int, maxDepth: Int
  ) throws(JournalError) {
    skipWhitespace()
    if peek() == UInt8(ascii: "{") { try check(depth, maxDepth) }
    try open(UInt8(ascii: "{"), "an object")
    let head = writer.open()
    let base = members.count
    var isFirst = true
    while try hasNext(before: UInt8(ascii: "}"), isFirst: &isFirst) {
      let source = offset
      let start = writer.bytes.count
      guard peek() == UInt8(ascii: "\"") else { throw unexpected("a member name") }
      try transcodeString(into: &writer)
      let keyEnd = writer.bytes.count
      try expectColon()
      try transcode(into: &writer, depth: depth + 1, maxDepth: maxDepth)
      members.append(
        MemberSpan(key: start..<keyEnd, span: start..<writer.bytes.count, source: source))
    }
    let count = members.count - base
    if count > 1 { try arrange(from: base, in: &writer) }
    members.removeLast(count)
    writer.close(CBORMajor.map, at: head, count: count)
  }

  /// Puts the members of the innermost object in order and refuses a name that stands twice.
  private mutating func arrange(
    from base: Int, in writer: inout CBORWriter
  ) throws(JournalError) {
    let (hasMoved, duplicate) = writer.bytes.withUnsafeBytes { names in
      (
        members.arrange(from: base, names: names, .lengthFirst),
        members.duplicate(from: base, names: names)
      )
    }
    if let duplicate {
      throw failure("duplicate member \(name(at: duplicate.source))", at: duplicate.source)
    }
    if hasMoved { members.move(from: base, in: &writer.bytes) }
  }

  /// A member's name for an error message, from where it stands in the source.
  private func name(at source: Int) -> String {
    var scanner = JSONScanner(input)
    scanner.offset = source
    var bytes: [UInt8] = []
    do throws(JournalError) {
      try scanner.utf8(into: &bytes)
    } catch {
      return "name"
    }
    return bytes.withUnsafeBytes(TextScan.excerpt)
  }

  private mutating func transcodeArray(
    into writer: inout CBORWriter, depth: Int, maxDepth: Int
  ) throws(JournalError) {
    try check(depth, maxDepth)
    try open(UInt8(ascii: "["), "an array")
    let head = writer.open()
    var count = 0
    var isFirst = true
    while try hasNext(before: UInt8(ascii: "]"), isFirst: &isFirst) {
      try transcode(into: &writer, depth: depth + 1, maxDepth: maxDepth)
      count += 1
    }
    writer.close(CBORMajor.array, at: head, count: count)
  }

  private mutating func transcodeString(into writer: inout CBORWriter) throws(JournalError) {
    let raw = try scanString()
    guard raw.hasEscapes else { return writer.text(utf8: input.part(raw.range)) }
    let head = writer.open()
    try decode(raw, into: &writer.bytes)
    writer.close(CBORMajor.text, at: head, count: writer.bytes.count - head - 1)
  }

  private mutating func literal(_ text: StaticString) throws(JournalError) {
    let word = UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    guard input.count - offset >= word.count,
      ByteOrder.compare(input.part(offset..<offset + word.count), word) == 0
    else { throw unexpected("a value") }
    offset += word.count
  }

  private func check(_ depth: Int, _ maxDepth: Int) throws(JournalError) {
    let limit = min(maxDepth, CBORMajor.deepest)
    guard depth < limit else { throw failure("depth over \(limit)") }
  }
}
