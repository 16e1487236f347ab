/// A block's rows: its plain bytes and where in them keys and payloads stand.
final class PackRows {
  let bytes: [UInt8]
  private(set) var places: [(key: Range<Int>, payload: Range<Int>)] = []

  init(_ bytes: [UInt8], _ block: PackFormat.Block) throws(JournalError) {
    self.bytes = bytes
    let places: Result<[(key: Range<Int>, payload: Range<Int>)], JournalError> =
      bytes.withUnsafeBytes { bytes in
        Result { () throws(JournalError) in try Self.locate(bytes, block) }
      }
    self.places = try places.get()
  }

  private static func locate(
    _ bytes: UnsafeRawBufferPointer, _ block: PackFormat.Block
  ) throws(JournalError) -> [(key: Range<Int>, payload: Range<Int>)] {
    var places: [(key: Range<Int>, payload: Range<Int>)] = []
    var reader = RowReader(bytes)
    while reader.remaining > 0 {
      let keyBytes = Int(try reader.integer(UInt16.self))
      let payloadBytes = Int(try reader.integer(UInt32.self))
      let start = reader.offset
      let key = try reader.take(keyBytes)
      _ = try reader.take(payloadBytes)
      guard Row.keyLengths.contains(keyBytes),
        places.last.map({
          UnsafeRawBufferPointer(rebasing: bytes[$0.key]).lexicographicallyPrecedes(key)
        }) ?? key.elementsEqual(block.firstKey)
      else { throw .damaged("the rows of a block of the pack are out of order") }
      places.append((start..<start + keyBytes, start + keyBytes..<reader.offset))
    }
    if let last = places.last, let next = block.nextKey,
      !UnsafeRawBufferPointer(rebasing: bytes[last.key]).lexicographicallyPrecedes(next)
    {
      throw .damaged("the rows of a block of the pack reach into the next block")
    }
    guard places.count == Int(block.rows) else {
      throw .damaged("a block of the pack has \(places.count) rows, not \(block.rows)")
    }
    return places
  }

  /// The first row whose key is not below `key`.
  func lowerBound(_ key: UnsafeRawBufferPointer) -> Int {
    bytes.withUnsafeBytes { bytes in
      var low = 0
      var high = places.count
      while low < high {
        let middle = (low + high) / 2
        if bytes[places[middle].key].lexicographicallyPrecedes(key) {
          low = middle + 1
        } else {
          high = middle
        }
      }
      return low
    }
  }

  func withRow<R>(
    _ index: Int, _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> R
  ) rethrows -> R {
    try bytes.withUnsafeBytes { bytes in
      try body(
        UnsafeRawBufferPointer(rebasing: bytes[places[index].key]),
        UnsafeRawBufferPointer(rebasing: bytes[places[index].payload]))
    }
  }
}
