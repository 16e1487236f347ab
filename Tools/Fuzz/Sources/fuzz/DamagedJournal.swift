@testable import Journal
@testable import Projection

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A journal's data file that is damaged and restored again and again.
final class DamagedJournal {
  private struct Place {
    var table: Table
    var key: Range<Int>
    /// Payload and checksum.
    var stored: Range<Int>
  }

  let directory: String
  private let descriptor: CInt
  private let original: [UInt8]
  private var image: [UInt8]
  private var rows: [Place] = []
  /// Offsets of the tables' records in the main tree.
  private var treeRecords: [Int] = []
  private var pages = 0
  private var changed: [Range<Int>] = []
  private(set) var report = VerifyReport()
  private(set) var golden: [Table: UInt32] = [:]

  init() {
    let path = Scratch.journal()
    original = Files.read(path)
    image = original
    directory = "\(Scratch.directory)/journal-\(getpid())"
    mkdir(directory, 0o700)
    Files.write(original, to: "\(directory)/data.mdb")
    descriptor = open("\(directory)/data.mdb", O_RDWR)
    do {
      let reader = try PagedReader.open(directory: directory)
      pages = Int(reader.source.meta.lastPage) + 1
      try locateRows(reader)
      report = try Verifier.verify(directory: directory, folder: RecordFolder())
      golden = try fingerprints()
    } catch { fail("\(path) is not a journal's data file: \(error)") }
    require(report.isSound, "\(path) is damaged: \(report.problems)")
  }

  private func locateRows(_ reader: PagedReader) throws {
    let pageBytes = reader.source.meta.pageBytes
    func place(_ range: Range<Int>, _ page: UInt64) -> Range<Int> {
      let start = Int(page) * pageBytes
      return start + range.lowerBound..<start + range.upperBound
    }
    var main = TreeCursor(reader.source, reader.source.meta.mainTree, "the main tree")
    try main.seekFirst()
    while let (page, node) = try main.current() {
      treeRecords.append(place(node.value, page.page.number).lowerBound)
      try main.next()
    }
    for table in Table.allCases {
      var cursor = TreeCursor(reader.source, try reader.tree(table), table.place)
      try cursor.seekFirst()
      while let (page, node) = try cursor.current() {
        var stored = place(node.value, page.page.number)
        if node.hasOverflow {
          let number = try page.page.load(node.value.lowerBound, as: UInt64.self)
          let start = Int(number) * pageBytes + PageFormat.headerBytes
          stored = start..<start + node.valueBytes
        }
        rows.append(Place(table: table, key: place(node.key, page.page.number), stored: stored))
        try cursor.next()
      }
    }
  }

  /// A number over all rows of each table.
  func fingerprints() throws -> [Table: UInt32] {
    let reader = try PagedReader.open(directory: directory)
    var sums: [Table: UInt32] = [:]
    for table in Table.allCases { sums[table] = try Self.fingerprint(table, reader) }
    return sums
  }

  static func fingerprint(_ table: Table, _ reader: PagedReader) throws -> UInt32 {
    var sum: UInt32 = 0
    try reader.scan(table, from: nil) { key, payload in
      sum = Checksum.crc32c(payload, seed: Checksum.crc32c(key, seed: sum))
      return true
    }
    return sum
  }

  // MARK: One damage at a time

  var byteCount: Int { original.count }

  /// Changes one bit: by turns of what LMDB reads of the meta pages, of the tables' records, of bytes
  /// that are not zero, of any byte up to the last page.
  func flip(_ number: Int, _ random: inout some RandomNumberGenerator) -> String {
    var offset = 0
    switch number % 4 {
    case 0:
      offset =
        Int.random(in: 0...1, using: &random) * 4096 + Int.random(in: 0..<152, using: &random)
    case 1:
      offset =
        treeRecords[Int.random(in: treeRecords.indices, using: &random)]
        + Int.random(in: 0..<48, using: &random)
    case 2:
      repeat {
        offset = Int.random(in: 0..<pages * 4096, using: &random)
      } while original[offset] == 0
    default: offset = Int.random(in: 0..<pages * 4096, using: &random)
    }
    let bit = UInt8.random(in: 0..<8, using: &random)
    put([original[offset] ^ 1 << bit], at: offset)
    flush(offset..<offset + 1)
    return "bit \(bit) of byte \(offset)"
  }

  func truncate(to length: Int) {
    ftruncate(descriptor, off_t(length))
    // What is cut off comes back as zeros when the file is made longer again.
    changed.append(length..<original.count)
  }

  func restore() {
    ftruncate(descriptor, off_t(original.count))
    for range in changed {
      image.replaceSubrange(range, with: original[range])
      flush(range)
    }
    changed = []
  }

