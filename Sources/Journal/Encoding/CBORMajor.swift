/// The major types of CBOR and the few simple values a journal uses.
enum CBORMajor {
  static let unsigned: UInt8 = 0
  static let negative: UInt8 = 1
  static let data: UInt8 = 2
  static let text: UInt8 = 3
  static let array: UInt8 = 4
  static let map: UInt8 = 5
  static let tag: UInt8 = 6
  static let simple: UInt8 = 7

  static let falseByte: UInt8 = 0xF4
  static let trueByte: UInt8 = 0xF5
  static let nullByte: UInt8 = 0xF6
  static let halfByte: UInt8 = 0xF9
  static let singleByte: UInt8 = 0xFA
  static let doubleByte: UInt8 = 0xFB

  /// Marks an array of two texts, collection and key, as a reference to a record.
  static let referenceTag: UInt64 = 27182

  /// Containers nested deeper than this are refused whatever the caller allows: reading them
  /// recurses, and the stack of a thread is small.
  static let deepest = 128

  static func name(_ major: UInt8) -> String {
    switch major {
    case unsigned: "an unsigned integer"
    case negative: "a negative integer"
    case data: "a byte string"
    case text: "a text"
    case array: "an array"
    case map: "a map"
    case tag: "a tag"
    default: "a simple value or float"
    }
  }
}
