import Foundation
import Testing

@testable import Journal

/// Packs written by hand: every checksum agrees, the contents do not.
@Suite struct `A pack from a stranger` {
  private let directory: StorageDirectory

  init() throws {
    directory = try StorageDirectory()
  }

  /// A pack with one block for each list of rows, all of one table.
  private func pack(_ blocks: [[(key: String, payload: String)]]) throws -> PackReader {
    var file = PackFormat.magic
    var index: [PackFormat.Block] = []
    for rows in blocks {
      var plain: [UInt8] = []
      for row in rows {
        Array(row.key.utf8).withUnsafeBytes { key in
          Array(row.payload.utf8).withUnsafeBytes { payload in
            PackFormat.appendRow(key: key, payload: payload, to: &plain)
          }
        }
      }
      index.append(
        PackFormat.Block(
          table: .meta, encoding: .plain, offset: UInt64(file.count),
          storedBytes: UInt32(plain.count), plainBytes: UInt32(plain.count),
          checksum: plain.withUnsafeBytes { Checksum.crc32c($0) }, rows: UInt32(rows.count),
          firstKey: Array((rows.first?.key ?? "").utf8)))
      file += plain
    }
    let encoded = PackFormat.encode(index)
    var trailer: [UInt8] = []
    trailer.appendBigEndian(UInt64(file.count))
    trailer.appendBigEndian(UInt64(encoded.count))
    let checksum = (encoded + trailer).withUnsafeBytes { Checksum.crc32c($0) }
    trailer.appendBigEndian(checksum)
    let path = directory.path + "/pack"
    try Data(file + encoded + trailer + PackFormat.endMagic).write(to: URL(fileURLWithPath: path))
    return try PackReader(path: path)
  }

  private func keys(_ pack: PackReader) throws -> [String] {
    var keys: [String] = []
    try pack.scan(.meta, from: nil) { key, payload in
      keys.append(String(decoding: key, as: UTF8.self))
      let found = try pack.value(.meta, [UInt8](key))
      #expect(found == [UInt8](payload))
      return true
    }
    return keys
  }

  @Test func `shows nothing of a block that is not the one the index speaks of`() throws {
    let path = try pack([[("a", "1"), ("b", "2")]]).path
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    // A payload's last bit: the row is as well-formed as before.
    let payload = try #require(bytes.firstIndex(of: UInt8(ascii: "1")))
    let place = try #require(bytes[(payload + 1)...].firstIndex(of: UInt8(ascii: "1")))
    bytes[place] ^= 1
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    let changed = try PackReader(path: path)
    let error = #expect(throws: JournalError.self) { try keys(changed) }
    #expect(error?.code == "damaged")
  }

  @Test func `shows its rows in order when its blocks do not overlap`() throws {
    let sound = try pack([[("a", "1"), ("b", "2")], [("c", "3")]])
    let found = try keys(sound)
    #expect(found == ["a", "b", "c"])
  }

  @Test func `is damaged when a block reaches into the next`() throws {
    for last in ["c", "d"] {
      let overlapping = try pack([[("a", "1"), (last, "2")], [("c", "3")]])
      let error = #expect(throws: JournalError.self) { try keys(overlapping) }
      #expect(error?.code == "damaged")
    }
  }
}
