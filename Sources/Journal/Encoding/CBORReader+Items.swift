extension CBORReader {
  /// Passes over one whole item after checking every byte of it; returns its range.
  ///
  /// Beside what every read checks, map keys must ascend strictly in their encoded form, and
  /// containers may nest `maxDepth` deep (0 allows only scalars; a reference is one level).
  /// Costs one pass and no allocation.
  package mutating func skip(maxDepth: Int) throws(JournalError) -> Range<Int> {
    let start = offset
    try skipItem(depth: min(maxDepth, CBORMajor.deepest))
    return start..<offset
  }

  private mutating func skipItem(depth: Int) throws(JournalError) {
    switch try peekMajor() {
    case CBORMajor.unsigned: _ = try unsigned()
    case CBORMajor.negative: _ = try integer()
    case CBORMajor.data: _ = try data()
    case CBORMajor.text: _ = try text()
    case CBORMajor.array:
      try check(depth)
      for _ in 0..<(try arrayCount()) { try skipItem(depth: depth - 1) }
    case CBORMajor.map:
      try check(depth)
      var last = offset..<offset
      for _ in 0..<(try mapCount()) {
        let start = offset
        try skipItem(depth: depth - 1)
        try checkOrder(last, start..<offset)
        last = start..<offset
        try skipItem(depth: depth - 1)
      }
    case CBORMajor.tag:
      try check(depth)
      _ = try reference()
    default:
      try skipSimple()
    }
  }

  private mutating func skipSimple() throws(JournalError) {
    switch bytes[offset] {
    case CBORMajor.falseByte, CBORMajor.trueByte, CBORMajor.nullByte: offset += 1
    case CBORMajor.halfByte, CBORMajor.singleByte, CBORMajor.doubleByte: _ = try double()
    default: throw failure("the simple value is not false, true or null")
    }
  }

  /// Decodes one whole item with the checks of ``skip(maxDepth:)``; keys of maps must be texts.
  package mutating func value(maxDepth: Int = 32) throws(JournalError) -> Value {
    try item(depth: min(maxDepth, CBORMajor.deepest))
  }

  private mutating func item(depth: Int) throws(JournalError) -> Value {
    switch try peekMajor() {
    case CBORMajor.unsigned: return Value(try unsigned())
    case CBORMajor.negative: return .integer(try integer())
    case CBORMajor.data: return .bytes([UInt8](bytes[try data()]))
    case CBORMajor.text: return .string(try string())
    case CBORMajor.array:
      try check(depth)
      let count = try arrayCount()
      var values: [Value] = []
      // A count may claim one element per byte left; elements are larger than that in memory.
      values.reserveCapacity(min(count, 64))
      for _ in 0..<count { values.append(try item(depth: depth - 1)) }
      return .array(values)
    case CBORMajor.map:
      try check(depth)
      return .object(try members(depth: depth))
    case CBORMajor.tag:
      try check(depth)
      let (collection, key) = try reference()
      return .reference(
        collection: String(decoding: bytes.part(collection), as: UTF8.self),
        key: String(decoding: bytes.part(key), as: UTF8.self))
    default:
      switch bytes[offset] {
      case CBORMajor.nullByte:
        offset += 1
        return .null
      case CBORMajor.trueByte, CBORMajor.falseByte: return .bool(try bool())
      case CBORMajor.halfByte, CBORMajor.singleByte, CBORMajor.doubleByte:
        return .double(try double())
      default: throw failure("the simple value is not false, true or null")
      }
    }
  }

  private mutating func members(depth: Int) throws(JournalError) -> Fields {
    let count = try mapCount()
    var members: [Fields.Element] = []
    members.reserveCapacity(min(count, 64))
    var last = offset..<offset
    for _ in 0..<count {
      let start = offset
      let name = try string()
      try checkOrder(last, start..<offset)
      last = start..<offset
      members.append((name, try item(depth: depth - 1)))
    }
    return Fields(unique: members)
  }

  /// The ranges of collection and key of a reference.
  package mutating func reference() throws(JournalError) -> (
    collection: Range<Int>, key: Range<Int>
  ) {
    let start = offset
    guard try head(expecting: CBORMajor.tag) == CBORMajor.referenceTag else {
      throw failure("the tag is not a reference's", at: start)
    }
    guard try arrayCount() == 2 else {
      throw failure("a reference is not a pair of texts", at: start)
    }
    let collection = try text()
    return (collection, try text())
  }

  /// Checks that a map's key follows the one before it; an empty range is before the first.
  @inline(__always)
  func checkOrder(_ last: Range<Int>, _ key: Range<Int>) throws(JournalError) {
    let order = ByteOrder.compare(bytes.part(last), bytes.part(key))
    guard order < 0 else {
      throw failure(order == 0 ? "a key stands twice" : "keys are out of order", at: key.lowerBound)
    }
  }

  private func check(_ depth: Int) throws(JournalError) {
    guard depth > 0 else { throw failure("the item is nested too deep") }
  }
}
