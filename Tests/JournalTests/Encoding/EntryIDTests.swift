import Journal
import Synchronization
import TestKit
import Testing

@Suite("Ids")
struct EntryIDTests {
  private let example = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"

  @Test("the text of an id reads back, in either case")
  func text() throws {
    let id = try #require(EntryID(example))
    #expect(id.description == example)
    #expect(EntryID(example.uppercased()) == id)
    #expect(Hex.encode(id.bytes) == example.replacing("-", with: ""))
    #expect(EntryID(bytes: id.bytes) == id)
    #expect(id.bytes.withUnsafeBytes { EntryID(bytes: $0) } == id)
    var written: [UInt8] = [1]
    id.write(into: &written)
    #expect(written == [1] + id.bytes)
    // The UUIDv7 example of RFC 9562, appendix A.6.
    #expect(id.version == 7)
    #expect(id.unixMilliseconds == 0x017F_22E2_79B0)
    #expect(DeviceID(example)?.description == example)
    #expect(EntryID("5c146b14-3c52-8afd-938a-375d0df1fbf6")?.unixMilliseconds == nil)
    #expect(EntryID("017f22e2-79b0-7cc3-18c4-dc0c0c07398f")?.unixMilliseconds == nil)
  }

  @Test(
    "any other spelling is refused",
    arguments: [
      "", "017f22e279b07cc398c4dc0c0c07398f", "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}",
      "017f22e2-79b0-7cc3-98c4-dc0c0c07398", "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
      "017f22e2-79b0-7cc3-98c4+dc0c0c07398f", "017f22e-279b0-7cc3-98c4-dc0c0c07398f",
      " 017f22e2-79b0-7cc3-98c4-dc0c0c07398", "017f22e2-79b0-7cc3-98c4-dc0c0c073９",
    ])
  func refused(_ text: String) {
    #expect(EntryID(text) == nil)
    #expect(DeviceID(text) == nil)
    #expect(EntryID(bytes: [UInt8](repeating: 0, count: 15)) == nil)
    #expect(EntryID(bytes: [UInt8](repeating: 0, count: 17)) == nil)
  }

  @Test("computed ids are UUIDv8 over the digest's first bytes")
  func computed() {
    let id = EntryID.computed(Array(repeating: 0xFF, count: 32))
    #expect(id.description == "ffffffff-ffff-8fff-bfff-ffffffffffff")
    #expect(id.version == 8)
    #expect(DeviceID.random { 0 }.description == "00000000-0000-4000-8000-000000000000")
  }

  @Test("ids order as their bytes do")
  func order() {
    let ids = [(0, 1), (0, .max), (1, 0), (.max, 0)].map { EntryID(high: $0.0, low: $0.1) }
    #expect(ids == ids.reversed().sorted())
    #expect(!(ids[0] < ids[0]))
  }

  @Test("generated ids ascend through a burst, a clock that stands still and one that goes back")
  func generator() {
    let random = Mutex(SeededRandom(seed: 7))
    var generator = EntryIDGenerator(random: { random.withLock { $0.next() } })
    let times =
      [5, 5, 3, 1_700_000_000_000, 9] + Array(repeating: 1_700_000_000_001, count: 20_000)
    var last: EntryID?
    for time in times + [1_700_000_000_002, .max, .max, 0] {
      let id = generator.next(milliseconds: UInt64(time))
      #expect(id.version == 7)
      #expect(id.low >> 62 == 0b10)
      if let last { #expect(last < id) }
      last = id
    }
    #expect(last?.unixMilliseconds == 1 << 48 - 1)
    generator = EntryIDGenerator(random: { 0 })
    #expect(generator.next(milliseconds: 0x017F_22E2_79B0).unixMilliseconds == 0x017F_22E2_79B0)
  }
}
