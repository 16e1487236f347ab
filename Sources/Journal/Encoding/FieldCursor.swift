/// Walks a record's encoded map, member by member in key order, without decoding values.
struct FieldCursor {
  /// A member, as ranges of the map's bytes.
  struct Member {
    /// The UTF-8 of the name.
    var key: Range<Int>
    /// The encoded name.
    var keyItem: Range<Int>
    /// The encoded value.
    var value: Range<Int>
  }

  private var reader: CBORReader
  private var remaining: Int
  private var last: Range<Int>
  private let maxDepth: Int

  var bytes: UnsafeRawBufferPointer { reader.bytes }

  /// Nothing is an empty map.
  init(
    _ map: UnsafeRawBufferPointer?, maxDepth: Int = CBORMajor.deepest
  ) throws(JournalError) {
    self.maxDepth = maxDepth
    guard let map else {
      reader = CBORReader(UnsafeRawBufferPointer(start: nil, count: 0))
      (remaining, last) = (0, 0..<0)
      return
    }
    reader = CBORReader(map)
    remaining = try reader.mapCount()
    last = reader.offset..<reader.offset
  }

  /// The next member, or nil after the last one, once nothing is found to follow it.
  mutating func next() throws(JournalError) -> Member? {
    guard remaining > 0 else {
      guard reader.isAtEnd else { throw reader.failure("bytes follow the map") }
      return nil
    }
    remaining -= 1
    let start = reader.offset
    let key = try reader.text()
    let keyItem = start..<reader.offset
    try reader.checkOrder(last, keyItem)
    last = keyItem
    let value = try reader.skip(maxDepth: maxDepth)
    return Member(key: key, keyItem: keyItem, value: value)
  }
}
