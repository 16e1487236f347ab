@testable import Journal
@testable import Projection

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension FuzzTarget {
  // SAFETY: libFuzzer calls the target from one thread.
  private nonisolated(unsafe) static let base = DamagedPack()

  /// A pack whose rows, blocks and index were damaged, with all checksums made anew, read as `verify`,
  /// `log` and `replay` read it.
  static let pack = FuzzTarget("pack", maximumBytes: 512, seeds: Seeds.damages) { bytes in
    var choices = Choices(bytes)
    let path = base.write(&choices)
    let report = try accepted { try Verifier.verify(pack: path, folder: RecordFolder()) }
    if let report, report.isSound {
      require(
        report.root == base.root || report.size != base.size, "sound with another root of that size"
      )
    }
    _ = try accepted {
      let reader = try JournalReader(try PackReader(path: path))
      for table in Table.allCases {
        var last: [UInt8]?
        _ = try accepted {
          try reader.storage.scan(table, from: nil) { key, payload in
            if let last { require(last.lexicographicallyPrecedes(key), "rows out of order") }
            last = [UInt8](key)
            require(
              try reader.storage.value(table, [UInt8](key)) == [UInt8](payload),
              "a row read otherwise")
            return true
          }
        }
        _ = try accepted {
          try reader.storage.scanBackward(table, from: choices.take(9)) { _, _ in true }
        }
      }
      _ = try accepted {
        try reader.scanEntries(from: 0) { entry in
          _ = JSONText.string(.object(try Entry(entry).members))
          return true
        }
      }
      _ = try accepted { try reader.archives() }
      _ = try accepted { try JournalTree(reader).root(size: choices.number()) }
      _ = try Replay.fold(reader, through: reader.head.lastSequence, with: RecordFolder())
    }
  }
}

/// Writes packs by hand: whatever the rows are, the checksums agree.
private final class DamagedPack {
  private typealias Row = (table: UInt8, key: [UInt8], payload: [UInt8])

  private let path: String
  private var rows: [Row] = []
  let size: UInt64
  let root: TreeHash

  init() {
    path = "\(Scratch.directory)/pack-\(getpid())"
    do {
      let whole = path + "-whole"
      unlink(whole)
      let journal = try PagedReader.open(file: Scratch.journal())
      try JournalReader(journal).pack(to: whole, checkpoint: nil)
      let pack = try PackReader(path: whole)
      let reader = try JournalReader(pack)
      (size, root) = (reader.head.frontier.size, reader.head.frontier.root)
      for table in Table.allCases {
        try pack.scan(table, from: nil) { key, payload in
          rows.append((table.rawValue, [UInt8](key), [UInt8](payload)))
          return true
        }
      }
      unlink(whole)
    } catch { fail("cannot pack the journal: \(error)") }
  }

  func write(_ choices: inout Choices) -> String {
    var rows = rows
    for _ in 0..<choices.below(6) where !rows.isEmpty {
      let place = Int(choices.uint16()) % rows.count
      switch choices.below(7) {
      case 0: rows.remove(at: place)
      case 1: rows[place].key = choices.take(12)
      case 2: rows.insert(rows[place], at: Int(choices.uint16()) % rows.count)
      case 3: rows[place].payload = choices.take(64)
      case 4:
        let number = choices.number()
        let width = choices.pick([8, 6, 4, 2, 1])
        let bytes = (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) }
        overwrite(&rows[place].payload, with: Array(bytes.suffix(width)), &choices)
      default: overwrite(&rows[place].payload, with: choices.take(16), &choices)
      }
    }
    var bytes = encode(rows, &choices)
    for _ in 0..<choices.below(3) {
      let place = Int(choices.uint16()) % bytes.count
      bytes[place] = choices.byte()
    }
    if choices.below(16) == 1 { bytes.removeLast(Int(choices.uint16()) % bytes.count) }
    Files.write(bytes, to: path)
    return path
  }

  private func overwrite(_ payload: inout [UInt8], with bytes: [UInt8], _ choices: inout Choices) {
    guard !payload.isEmpty else { return }
    let offset = Int(choices.uint16()) % payload.count
    let end = min(payload.count, offset + bytes.count)
    payload.replaceSubrange(offset..<end, with: bytes.prefix(end - offset))
  }

  private func encode(_ rows: [Row], _ choices: inout Choices) -> [UInt8] {
    var file = PackFormat.magic
    var blocks: [[UInt8]] = []
    let rowsPerBlock = choices.pick([1_000, 8, 1])
    let oddBlock = choices.below(4) == 1 ? choices.below(64) : -1
    var next = rows.startIndex
    while next < rows.endIndex {
      let rest = rows[next...].prefix(rowsPerBlock).prefix { $0.table == rows[next].table }
      var plain: [UInt8] = []
      for row in rest {
        plain.appendBigEndian(UInt16(truncatingIfNeeded: row.key.count))
        plain.appendBigEndian(UInt32(truncatingIfNeeded: row.payload.count))
        plain += row.key + row.payload
      }
      var numbers: [UInt64] = [
        UInt64(file.count), UInt64(plain.count), UInt64(plain.count),
        UInt64(plain.withUnsafeBytes { Checksum.crc32c($0) }), UInt64(rest.count),
      ]
      if blocks.count == oddBlock { numbers[choices.below(5)] = choices.number() }
      var block: [UInt8] = [rows[next].table, blocks.count == oddBlock ? choices.byte() & 1 : 0]
      block.appendBigEndian(numbers[0])
      for number in numbers[1...] { block.appendBigEndian(UInt32(truncatingIfNeeded: number)) }
      block.appendBigEndian(UInt16(truncatingIfNeeded: rows[next].key.count))
      blocks.append(block + rows[next].key)
      file += plain
      next += rest.count
    }
    var index: [UInt8] = []
    index.appendBigEndian(UInt32(blocks.count))
    for block in blocks { index += block }
    var trailer: [UInt8] = []
    trailer.appendBigEndian(UInt64(file.count))
    trailer.appendBigEndian(UInt64(index.count))
    let sum = index.withUnsafeBytes { Checksum.crc32c($0) }
    trailer.appendBigEndian(trailer.withUnsafeBytes { Checksum.crc32c($0, seed: sum) })
    return file + index + trailer + PackFormat.endMagic
  }
}
