/// A member's name as it is compared: its length and its first eight bytes in one word each.
///
/// Deterministic CBOR orders names by length, then by bytes, so that most pairs are told apart by
/// these two numbers and names of up to eight bytes always are.
struct MapName {
  var length: Int
  /// The first eight bytes, most significant first, zeros behind a shorter name.
  var word: UInt64

  private init(length: Int, word: UInt64) {
    self.length = length
    self.word = word
  }

  @inline(__always)
  init(_ name: UnsafeRawBufferPointer) {
    length = name.count
    if name.count >= 8 {
      word = UInt64(bigEndian: name.loadUnaligned(as: UInt64.self))
      return
    }
    word = 0
    var shift: UInt64 = 56
    for byte in name {
      word |= UInt64(byte) << shift
      shift &-= 8
    }
  }

  /// A name inside larger bytes, which are loaded eight at a time. The range must lie inside them.
  @inline(__always)
  init(_ bytes: UnsafeRawBufferPointer, at offset: Int, length: Int) {
    guard bytes.count - offset >= 8, length > 0 else {
      self.init(bytes.part(offset..<offset + length))
      return
    }
    let loaded = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    self.init(
      length: length,
      word: length >= 8 ? loaded : loaded & (UInt64.max << UInt64(64 - 8 * length)))
  }
}
