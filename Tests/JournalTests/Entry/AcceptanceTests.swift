import TestKit
import Testing

@testable import Journal

/// The lines of `accepted` entries, in the layout that is written and in the earlier one.
@Suite struct `What a server has accepted` {
  private func body(_ lines: [Acceptance]) throws -> [UInt8] {
    var body = BodyBuilder()
    body.add(.remote, text: "main")
    body.add(.sent, unsigned: 4)
    try body.add(acceptances: lines)
    return body.finish()
  }

  private func body(full lines: [[UInt64]], differences: [Int64]? = nil) -> [UInt8] {
    var body = BodyBuilder()
    body.add(.results) { writer in
      writer.array(count: lines.count)
      for line in lines {
        writer.array(count: line.count)
        for number in line { writer.unsigned(number) }
      }
    }
    if let differences { add(differences, to: &body) }
    return body.finish()
  }

  private func body(differences: [Int64]) -> [UInt8] {
    var body = BodyBuilder()
    add(differences, to: &body)
    return body.finish()
  }

  private func add(_ differences: [Int64], to body: inout BodyBuilder) {
    body.add(.acceptances) { writer in
      writer.array(count: differences.count)
      for difference in differences { writer.integer(difference) }
    }
  }

  private func read(_ bytes: [UInt8]) throws -> [Acceptance] {
    try bytes.withUnsafeBytes { bytes in
      var reader = try AcceptanceReader(Body(bytes))
      var lines: [Acceptance] = []
      while let line = try reader.next() { lines.append(line) }
      return lines
    }
  }

  private func expectDamage(_ bytes: [UInt8], _ what: Comment) {
    let error = #expect(throws: JournalError.self, what) { _ = try read(bytes) }
    #expect(error?.code == "damaged", what)
  }

  private func line(
    _ sequence: SequenceNumber, _ timestamp: UInt64, _ tieBreak: UInt64, isAbsorbed: Bool = false
  ) -> Acceptance {
    Acceptance(
      sequence, ServerVersion(timestamp: timestamp, tieBreak: tieBreak), isAbsorbed: isAbsorbed)
  }

