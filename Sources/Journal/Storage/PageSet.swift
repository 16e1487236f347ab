/// A set of page numbers; its memory follows what is in it, not the largest number.
struct PageSet {
  private var words: [UInt64: UInt64] = [:]
  private(set) var count: UInt64 = 0

  /// False when the number was in the set already.
  mutating func insert(_ number: UInt64) -> Bool {
    let bit: UInt64 = 1 << (number & 63)
    let word = words[number >> 6, default: 0]
    guard word & bit == 0 else { return false }
    words[number >> 6] = word | bit
    count += 1
    return true
  }

  func contains(_ number: UInt64) -> Bool {
    words[number >> 6, default: 0] & (1 << (number & 63)) != 0
  }
}
