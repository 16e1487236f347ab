import Journal
import Testing

@Suite("Tree hash")
struct TreeHashTests {
  @Test("the empty tree, the empty leaf and a node hash to their published values")
  func publishedValues() throws {
    let leaf = [UInt8]().withUnsafeBytes(TreeHash.leaf)
    #expect(TreeHash.empty.description == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
    #expect(leaf.description == "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=")
    let second = [UInt8(0)].withUnsafeBytes(TreeHash.leaf)
    #expect(
      TreeHash.node(leaf, second).description == "+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU=")
  }

  @Test("bytes go in and come out unchanged, from any collection")
  func bytesRoundTrip() throws {
    let bytes = (0..<32).map { UInt8($0 * 7) }
    let hash = try #require(TreeHash(bytes: bytes))
    #expect(hash.bytes == bytes)
    #expect(TreeHash(bytes: bytes.lazy.map { $0 }) == hash)
    #expect(bytes.withUnsafeBytes { TreeHash(bytes: $0) } == hash)
    var appended: [UInt8] = [9]
    hash.append(to: &appended)
    #expect(appended == [9] + bytes)
  }

  @Test("any other number of bytes than 32 is refused", arguments: [0, 1, 31, 33, 64])
  func wrongByteCounts(count: Int) {
    let bytes = [UInt8](repeating: 1, count: count)
    #expect(TreeHash(bytes: bytes) == nil)
    #expect(TreeHash(bytes: bytes.lazy.map { $0 }) == nil)
    #expect(bytes.withUnsafeBytes { TreeHash(bytes: $0) } == nil)
  }

  @Test("the text form parses back and has one spelling")
  func textRoundTrip() {
    let text = TreeHash.empty.description
    #expect(TreeHash(text) == .empty)
    let misspelt = [
      "", String(text.dropLast()), text + "=", text + "\n", " " + text,
      text.replacing("/", with: "_"), text.replacing("+", with: "-"),
      // The same 32 bytes with an unused bit set.
      text.replacing("FU=", with: "FV="),
      String(text.dropLast()) + "A", "====" + text.dropFirst(4),
    ]
    for spelling in misspelt {
      #expect(TreeHash(spelling) == nil, "\(spelling)")
    }
  }

  @Test("hashes of all bits differ from one another")
  func everyBitCounts() throws {
    var hashes: Set<TreeHash> = []
    for bit in 0..<256 {
      var bytes = [UInt8](repeating: 0, count: 32)
      bytes[bit / 8] = 1 << UInt8(bit % 8)
      hashes.insert(try #require(TreeHash(bytes: bytes)))
    }
    #expect(hashes.count == 256)
  }
}
