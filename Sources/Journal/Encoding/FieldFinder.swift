/// Finds the values of some names in many encoded maps, in one pass over each.
///
/// For rows whose checksum agreed: of what it steps over only lengths are looked at, neither UTF-8 nor the order of
/// names, which were checked when the map was written. Whatever the bytes are, it reads nothing outside them.
/// Allocates nothing for a map. Not safe for use by two threads at once.
package final class FieldFinder {
  /// The encoded names one after the other, in the order members have.
  private let names: UnsafeMutableRawBufferPointer
  /// Where each name ends.
  private let ends: UnsafeMutableBufferPointer<Int>
  private let found: UnsafeMutableBufferPointer<UnsafeRawBufferPointer?>
  /// Where the value of each name that was asked for is found.
  private let places: [Int]

  /// - Parameter names: The UTF-8 of names, in any order; they may repeat.
  package init(_ names: [[UInt8]]) {
    let items = names.map { name in
      var writer = CBORWriter(reserving: name.count + 2)
      name.withUnsafeBytes { writer.text(utf8: $0) }
      return writer.bytes
    }
    var sorted: [[UInt8]] = []
    for item in items.sorted(by: { $0.lexicographicallyPrecedes($1) }) where item != sorted.last {
      sorted.append(item)
    }
    places = items.map { item in sorted.firstIndex(of: item) ?? 0 }
    self.names = .allocate(byteCount: sorted.reduce(0) { $0 + $1.count }, alignment: 1)
    self.names.copyBytes(from: sorted.joined())
    ends = .allocate(capacity: sorted.count)
    found = .allocate(capacity: sorted.count)
    found.initialize(repeating: nil)
    var end = 0
    for (index, item) in sorted.enumerated() {
      end += item.count
      ends.initializeElement(at: index, to: end)
    }
  }

  deinit {
    names.deallocate()
    ends.deallocate()
    found.deallocate()
  }

  /// The encoded value found last under the name at a position of those asked for; nil where the map has none.
  @inline(__always)
  package func value(_ index: Int) -> UnsafeRawBufferPointer? { found[places[index]] }

  /// Looks for all names in a map. What is found lies in the map's bytes.
  ///
  /// - Throws: ``JournalError/damaged(_:)`` for bytes that cannot be stepped through up to the last name.
  package func find(in map: UnsafeRawBufferPointer) throws(JournalError) {
    guard !ends.isEmpty else { return }
    found.update(repeating: nil)
    var reader = CBORReader(map)
    var left = try reader.mapCount()
    var index = 0
    var start = 0
    while left > 0 {
      left -= 1
      let name = reader.offset
      guard name < map.count, map[name] >> 5 == CBORMajor.text else {
        throw reader.failure("a member has no name")
      }
      try reader.step()
      let value = reader.offset
      try reader.step()
      // Names before this member are not in the map.
      while true {
        // Names of different lengths differ in the first byte.
        var order = Int(names[start]) - Int(map[name])
        if order == 0 {
          order = ByteOrder.compare(
            UnsafeRawBufferPointer(rebasing: names[start..<ends[index]]), map.part(name..<value))
        }
        if order > 0 { break }
        if order == 0 { found[index] = map.part(value..<reader.offset) }
        start = ends[index]
        index += 1
        if index == ends.count { return }
        if order == 0 { break }
      }
    }
  }
}

extension CBORReader {
  /// Passes over one item by its lengths alone; what is nested is checked as ``skip(maxDepth:)`` does.
  @inline(__always)
  fileprivate mutating func step() throws(JournalError) {
    guard offset < bytes.count else { throw failure("the input ends before an item") }
    let byte = bytes[offset]
    let length = Int(byte & 0x1F)
    switch byte >> 5 {
    case CBORMajor.unsigned, CBORMajor.negative:
      if length < 24 { offset += 1 } else { _ = try head() }
    case CBORMajor.text where length < 24, CBORMajor.data where length < 24:
      guard length < bytes.count - offset else { throw failure("a string runs over the end") }
      offset += 1 + length
    case CBORMajor.text, CBORMajor.data:
      _ = try take(try head().value)
    case CBORMajor.simple:
      let size: Int
      switch byte {
      case CBORMajor.falseByte, CBORMajor.trueByte, CBORMajor.nullByte: size = 1
      case CBORMajor.halfByte: size = 3
      case CBORMajor.singleByte: size = 5
      case CBORMajor.doubleByte: size = 9
      default: throw failure("the simple value is not false, true or null")
      }
      guard size <= bytes.count - offset else { throw failure("the input ends inside an item") }
      offset += size
    default:
      _ = try skip(maxDepth: CBORMajor.deepest)
    }
  }
}
