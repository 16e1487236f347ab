import Journal
import Synchronization

/// The key of a record of one type, as a value that cannot be taken for another type's.
///
/// In a field it is a reference to the record, which is followed when the record's key changes.
/// Compares by its bytes.
public struct RecordID<R: Record>: Sendable {
  /// The record's key, 1–128 bytes of UTF-8; writes and reads throw where it is not.
  public let key: String

  /// A new id, unlike every other: a UUIDv7 in lower case.
  ///
  /// Reads the system's clock and random numbers. A replayed test passes keys of its own instead.
  public init() {
    key = RecordKeys.next()
  }

  /// The id of the record under a key.
  public init(_ key: String) {
    self.key = key
  }
}

extension RecordID: Hashable {
  /// Whether both have the same bytes.
  public static func == (left: Self, right: Self) -> Bool {
    left.key.utf8.elementsEqual(right.key.utf8)
  }

  /// Hashes the bytes.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(key.utf8.count)
    for byte in key.utf8 { hasher.combine(byte) }
  }
}

extension RecordID: Codable {
  /// Reads a reference to a record of this type; from other decoders the key.
  public init(from decoder: any Decoder) throws {
    guard let item = decoder as? FieldItemDecoder else {
      key = try decoder.singleValueContainer().decode(String.self)
      return
    }
    let reference = try item.reference()
    guard reference.collection.utf8.elementsEqual(R.schema.collection.utf8) else {
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: decoder.codingPath,
          debugDescription: "the reference is to \"\(reference.collection)\", not to "
            + "\"\(R.schema.collection)\""))
    }
    key = reference.key
  }

  /// Writes a reference to the record; to other encoders the key.
  public func encode(to encoder: any Encoder) throws {
    if let item = encoder as? FieldItemEncoder {
      try item.encodeReference(collection: R.schema.collection, key: key)
    } else {
      var container = encoder.singleValueContainer()
      try container.encode(key)
    }
  }
}

extension RecordID: ExpressibleByStringLiteral {
  /// The id of the record under a key.
  public init(stringLiteral key: String) { self.init(key) }
}

extension RecordID: CustomStringConvertible {
  /// The key.
  public var description: String { key }
}

/// Keys for new records.
private enum RecordKeys {
  private static let generator = Mutex(
    EntryIDGenerator(random: { RandomPool.shared.next() }))

  static func next() -> String {
    generator.withLock { $0.next(milliseconds: Timestamp.now.milliseconds) }.description
  }
}
