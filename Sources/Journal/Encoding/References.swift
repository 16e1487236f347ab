/// Finds references to records inside encoded items, whatever their schema.
package enum References {
  /// The item with the keys of references replaced; nil where none is.
  ///
  /// Costs a search for a reference's first bytes, and one pass where there is one.
  ///
  /// - Parameter key: The key in the place of a reference's own; nil leaves it.
  /// - Throws: ``JournalError/damaged(_:)`` for bytes that are not one item, and what `key` throws.
  package static func replacingKeys(
    in item: UnsafeRawBufferPointer, with key: (RecordAddress) throws -> String?
  ) throws -> [UInt8]? {
    guard mayHold(item) else { return nil }
    var replaced: [UInt8]?
    var copied = 0
    try visit(item) { reference, range in
      guard let key = try key(reference) else { return }
      var writer = CBORWriter(reserving: 64)
      writer.reference(collection: try reference.names.collection, key: key)
      var bytes = replaced ?? []
      bytes.append(contentsOf: item[copied..<range.lowerBound])
      bytes += writer.bytes
      replaced = bytes
      copied = range.upperBound
    }
    replaced?.append(contentsOf: item[copied...])
    return replaced
  }

  /// Whether the item holds a reference to a record under one of these row keys.
  ///
  /// - Throws: ``JournalError/damaged(_:)`` for bytes that are not one item.
  package static func areAny(
    to rowKeys: Set<[UInt8]>, in item: UnsafeRawBufferPointer
  ) throws -> Bool {
    guard mayHold(item) else { return false }
    var isFound = false
    try visit(item) { reference, _ in
      isFound = isFound || rowKeys.contains(reference.rowKey)
    }
    return isFound
  }

  /// The records the item refers to, in the order they stand in it.
  ///
  /// Costs a search for a reference's first bytes, and one pass where there is one.
  ///
  /// - Throws: ``JournalError/damaged(_:)`` for bytes that are not one item.
  package static func records(in item: UnsafeRawBufferPointer) throws -> [RecordAddress] {
    guard mayHold(item) else { return [] }
    var records: [RecordAddress] = []
    try visit(item) { reference, _ in records.append(reference) }
    return records
  }

  /// Whether the bytes a reference begins with stand anywhere in the item.
  private static func mayHold(_ item: UnsafeRawBufferPointer) -> Bool {
    var writer = CBORWriter(reserving: 8)
    writer.head(CBORMajor.tag, CBORMajor.referenceTag)
    let head = writer.bytes
    guard let first = head.first, item.count > head.count else { return false }
    return (0..<item.count - head.count).contains { index in
      item[index] == first && item[index..<index + head.count].elementsEqual(head)
    }
  }

  private static func visit(
    _ item: UnsafeRawBufferPointer, _ body: (RecordAddress, Range<Int>) throws -> Void
  ) throws {
    var reader = CBORReader(item)
    try visit(&reader, item, depth: Limits.depth + 2, body)
    guard reader.isAtEnd else { throw JournalError.damaged("an item has trailing bytes") }
  }

  private static func visit(
    _ reader: inout CBORReader, _ item: UnsafeRawBufferPointer, depth: Int,
    _ body: (RecordAddress, Range<Int>) throws -> Void
  ) throws {
    guard depth > 0 else { throw JournalError.damaged("an item is nested too deep") }
    switch try reader.peekMajor() {
    case CBORMajor.array:
      for _ in 0..<(try reader.arrayCount()) {
        try visit(&reader, item, depth: depth - 1, body)
      }
    case CBORMajor.map:
      for _ in 0..<(try reader.mapCount()) {
        _ = try reader.skip(maxDepth: 0)
        try visit(&reader, item, depth: depth - 1, body)
      }
    case CBORMajor.tag:
      let start = reader.offset
      let (collection, key) = try reader.reference()
      // A name outside the limits is no record's, and nothing is known of it.
      guard (1...RecordAddress.maximumNameBytes).contains(collection.count),
        (1...RecordAddress.maximumNameBytes).contains(key.count)
      else { return }
      try body(
        RecordAddress(
          collection: UnsafeRawBufferPointer(rebasing: item[collection]),
          key: UnsafeRawBufferPointer(rebasing: item[key])),
        start..<reader.offset)
    default:
      _ = try reader.skip(maxDepth: 0)
    }
  }
}
