/// Which record: a collection's name and a key, both 1–128 bytes of UTF-8, compared as bytes.
public struct RecordAddress: Sendable, Hashable {
  /// Longest collection name or key, in bytes.
  public static let maximumNameBytes = 128

  /// The row key: collection, escaped and terminated so that it orders before longer names, then
  /// key. "cat" + "s3" is therefore never "cats" + "3".
  package let rowKey: [UInt8]

  /// - Throws: ``JournalError/invalidInput(_:)`` when a name is empty or longer than 128 bytes.
  public init(collection: String, key: String) throws(JournalError) {
    var collection = collection
    var key = key
    let rowKey: Result<[UInt8], JournalError> = collection.withUTF8 { collectionBytes in
      key.withUTF8 { keyBytes in
        Result { () throws(JournalError) in
          try Self.rowKey(
            collection: UnsafeRawBufferPointer(collectionBytes),
            key: UnsafeRawBufferPointer(keyBytes))
        }
      }
    }
    self.rowKey = try rowKey.get()
  }

  package init(collection: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer)
    throws(JournalError)
  {
    rowKey = try Self.rowKey(collection: collection, key: key)
  }

  package init(rowKey: [UInt8]) {
    self.rowKey = rowKey
  }

  private static func rowKey(collection: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer)
    throws(JournalError) -> [UInt8]
  {
    try check(collection, key)
    var rowKey = [UInt8]()
    rowKey.reserveCapacity(collection.count + 2 + key.count)
    appendPrefix(collection, to: &rowKey)
    rowKey.append(raw: key)
    return rowKey
  }

  /// Lends a row key that needs no array.
  ///
  /// - Throws: ``JournalError/invalidInput(_:)`` when a name is empty or longer than 128 bytes, and
  ///   what `body` throws.
  static func withRowKey(
    collection: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer,
    _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    try check(collection, key)
    try withUnsafeTemporaryAllocation(
      byteCount: 2 * collection.count + 2 + key.count, alignment: 1
    ) { buffer in
      var count = 0
      for byte in collection {
        buffer[count] = byte
        count += 1
        if byte == 0 {
          buffer[count] = 0xFF
          count += 1
        }
      }
      buffer[count] = 0
      buffer[count + 1] = 0
      count += 2
      UnsafeMutableRawBufferPointer(rebasing: buffer[count...]).copyMemory(from: key)
      try body(UnsafeRawBufferPointer(rebasing: buffer[..<(count + key.count)]))
    }
  }

  private static func check(
    _ collection: UnsafeRawBufferPointer, _ key: UnsafeRawBufferPointer
  ) throws(JournalError) {
    guard (1...maximumNameBytes).contains(collection.count) else {
      throw .invalidInput("a collection's name has \(collection.count) bytes; 1 to 128 are allowed")
    }
    guard (1...maximumNameBytes).contains(key.count) else {
      throw .invalidInput("a record's id has \(key.count) bytes; 1 to 128 are allowed")
    }
  }

  /// The bytes every row key of a collection begins with.
  package static func prefix(collection: UnsafeRawBufferPointer) -> [UInt8] {
    var prefix: [UInt8] = []
    appendPrefix(collection, to: &prefix)
    return prefix
  }

  private static func appendPrefix(
    _ collection: UnsafeRawBufferPointer, to prefix: inout [UInt8]
  ) {
    if !collection.contains(0) {
      prefix.append(raw: collection)
    } else {
      for byte in collection {
        prefix.append(byte)
        if byte == 0 { prefix.append(0xFF) }
      }
    }
    prefix.append(0)
    prefix.append(0)
  }

  /// The row key of another record of the same collection.
  ///
  /// - Throws: ``JournalError/damaged(_:)`` for bytes that are no row key.
  package static func rowKey(
    of key: some Sequence<UInt8>, besides rowKey: [UInt8]
  ) throws(JournalError) -> [UInt8] {
    Array(rowKey.prefix(try prefixBytes(inRowKey: rowKey))) + key
  }

  /// How many bytes of a row key stand before the record's key.
  ///
  /// - Throws: ``JournalError/damaged(_:)`` for bytes that are no row key.
  package static func prefixBytes(inRowKey bytes: [UInt8]) throws(JournalError) -> Int {
    var index = 0
    while index + 1 < bytes.count {
      if bytes[index] == 0, bytes[index + 1] == 0 { return index + 2 }
      index += bytes[index] == 0 ? 2 : 1
    }
    throw .damaged("a record's row key has no end of collection; run `journal verify`")
  }

  /// Takes a row key apart again.
  package static func names(
    inRowKey bytes: UnsafeRawBufferPointer
  ) throws(JournalError) -> (collection: String, key: String) {
    if let end = bytes.firstIndex(of: 0), end + 1 < bytes.count, bytes[end + 1] == 0 {
      // No byte of the collection is escaped: both names lie there as they are.
      return (
        String(decoding: bytes.part(0..<end), as: UTF8.self),
        String(decoding: bytes.part((end + 2)..<bytes.count), as: UTF8.self)
      )
    }
    var collection: [UInt8] = []
    var index = 0
    while index + 1 < bytes.count {
      let byte = bytes[index]
      if byte != 0 {
        collection.append(byte)
        index += 1
      } else if bytes[index + 1] == 0xFF {
        collection.append(0)
        index += 2
      } else if bytes[index + 1] == 0 {
        let key = bytes[(index + 2)...]
        return (
          String(decoding: collection, as: UTF8.self), String(decoding: key, as: UTF8.self)
        )
      } else {
        break
      }
    }
    throw .damaged("a record's row key has no end of collection; run `journal verify`")
  }

  /// Collection and key as text.
  public var names: (collection: String, key: String) {
    get throws(JournalError) {
      let result: Result<(collection: String, key: String), JournalError> =
        rowKey.withUnsafeBytes { bytes in
          Result { () throws(JournalError) in try Self.names(inRowKey: bytes) }
        }
      return try result.get()
    }
  }
}
