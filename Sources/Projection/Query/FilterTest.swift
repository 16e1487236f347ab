import Journal

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// One question of a ``PreparedFilter`` about the fields that were found of a record.
///
/// Classes, since asking one retains nothing.
class FilterTest {
  /// How dear it is to ask: the cheap ones of several come first.
  var cost: Int { 0 }

  func matches(_ fields: FieldFinder) throws -> Bool { true }

  /// The bytes of a text's UTF-8; nil of any other value.
  final func text(_ value: UnsafeRawBufferPointer) throws -> UnsafeRawBufferPointer? {
    guard let first = value.first, first >> 5 == 3 else { return nil }
    // Short texts have a head of one byte; that the rest is there was seen when the field was found.
    if first & 0x1F < 24 { return UnsafeRawBufferPointer(rebasing: value[1...]) }
    var reader = CBORReader(value)
    return UnsafeRawBufferPointer(rebasing: value[try reader.text()])
  }
}

/// All of several, or one at least.
final class JoinTest: FilterTest {
  private let tests: [FilterTest]
  private let end: Bool

  /// - Parameter end: The answer of one that decides.
  init(_ tests: [FilterTest], endsWith end: Bool) {
    self.tests = tests.sorted { $0.cost < $1.cost }
    self.end = end
  }

  override var cost: Int { tests.reduce(0) { $0 + $1.cost } }

  override func matches(_ fields: FieldFinder) throws -> Bool {
    for test in tests where try test.matches(fields) == end { return end }
    return !end
  }
}

final class NotTest: FilterTest {
  private let test: FilterTest

  init(_ test: FilterTest) {
    self.test = test
  }

  override var cost: Int { test.cost }

  override func matches(_ fields: FieldFinder) throws -> Bool { try !test.matches(fields) }
}

/// There is no such field, or it is null.
final class AbsentTest: FilterTest {
  private let place: Int

  init(_ place: Int) {
    self.place = place
  }

  override func matches(_ fields: FieldFinder) throws -> Bool {
    guard let found = fields.value(place) else { return true }
    var reader = CBORReader(found)
    return reader.skipNull()
  }
}

/// The field has the bytes of one of these values.
final class BytesTest: FilterTest {
  private let place: Int
  private let stored: [[UInt8]]
  private let isWanted: Bool

  init(_ place: Int, _ stored: [[UInt8]], isWanted: Bool) {
    (self.place, self.stored, self.isWanted) = (place, stored, isWanted)
  }

  override func matches(_ fields: FieldFinder) throws -> Bool {
    guard let found = fields.value(place), let start = found.baseAddress else { return !isWanted }
    for value in stored where value.count == found.count {
      if memcmp(start, value, found.count) == 0 { return isWanted }
    }
    return !isWanted
  }
}

final class PrefixTest: FilterTest {
  private let place: Int
  private let prefix: [UInt8]

  init(_ place: Int, _ prefix: String) {
    (self.place, self.prefix) = (place, Array(prefix.utf8))
  }

  override func matches(_ fields: FieldFinder) throws -> Bool {
    guard let text = try fields.value(place).flatMap(text), text.count >= prefix.count else {
      return false
    }
    return text.begins(with: prefix)
  }
}

/// The field is a text that has another as a part, or stands before or behind it.
final class TextTest: FilterTest {
  private let place: Int
  private let condition: Query.Condition
  private let bound: [UInt8]

  /// nil for comparisons that are not those of texts alone.
  init?(_ place: Int, _ condition: Query.Condition, _ text: String) {
    switch condition.operator {
    case .less, .lessOrEqual, .greater, .greaterOrEqual, .contains: break
    case .equal, .notEqual, .in: return nil
    }
    (self.place, self.condition, bound) = (place, condition, Array(text.utf8))
  }

  override var cost: Int { 1 }

  override func matches(_ fields: FieldFinder) throws -> Bool {
    guard let found = fields.value(place) else { return false }
    guard let text = try text(found) else {
      guard condition.operator == .contains else { return false }
      // An array may have the text as an element.
      var reader = CBORReader(found)
      return condition.matches(try reader.value(maxDepth: Limits.depth))
    }
    switch condition.operator {
    case .contains: return has(text)
    case .less: return Comparison.bytes(text, bound) < 0
    case .lessOrEqual: return Comparison.bytes(text, bound) <= 0
    case .greater: return Comparison.bytes(text, bound) > 0
    default: return Comparison.bytes(text, bound) >= 0
    }
  }

  private func has(_ whole: UnsafeRawBufferPointer) -> Bool {
    guard let first = bound.first else { return true }
    var rest = whole
    while bound.count <= rest.count, let start = rest.baseAddress {
      // Where its first byte stands, looked for by the machine's own search.
      guard let found = memchr(start, Int32(first), rest.count - bound.count + 1) else {
        return false
      }
      let offset = UnsafeRawPointer(found) - start
      if memcmp(found, bound, bound.count) == 0 { return true }
      rest = UnsafeRawBufferPointer(rebasing: rest[(offset + 1)...])
    }
    return false
  }
}

/// The field's value is decoded and compared.
final class ValueTest: FilterTest {
  private let place: Int
  private let condition: Query.Condition

  init(_ place: Int, _ condition: Query.Condition) {
    (self.place, self.condition) = (place, condition)
  }

  override var cost: Int { 2 }

  override func matches(_ fields: FieldFinder) throws -> Bool {
    guard let found = fields.value(place) else { return condition.matches(nil as Value?) }
    var reader = CBORReader(found)
    return condition.matches(try reader.value(maxDepth: Limits.depth))
  }
}
