/// The pages of an LMDB 0.9 data file, in the byte order of the (little-endian) host.
///
/// Every page begins with 16 bytes: number (8), pad (2), flags (2), lower (2), upper (2); the
/// last four bytes of an overflow page's header are its count of pages instead. Offsets of nodes
/// follow up to `lower`, nodes stand from `upper` to the end; the gap is dead space.
enum PageFormat {
  static let headerBytes = 16
  static let nodeHeaderBytes = 8
  static let branch: UInt16 = 1
  static let leaf: UInt16 = 2
  static let overflow: UInt16 = 4
  static let meta: UInt16 = 8
  /// The root of a tree without rows.
  static let noPage = UInt64.max
  /// LMDB's cursors are not deeper, so no healthy tree is.
  static let maximumDepth = 32

  /// The pages a value of `bytes` takes outside its leaf.
  static func overflowPages(_ bytes: Int, pageBytes: Int) -> UInt64 {
    UInt64((headerBytes - 1 + bytes) / pageBytes + 1)
  }
}

/// One page in memory. Every access checks its bounds and throws what is wrong.
final class Page {
  let number: UInt64
  /// What the page belongs to, for messages.
  let place: String
  private let memory: UnsafeMutableRawBufferPointer
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(memory) }

  /// Reads `byteCount` bytes at `offset` as page `number`.
  init(
    _ number: UInt64, byteCount: Int, at offset: UInt64, _ file: PageFile, place: String
  ) throws(JournalError) {
    self.number = number
    self.place = place
    memory = .allocate(byteCount: byteCount, alignment: 16)
    try file.read(memory, at: offset)
  }

  /// A copy of the front of page `number`.
  init(_ number: UInt64, copy: [UInt8], place: String) {
    self.number = number
    self.place = place
    memory = .allocate(byteCount: copy.count, alignment: 16)
    memory.copyBytes(from: copy)
  }

  /// Reads page `number` of `file`.
  convenience init(
    _ number: UInt64, _ pageBytes: Int, _ file: PageFile, place: String
  ) throws(JournalError) {
    let (offset, overflow) = number.multipliedReportingOverflow(by: UInt64(pageBytes))
    guard !overflow else {
      throw .damaged("\(file.path) is shorter than page \(number) of \(place)")
    }
    try self.init(number, byteCount: pageBytes, at: offset, file, place: place)
  }

  deinit {
    memory.deallocate()
  }

  func damage(_ what: String) -> JournalError {
    .damaged("page \(number) of \(place): \(what); run `journal verify`")
  }

  func load<T: BitwiseCopyable>(_ offset: Int, as type: T.Type) throws(JournalError) -> T {
    guard offset >= 0, offset <= bytes.count - MemoryLayout<T>.size else {
      throw damage("offset \(offset) lies outside")
    }
    return bytes.loadUnaligned(fromByteOffset: offset, as: type)
  }

  func slice(_ range: Range<Int>) throws(JournalError) -> UnsafeRawBufferPointer {
    guard range.lowerBound >= 0, range.upperBound <= bytes.count else {
      throw damage("bytes \(range) lie outside")
    }
    return UnsafeRawBufferPointer(rebasing: bytes[range])
  }
}

/// A branch or leaf page whose header was found right.
struct TreePage {
  let page: Page
  let isLeaf: Bool
  let nodeCount: Int
  private let upper: Int

  init(_ page: Page) throws(JournalError) {
    self.page = page
    guard try page.load(0, as: UInt64.self) == page.number else {
      throw page.damage("the number in its header is another")
    }
    let flags = try page.load(10, as: UInt16.self)
    guard flags == PageFormat.branch || flags == PageFormat.leaf else {
      throw page.damage("flags \(flags) are not those of a branch or leaf")
    }
    isLeaf = flags == PageFormat.leaf
    let lower = Int(try page.load(12, as: UInt16.self))
    upper = Int(try page.load(14, as: UInt16.self))
    guard lower > PageFormat.headerBytes, lower % 2 == 0, lower <= upper, upper <= page.bytes.count
    else { throw page.damage("free space from \(lower) to \(upper) is impossible") }
    nodeCount = (lower - PageFormat.headerBytes) / 2
  }

