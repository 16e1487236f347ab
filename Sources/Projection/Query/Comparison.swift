import Journal

/// How values of one type compare, and numbers across their types.
enum Comparison {
  static func areEqual(_ left: Value, _ right: Value) -> Bool {
    switch (left, right) {
    case (.array(let left), .array(let right)):
      left.count == right.count && zip(left, right).allSatisfy { areEqual($0, $1) }
    case (.object(let left), .object(let right)):
      left.count == right.count
        && left.allSatisfy { member in
          right[member.name].map { areEqual(member.value, $0) } ?? false
        }
    default:
      numbers(left, right).map { $0 == 0 } ?? (left == right)
    }
  }

  /// Negative, zero or positive for two values of one type that has an order; else nil.
  static func order(_ left: Value, _ right: Value) -> Int? {
    switch (left, right) {
    case (.string(let left), .string(let right)): bytes(left.utf8, right.utf8)
    case (.bool(let left), .bool(let right)): (left ? 1 : 0) - (right ? 1 : 0)
    case (.bytes(let left), .bytes(let right)): bytes(left, right)
    case (.null, .null): 0
    case (.array, .array), (.object, .object): SortOrder.compare(left, right)
    default: numbers(left, right)
    }
  }

  static func contains(_ whole: Value, _ part: Value) -> Bool {
    switch (whole, part) {
    case (.array(let elements), _): elements.contains { areEqual($0, part) }
    case (.string(let whole), .string(let part)): hasPart(Array(whole.utf8), Array(part.utf8))
    default: false
    }
  }

  private static func hasPart(_ whole: [UInt8], _ part: [UInt8]) -> Bool {
    guard part.count <= whole.count else { return false }
    return (0...(whole.count - part.count)).contains { start in
      whole[start..<start + part.count].elementsEqual(part)
    }
  }

  static func bytes(
    _ left: some Sequence<UInt8>, _ right: some Sequence<UInt8>
  ) -> Int {
    var right = right.makeIterator()
    for byte in left {
      guard let other = right.next() else { return 1 }
      if byte != other { return byte < other ? -1 : 1 }
    }
    return right.next() == nil ? 0 : -1
  }

  /// Compares two numbers by value, exactly also beyond 2^53; nil when one is no number.
  static func numbers(_ left: Value, _ right: Value) -> Int? {
    switch (left, right) {
    case (.integer(let left), .integer(let right)): sign(left, right)
    case (.unsigned(let left), .unsigned(let right)): sign(left, right)
    case (.integer, .unsigned): -1
    case (.unsigned, .integer): 1
    case (.double(let left), .double(let right)): sign(left, right)
    case (.double(let left), .integer(let right)): -mixed(right, left)
    case (.integer(let left), .double(let right)): mixed(left, right)
    case (.double(let left), .unsigned(let right)): -mixed(right, left)
    case (.unsigned(let left), .double(let right)): mixed(left, right)
    default: nil
    }
  }

  private static func sign<T: Comparable>(_ left: T, _ right: T) -> Int {
    left < right ? -1 : left == right ? 0 : 1
  }

  private static func order(_ left: some BinaryInteger, _ right: some BinaryInteger) -> Int {
    left < right ? -1 : left == right ? 0 : 1
  }

  private static func mixed(_ integer: some BinaryInteger, _ double: Double) -> Int {
    // Swift compares integers of any width with each other exactly; the double's whole part is
    // turned into one only where it fits.
    if double >= 18_446_744_073_709_551_616 { return -1 }
    if double < -9_223_372_036_854_775_808 { return 1 }
    let whole = double.rounded(.down)
    let wholes =
      whole < 0 ? order(integer, Int64(whole)) : order(integer, UInt64(whole))
    return wholes != 0 ? wholes : double > whole ? -1 : 0
  }

}

/// The order of `--sort`: missing < null < false < true < numbers < strings < arrays < objects.
enum SortOrder {
  static func compare(_ left: Value?, _ right: Value?) -> Int {
    let ranks = rank(left) - rank(right)
    guard ranks == 0, let left, let right else { return ranks }
    switch (left, right) {
    case (.array(let left), .array(let right)):
      for (one, other) in zip(left, right) {
        let order = compare(one, other)
        if order != 0 { return order }
      }
      return left.count - right.count
    case (.object(let left), .object(let right)):
      for (one, other) in zip(left, right) {
        let names = Comparison.bytes(one.name.utf8, other.name.utf8)
        if names != 0 { return names }
        let order = compare(one.value, other.value)
        if order != 0 { return order }
      }
      return left.count - right.count
    case (.reference(let collection, let key), .reference(let otherCollection, let otherKey)):
      let order = Comparison.bytes(collection.utf8, otherCollection.utf8)
      return order != 0 ? order : Comparison.bytes(key.utf8, otherKey.utf8)
    default:
      return Comparison.order(left, right) ?? 0
    }
  }

  private static func rank(_ value: Value?) -> Int {
    switch value {
    case nil: 0
    case .null: 1
    case .bool(false): 2
    case .bool(true): 3
    case .integer, .unsigned, .double: 4
    case .string: 5
    case .bytes: 6
    case .array: 7
    case .reference: 8
    case .object: 9
    }
  }
}