  /// Damages the file; true where no checksum was made anew.
  func damage(_ choices: inout Choices) -> Bool {
    var isClean = true
    var length: Int?
    for _ in 0..<16 where !choices.isAtEnd {
      switch choices.below(12) {
      case 0: put([image[place(&choices)] ^ (1 << UInt8(choices.below(8)))], at: lastPlace)
      case 1: put(choices.take(32), at: place(&choices))
      case 2:
        isClean = false
        rewrite(choices.pick16(rows), &choices) { $0.take(16) }
      case 3, 4:
        isClean = false
        rewrite(choices.pick16(rows), &choices) { Self.bigEndian(&$0) }
      case 5:
        isClean = false
        let row = choices.pick16(rows)
        put(choices.take(4), at: row.key.lowerBound + choices.below(max(1, row.key.count)))
        seal(row)
      case 6: put(choices.take(2), at: choices.pick16(rows).key.lowerBound - 8 + choices.below(8))
      case 7: put(choices.take(2), at: Int(choices.uint16()) % pages * 4096 + choices.below(16))
      case 8: copyPage(&choices)
      case 9: put(littleEndian(&choices), at: choices.below(2) * 4096 + choices.below(152))
      case 10: put(littleEndian(&choices), at: choices.pick(treeRecords) + choices.below(48))
      default:
        if choices.below(8) == 1 { length = Int(choices.number() % UInt64(original.count)) }
        isClean = false
        rewriteBody(&choices)
      }
    }
    for range in changed { flush(range) }
    if let length { truncate(to: length) }
    return isClean
  }

  private var lastPlace = 0

  private func place(_ choices: inout Choices) -> Int {
    lastPlace = Int(choices.uint16()) % pages * 4096 + Int(choices.uint16()) % 4096
    return lastPlace
  }

  private func put(_ bytes: [UInt8], at offset: Int) {
    let end = min(offset + bytes.count, image.count)
    guard offset >= 0, offset < end else { return }
    image.replaceSubrange(offset..<end, with: bytes.prefix(end - offset))
    changed.append(offset..<end)
  }

  private func flush(_ range: Range<Int>) {
    image[range].withUnsafeBytes { bytes in
      let count = pwrite(descriptor, bytes.baseAddress, bytes.count, off_t(range.lowerBound))
      if count != bytes.count { fail("cannot write the damaged file") }
    }
  }

  private static func bigEndian(_ choices: inout Choices) -> [UInt8] {
    let number = choices.number()
    let bytes = (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) }
    return Array(bytes.suffix(choices.pick([8, 6, 4, 2, 1])))
  }

  private func littleEndian(_ choices: inout Choices) -> [UInt8] {
    Self.bigEndian(&choices).reversed()
  }

  private func rewrite(
    _ row: Place, _ choices: inout Choices, _ bytes: (inout Choices) -> [UInt8]
  ) {
    let payload = row.stored.dropLast(Row.checksumBytes)
    guard !payload.isEmpty else { return }
    let offset = payload.startIndex + Int(choices.uint16()) % payload.count
    put(Array(bytes(&choices).prefix(payload.endIndex - offset)), at: offset)
    seal(row)
  }

  /// Changes an entry's body and makes its commitment anew, so that only the tree can tell.
  private func rewriteBody(_ choices: inout Choices) {
    let row = choices.pick16(rows.filter { $0.table == .entries })
    let start = row.stored.lowerBound
    let body = start + StoredEntry.overhead..<row.stored.upperBound - Row.checksumBytes
    guard !body.isEmpty else { return }
    let offset = body.lowerBound + Int(choices.uint16()) % body.count
    put(Array(choices.take(16).prefix(body.upperBound - offset)), at: offset)
    let salt = Salt(high: number(at: start + 75), low: number(at: start + 83))
    put(image[body].withUnsafeBytes { salt.commitment(to: $0) }.bytes, at: start + 42)
    seal(row)
  }

  private func number(at offset: Int) -> UInt64 {
    image[offset..<offset + 8].reduce(0) { $0 << 8 | UInt64($1) }
  }

  private func seal(_ row: Place) {
    let payload = row.stored.dropLast(Row.checksumBytes)
    let sum = image.withUnsafeBytes { bytes in
      Row.checksum(
        row.table, UnsafeRawBufferPointer(rebasing: bytes[row.key]),
        UnsafeRawBufferPointer(rebasing: bytes[payload]))
    }
    put((0..<4).map { UInt8(truncatingIfNeeded: sum >> (24 - 8 * $0)) }, at: payload.endIndex)
  }

  private func copyPage(_ choices: inout Choices) {
    let (from, to) = (Int(choices.uint16()) % pages, Int(choices.uint16()) % pages)
    var page = Array(original[from * 4096..<from * 4096 + 4096])
    if choices.flag() {
      for index in 0..<8 { page[index] = UInt8(truncatingIfNeeded: to >> (8 * index)) }
    }
    put(page, at: to * 4096)
  }
}

extension Choices {
  mutating func pick16<T>(_ values: [T]) -> T { values[Int(uint16()) % values.count] }
}