  @Test func `is three differences a line, an absorbed edit's step negative`() throws {
    let lines = [
      line(127, 1_795_242_412_377, 67), line(128, 1_795_242_412_377, 68, isAbsorbed: true),
      line(130, 1_795_242_412_402, 3), line(131, 0, .max),
    ]
    let bytes = try body(lines)
    #expect(
      Hex.encode(bytes) == "a3" + "0c646d61696e" + "182004" + "1836" + "8c"
        + "187f" + "1b000001a1fcc94959" + "1843"
        + "20" + "00" + "01"
        + "02" + "1819" + "3840"
        + "01" + "3b000001a1fcc94971" + "23")
    #expect(try read(bytes) == lines)
  }

  @Test func `comes back as it was, whatever the versions`() throws {
    let seed = testSeed(or: 20_261_121)
    var random = SeededRandom(seed: seed)
    for _ in 0..<300 {
      var lines: [Acceptance] = []
      var sequence: UInt64 = 0
      for _ in 0..<Int.random(in: 1...40, using: &random) {
        sequence += UInt64.random(
          in: 1...(1 << UInt64.random(in: 0...40, using: &random)), using: &random)
        let near = ServerVersion(
          timestamp: 1_795_242_412_377 + random.next() % 100, tieBreak: sequence + random.next() % 3
        )
        let anywhere = ServerVersion(timestamp: random.next(), tieBreak: random.next())
        lines.append(
          Acceptance(
            sequence, random.next() % 4 == 0 ? anywhere : near, isAbsorbed: random.next() % 5 == 0))
      }
      let bytes = try body(lines)
      #expect(try read(bytes) == lines, "seed \(seed)")
      let full = lines.map {
        [$0.sequence, $0.version.timestamp, $0.version.tieBreak, $0.isAbsorbed ? 1 : 0]
      }
      #expect(try read(body(full: full)) == lines, "earlier layout, seed \(seed)")
    }
  }

  @Test func `has one encoding: changed bytes are refused or are another content`() throws {
    let seed = testSeed(or: 54)
    var random = SeededRandom(seed: seed)
    let original = try body([
      line(300, 1_795_242_412_377, 67), line(301, 1_795_242_412_377, 68, isAbsorbed: true),
      line(70_000, 1_795_242_412_300, 1_000),
    ])
    var refused = 0
    for _ in 0..<20_000 {
      var bytes = original
      for _ in 0...Int(random.next() % 2) {
        bytes[10 + Int(random.next() % UInt64(bytes.count - 10))] = UInt8(
          truncatingIfNeeded: random.next())
      }
      guard let lines = try? read(bytes) else {
        refused += 1
        continue
      }
      #expect(try body(lines) == bytes, "seed \(seed)")
    }
    #expect((1..<20_000).contains(refused), "seed \(seed)")
  }

  @Test func `of the earlier layout is read as it was`() throws {
    #expect(
      try read(body(full: [[9, 7, 8, 0], [5, .max, 0, 1]]))
        == [line(9, 7, 8), line(5, .max, 0, isAbsorbed: true)])
    #expect(try read(body(full: [])) == [])
    expectDamage(body(full: [[1, 2, 3]]), "three numbers")
    expectDamage(body(full: [[1, 2, 3, 4, 5]]), "five numbers")
  }

  @Test func `is damage in any form that is never written`() throws {
    let largest = Int64(Limits.sequence)
    #expect(try read(body(differences: [largest, 0, 0])).map(\.sequence) == [Limits.sequence])
    expectDamage(body(differences: []), "no line")
    expectDamage(body(differences: [1, 1]), "two thirds of a line")
    expectDamage(body(differences: [1, 1, 1, 1]), "a line and a third")
    expectDamage(body(differences: [0, 1, 1]), "edit 0")
    expectDamage(body(differences: [1, 1, 1, 0, 1, 1]), "an edit twice")
    expectDamage(body(differences: [largest + 1, 0, 0]), "a sequence beyond the last")
    expectDamage(body(differences: [largest, 0, 0, -1, 0, 0]), "a sum beyond the last")
    expectDamage(body(differences: [.max, 0, 0]), "the largest step")
    expectDamage(body(differences: [.min, 0, 0]), "the smallest step")
    expectDamage(body(full: [[1, 1, 1, 0]], differences: [1, 1, 1]), "both layouts")
    expectDamage(BodyBuilder().finish(), "neither layout")
    // A map of the member alone, written by hand: a text, and a count of lines that are not there.
    expectDamage([0xA1, 0x18, 0x36, 0x61, 0x61], "a text")
    expectDamage([0xA1, 0x18, 0x36, 0x9A, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], "a count over the end")
    expectDamage([0xA1, 0x18, 0x36, 0x83, 0x18, 0x01, 0x00, 0x00], "a head that is not shortest")
    expectDamage([0xA1, 0x18, 0x36, 0x83, 0x01, 0xF9, 0, 0, 0x00], "a float")
  }

  @Test func `is not written out of order, twice or beyond the last sequence`() throws {
    for lines in [
      [], [line(0, 1, 1)], [line(2, 1, 1), line(2, 1, 1)], [line(3, 1, 1), line(2, 1, 1)],
      [line(Limits.sequence + 1, 1, 1)], [line(.max, 1, 1)],
    ] {
      let error = #expect(throws: JournalError.self) { _ = try body(lines) }
      #expect(error?.code == "invalid-input")
    }
  }

  @Test func `names the edits an island keeps it for, in both layouts`() throws {
    for bytes in [
      try body([line(5, 1, 1), line(9, 1, 2)]), body(full: [[5, 1, 1, 0], [9, 1, 2, 0]]),
    ] {
      let edits = try bytes.withUnsafeBytes { try Islands.edits(of: .accepted, Body($0)) }
      #expect(edits == [5...5, 9...9])
    }
  }
}
