/// Builds an entry's body; members are added in ascending order of their number.
package struct BodyBuilder {
  private var writer = CBORWriter(reserving: 256)
  private var count: UInt8 = 0

  package init() {
    // A body has fewer than 24 members: the map's head is one byte, filled in at the end.
    writer.map(count: 0)
  }

  package mutating func add(_ key: BodyKey, _ write: (inout CBORWriter) throws -> Void) rethrows {
    writer.unsigned(key.rawValue)
    try write(&writer)
    count += 1
  }

  /// Adds a member and tells where its value stands in the body.
  mutating func addContent(
    _ key: BodyKey, _ write: (inout CBORWriter) throws(JournalError) -> Void
  ) throws(JournalError) -> Range<Int> {
    writer.unsigned(key.rawValue)
    let start = writer.bytes.count
    try write(&writer)
    count += 1
    return start..<writer.bytes.count
  }

  package mutating func add(_ key: BodyKey, text: String) {
    add(key) { $0.text(text) }
  }

  package mutating func add(_ key: BodyKey, unsigned: UInt64) {
    add(key) { $0.unsigned(unsigned) }
  }

  package mutating func add(_ key: BodyKey, raw: UnsafeRawBufferPointer) {
    add(key) { $0.raw(raw) }
  }

  package mutating func add(_ key: BodyKey, raw: [UInt8]) {
    add(key) { $0.raw(raw) }
  }

  package mutating func add(_ key: BodyKey, data: [UInt8]) {
    add(key) { $0.data(data) }
  }

  package mutating func add(_ key: BodyKey, version: ServerVersion) {
    add(key) { $0.version(version) }
  }

  package consuming func finish() -> [UInt8] {
    writer.bytes[0] = 0xA0 | count
    return writer.bytes
  }
}

extension CBORWriter {
  package mutating func version(_ version: ServerVersion) {
    array(count: 2)
    unsigned(version.timestamp)
    unsigned(version.tieBreak)
  }
}

extension CBORReader {
  package mutating func version() throws(JournalError) -> ServerVersion {
    guard try arrayCount() == 2 else {
      throw .damaged("a version is not a pair of numbers; run `journal verify`")
    }
    return ServerVersion(timestamp: try unsigned(), tieBreak: try unsigned())
  }
}

