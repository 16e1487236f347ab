import Journal
import TestKit
import Testing

@testable import Projection

@Suite struct `The visible fields of a row` {
  private static func row(_ random: inout SeededRandom) -> [UInt8] {
    var row = RecordRow()
    row.last = random.next() >> 16
    if Bool.random(using: &random) {
      row.base = RecordRow.Base(
        version: ServerVersion(timestamp: 5, tieBreak: random.next()),
        born: ServerVersion(timestamp: 1, tieBreak: 2))
    }
    if Bool.random(using: &random) { row.baseFields = random.bytes(random.count(upTo: 30)) }
    if Bool.random(using: &random) {
      row.openCount = UInt32(1 + random.count(upTo: 3))
      row.newestOpen = row.last
      if Bool.random(using: &random) { row.overlaid = random.bytes(random.count(upTo: 30)) }
    }
    return row.encoded
  }

  private static func read(
    _ bytes: [UInt8], _ visible: (UnsafeRawBufferPointer) throws -> UnsafeRawBufferPointer?
  ) -> Result<[UInt8]?, JournalError> {
    bytes.withUnsafeBytes { bytes in
      do {
        return .success(try visible(bytes).map { [UInt8]($0) })
      } catch let error as JournalError {
        return .failure(error)
      } catch {
        return .failure(.damaged("\(error)"))
      }
    }
  }

  @Test func `are those of the whole row, also where it is damaged`() {
    let seed = testSeed(or: .random(in: 1 ... .max))
    var random = SeededRandom(seed: seed)
    var refused = 0
    for turn in 0..<20_000 {
      var bytes = Self.row(&random)
      if turn % 2 == 1 {
        bytes[random.count(upTo: min(bytes.count, 60) - 1)] ^= 1 << UInt8(random.count(upTo: 7))
        bytes.removeLast(random.count(upTo: 3))
      }
      let whole = Self.read(bytes) { try RecordRowView($0).visible }
      let alone = Self.read(bytes) { try RecordRowView.visible($0) }
      switch (whole, alone) {
      case (.success(let one), .success(let other)):
        #expect(one == other, "seed \(seed): \(bytes)")
      case (.failure(let one), .failure(let other)):
        #expect("\(one)" == "\(other)", "seed \(seed): \(bytes)")
        refused += 1
      default:
        Issue.record("seed \(seed): \(whole) is not \(alone): \(bytes)")
      }
    }
    #expect(refused > 1_000, "seed \(seed)")
  }
}

extension SeededRandom {
  fileprivate mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
  }

  fileprivate mutating func count(upTo limit: Int) -> Int {
    Int.random(in: 0...max(0, limit), using: &self)
  }
}