  /// The node at `index`, which has to be less than `nodeCount`.
  func node(_ index: Int) throws(JournalError) -> Node {
    let pointer = PageFormat.headerBytes + 2 * index
    let offset = Int(try page.load(pointer, as: UInt16.self))
    guard offset >= upper, offset % 2 == 0, offset <= page.bytes.count - PageFormat.nodeHeaderBytes
    else { throw page.damage("node \(index) at \(offset) is out of place") }
    let low = try page.load(offset, as: UInt16.self)
    let high = try page.load(offset + 2, as: UInt16.self)
    let flags = try page.load(offset + 4, as: UInt16.self)
    let keyBytes = Int(try page.load(offset + 6, as: UInt16.self))
    let keyStart = offset + PageFormat.nodeHeaderBytes
    let node = Node(
      offset: offset, flags: flags, low: low, high: high, key: keyStart..<keyStart + keyBytes,
      isLeaf: isLeaf)
    guard node.end <= page.bytes.count else {
      throw page.damage("node \(index) reaches over the end")
    }
    if isLeaf, flags & ~(Node.isBig | Node.isTree) != 0 || keyBytes == 0 || keyBytes > 511 {
      throw page.damage("node \(index) has flags \(flags) and a key of \(keyBytes) bytes")
    }
    return node
  }

  /// Checks a leaf whole, so that a search that finds nothing can be believed: its nodes fill the
  /// page from `upper` on without a gap, as LMDB keeps them, and each row agrees with its checksum.
  ///
  /// Rows in overflow pages are checked when they are read.
  func checkRows(of table: Table?) throws(JournalError) {
    var used = 0
    for index in 0..<nodeCount {
      let node = try node(index)
      used += (node.end - node.offset + 1) & ~1
      guard let table, !node.hasOverflow, node.flags == 0 else { continue }
      _ = try Row.payload(table, try page.slice(node.key), try page.slice(node.value))
    }
    guard used == page.bytes.count - upper else {
      throw page.damage("its \(nodeCount) nodes do not fill it from \(upper) on")
    }
  }

  func key(_ index: Int) throws(JournalError) -> UnsafeRawBufferPointer {
    try page.slice(try node(index).key)
  }

  /// The first index whose key is ≥ `key`, or `nodeCount`; the first key of a branch is −∞.
  func lowerBound(_ key: UnsafeRawBufferPointer) throws(JournalError) -> Int {
    var low = isLeaf ? 0 : 1
    var high = nodeCount
    while low < high {
      let middle = low + (high - low) / 2
      if KeyOrder.compare(try self.key(middle), key) < 0 { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The child of a branch in which `key` belongs.
  func childIndex(_ key: UnsafeRawBufferPointer) throws(JournalError) -> Int {
    let bound = try lowerBound(key)
    guard bound < nodeCount else { return nodeCount - 1 }
    return KeyOrder.compare(try self.key(bound), key) == 0 ? bound : bound - 1
  }
}

/// A key with its child page or value. Header: low (2), high (2), flags (2), key length (2).
struct Node {
  /// The value lies in overflow pages; the node holds the number of the first.
  static let isBig: UInt16 = 1
  /// The value is the record of a named tree.
  static let isTree: UInt16 = 2

  let offset: Int
  let flags: UInt16
  let low: UInt16
  let high: UInt16
  let key: Range<Int>
  let isLeaf: Bool

  var child: UInt64 { UInt64(low) | UInt64(high) << 16 | UInt64(flags) << 32 }
  /// The length of the value, wherever it lies.
  var valueBytes: Int { Int(low) | Int(high) << 16 }
  var hasOverflow: Bool { isLeaf && flags & Self.isBig != 0 }
  /// Where the value, or the number of its first overflow page, lies in the page.
  var value: Range<Int> { key.upperBound..<end }
  var end: Int { key.upperBound + (isLeaf ? (hasOverflow ? 8 : valueBytes) : 0) }
}

/// How LMDB orders keys.
enum KeyOrder {
  /// Negative, zero or positive, like `memcmp` and then the lengths.
  static func compare(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Int {
    let common = min(left.count, right.count)
    var index = 0
    while index + 8 <= common {
      let a = left.loadUnaligned(fromByteOffset: index, as: UInt64.self)
      let b = right.loadUnaligned(fromByteOffset: index, as: UInt64.self)
      if a != b { return UInt64(bigEndian: a) < UInt64(bigEndian: b) ? -1 : 1 }
      index += 8
    }
    while index < common {
      if left[index] != right[index] { return left[index] < right[index] ? -1 : 1 }
      index += 1
    }
    return left.count - right.count
  }
}
