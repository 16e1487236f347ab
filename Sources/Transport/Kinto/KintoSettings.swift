public import Journal

/// Where a Kinto server keeps the collections, and how carefully its feed is read.
public struct KintoSettings: Sendable, Hashable {
  /// The bucket the collections are in; `default` is the user's own.
  public var bucket = "default"
  /// How far the feed is read again behind the list's own timestamp, in milliseconds: longer than the
  /// server's longest write transaction, for on PostgreSQL a record may become visible after later ones.
  /// At least ``minimumOverlapMilliseconds``.
  public var overlapMilliseconds: UInt64 = 10_000

  /// 5 seconds.
  public static let minimumOverlapMilliseconds: UInt64 = 5_000

  /// The defaults.
  public init() {}

  /// As a remote's declaration holds them.
  ///
  /// - Throws: ``TransportError/invalidConfiguration(_:)`` for what is unknown or out of range.
  public init(_ options: Fields) throws(TransportError) {
    for (name, value) in options {
      switch (name, value) {
      case ("bucket", .string(let text)): bucket = text
      case ("overlapMilliseconds", .integer(let number)) where number >= 0:
        overlapMilliseconds = UInt64(number)
      default: throw .invalidConfiguration("a remote of kind kinto has no option \"\(name)\"")
      }
    }
    try check()
  }

  /// For a remote's declaration.
  public var options: Fields {
    ["bucket": .string(bucket), "overlapMilliseconds": Value(overlapMilliseconds)]
  }

  func check() throws(TransportError) {
    guard KintoName.isValid(bucket) else {
      throw .invalidConfiguration("a bucket's name is letters, digits, - and _, not \"\(bucket)\"")
    }
    guard overlapMilliseconds >= Self.minimumOverlapMilliseconds,
      overlapMilliseconds <= 86_400_000
    else {
      throw .invalidConfiguration(
        "the feed of a Kinto server is read again 5 to 86400 seconds behind, not "
          + "\(overlapMilliseconds) ms")
    }
  }
}

/// What Kinto takes for the id of a bucket, a collection or a record.
enum KintoName {
  static func isValid(_ name: String) -> Bool {
    let bytes = name.utf8
    guard let first = bytes.first, first != UInt8(ascii: "-"), first != UInt8(ascii: "_") else {
      return false
    }
    return bytes.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: true
      default: false
      }
    }
  }
}
