/// Keys from one up to, and without, another; bytewise.
struct KeyRange: Hashable {
  var lower: [UInt8]
  /// Nil is no end.
  var upper: [UInt8]?

  /// All keys that begin with these bytes.
  init(prefix: [UInt8]) {
    lower = prefix
    upper = Self.successor(of: prefix)
  }

  init(from lower: [UInt8], to upper: [UInt8]?) {
    self.lower = lower
    self.upper = upper
  }

  /// The first key behind all that begin with these bytes; nil where there is none.
  static func successor(of prefix: [UInt8]) -> [UInt8]? {
    var bytes = prefix
    while let last = bytes.popLast() {
      if last < .max { return bytes + [last + 1] }
    }
    return nil
  }
}