/// The members of an entry's body, located but not decoded. Borrows the body's bytes.
package struct Body {
  package let bytes: UnsafeRawBufferPointer
  private var members: [(key: UInt64, value: Range<Int>)] = []
  /// Whether every member is known to this release or may be ignored.
  package private(set) var isUnderstood = true

  /// - Throws: ``JournalError/damaged(_:)`` when the bytes are not one deterministic CBOR map.
  package init(_ bytes: UnsafeRawBufferPointer) throws(JournalError) {
    self.bytes = bytes
    var reader = CBORReader(bytes)
    let count = try reader.mapCount()
    members.reserveCapacity(min(count, 32))
    var last: Range<Int>?
    for _ in 0..<count {
      let start = reader.offset
      if try reader.peekMajor() == 0 {
        let key = try reader.unsigned()
        if BodyKey(rawValue: key) == nil { isUnderstood = false }
        members.append((key, 0..<0))
      } else {
        _ = try reader.integer()
        members.append((.max, 0..<0))
      }
      let keyRange = start..<reader.offset
      if let last, !Self.isAscending(bytes[last], bytes[keyRange]) {
        throw .damaged("an entry's body has members out of order")
      }
      last = keyRange
      members[members.count - 1].value = try reader.skip(maxDepth: Limits.depth + 2)
    }
    guard reader.isAtEnd else { throw .damaged("an entry's body has trailing bytes") }
  }

  private static func isAscending(
    _ left: Slice<UnsafeRawBufferPointer>, _ right: Slice<UnsafeRawBufferPointer>
  ) -> Bool {
    left.lexicographicallyPrecedes(right)
  }

  /// Whether it has no other members than these; the negative ones are others too.
  package func has(only keys: Set<BodyKey>) -> Bool {
    members.allSatisfy { member in BodyKey(rawValue: member.key).map(keys.contains) ?? false }
  }

  /// The encoded value of a member.
  package func raw(_ key: BodyKey) -> UnsafeRawBufferPointer? {
    for member in members where member.key == key.rawValue {
      return UnsafeRawBufferPointer(rebasing: bytes[member.value])
    }
    return nil
  }

  /// The body's bytes with other values of some members; members it has not are not added.
  package func replacing(_ values: [BodyKey: [UInt8]?]) -> [UInt8] {
    var replaced: [UInt8] = []
    var copied = 0
    for member in members {
      guard let key = BodyKey(rawValue: member.key), let value = values[key] ?? nil else {
        continue
      }
      replaced.append(contentsOf: bytes[copied..<member.value.lowerBound])
      replaced += value
      copied = member.value.upperBound
    }
    return replaced + bytes[copied...]
  }

  package func reader(_ key: BodyKey) throws(JournalError) -> CBORReader {
    guard let raw = raw(key) else {
      throw .damaged("an entry's body lacks its member \(key.rawValue) (\(key))")
    }
    return CBORReader(raw)
  }

  package func text(_ key: BodyKey) throws(JournalError) -> String? {
    guard let raw = raw(key) else { return nil }
    var reader = CBORReader(raw)
    return try reader.string()
  }

  package func unsigned(_ key: BodyKey) throws(JournalError) -> UInt64? {
    guard let raw = raw(key) else { return nil }
    var reader = CBORReader(raw)
    return try reader.unsigned()
  }

  package func bool(_ key: BodyKey) throws(JournalError) -> Bool {
    guard let raw = raw(key) else { return false }
    var reader = CBORReader(raw)
    return try reader.bool()
  }

  package func data(_ key: BodyKey) throws(JournalError) -> [UInt8]? {
    guard let raw = raw(key) else { return nil }
    var reader = CBORReader(raw)
    return [UInt8](raw[try reader.data()])
  }

  package func version(_ key: BodyKey) throws(JournalError) -> ServerVersion? {
    guard let raw = raw(key) else { return nil }
    var reader = CBORReader(raw)
    return try reader.version()
  }

  /// The record the body is about.
  package func record() throws(JournalError) -> RecordAddress? {
    guard let collection = raw(.collection), let key = raw(.key) else { return nil }
    var first = CBORReader(collection)
    var second = CBORReader(key)
    let collectionText = try first.text()
    let keyText = try second.text()
    return try RecordAddress(
      collection: UnsafeRawBufferPointer(rebasing: collection[collectionText]),
      key: UnsafeRawBufferPointer(rebasing: key[keyText]))
  }

  /// Lends the row key of the record the body is about; false when it names none.
  package func withRowKey(_ body: (UnsafeRawBufferPointer) throws -> Void) throws -> Bool {
    guard let collection = raw(.collection), let key = raw(.key) else { return false }
    var first = CBORReader(collection)
    var second = CBORReader(key)
    try RecordAddress.withRowKey(
      collection: collection.part(try first.text()), key: key.part(try second.text()), body)
    return true
  }

  /// The sequences of an array of [first, last] pairs, ascending; together no more than a segment has.
  package func ranges(
    _ key: BodyKey, atMost limit: UInt64 = UInt64(Limits.groupEntries)
  ) throws(JournalError) -> [ClosedRange<SequenceNumber>] {
    var reader = try reader(key)
    var ranges: [ClosedRange<SequenceNumber>] = []
    // A few bytes must not name so many sequences that looking at each takes for ever.
    var room = limit
    for _ in 0..<(try reader.arrayCount()) {
      guard try reader.arrayCount() == 2 else {
        throw .damaged("a range of sequences is not a pair")
      }
      let first = try reader.unsigned()
      let last = try reader.unsigned()
      guard first <= last, (ranges.last?.upperBound ?? 0) < first, last - first < room else {
        throw .damaged("ranges of sequences run backwards or are too long")
      }
      room -= last - first + 1
      ranges.append(first...last)
    }
    return ranges
  }
}
