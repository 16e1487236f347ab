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
  private let sizes = FieldFinder.sizes
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
      try step(&reader)
      let value = reader.offset
      try step(&reader)
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

  /// Passes over one item by its length alone; what is nested is checked as ``CBORReader/skip(maxDepth:)`` does.
  @inline(__always)
  private func step(_ reader: inout CBORReader) throws(JournalError) {
    let (bytes, offset) = (reader.bytes, reader.offset)
    guard offset < bytes.count else { throw reader.failure("the input ends before an item") }
    let size = Int(sizes[Int(bytes[offset])])
    guard size > 0, size <= bytes.count - offset else { return try Self.stepFar(&reader) }
    reader.offset = offset + size
  }

  /// The same of an item whose first byte does not say how long it is, or that is not all there.
  @inline(never)
  private static func stepFar(_ reader: inout CBORReader) throws(JournalError) {
    switch try reader.peekMajor() {
    case CBORMajor.data, CBORMajor.text: _ = try reader.take(try reader.head().value)
    default: _ = try reader.skip(maxDepth: CBORMajor.deepest)
    }
  }

  /// How long an item is that begins with a byte; 0 where more has to be looked at.
  // SAFETY: written once, before anybody sees the pointer, and never freed.
  private nonisolated(unsafe) static let sizes: UnsafePointer<UInt8> = {
    let sizes = UnsafeMutablePointer<UInt8>.allocate(capacity: 256)
    sizes.initialize(repeating: 0, count: 256)
    let arguments: [UInt8] = [2, 3, 5, 9]
    for major in [CBORMajor.unsigned, CBORMajor.negative] {
      let first = Int(major) << 5
      for short in 0..<24 { sizes[first + short] = 1 }
      for (index, size) in arguments.enumerated() { sizes[first + 24 + index] = size }
    }
    for major in [CBORMajor.data, CBORMajor.text] {
      for length in 0..<24 { sizes[Int(major) << 5 + length] = UInt8(1 + length) }
    }
    for byte in [CBORMajor.falseByte, CBORMajor.trueByte, CBORMajor.nullByte] {
      sizes[Int(byte)] = 1
    }
    sizes[Int(CBORMajor.halfByte)] = 3
    sizes[Int(CBORMajor.singleByte)] = 5
    sizes[Int(CBORMajor.doubleByte)] = 9
    return UnsafePointer(sizes)
  }()
}
