/// Rows by key, kept in a few large pieces of memory: what a fold in memory holds its records in.
///
/// Keys and payloads lie one behind the other in chunks, found by hashed keys in one table of
/// indices. A row costs its bytes and about forty more; a dictionary of arrays costs two
/// allocations a row. Used by one thread at a time.
package final class FlatRows {
  private struct Place {
    /// Where the key begins; the payload follows it.
    var address: UnsafeMutableRawPointer
    var hash: UInt32
    var keyBytes: UInt32
    var payloadBytes: UInt32
    /// Bytes the payload may grow to in its place.
    var room: UInt32

    var key: UnsafeRawBufferPointer {
      UnsafeRawBufferPointer(start: address, count: Int(keyBytes))
    }
    var payload: UnsafeRawBufferPointer {
      UnsafeRawBufferPointer(start: address + Int(keyBytes), count: Int(payloadBytes))
    }
  }

  private static let chunkBytes = 1 << 20

  // SAFETY: one thread at a time uses these rows, and no two accesses of a member overlap: the
  // check at run time of each of them would cost more than finding a row.
  @exclusivity(unchecked) private var places: [Place] = []
  /// Indices into `places` plus one, by hash; 0 is free. Its length is a power of two.
  @exclusivity(unchecked) private var slots = [UInt32](repeating: 0, count: 64)
  private var chunks: [UnsafeMutableRawPointer] = []
  @exclusivity(unchecked) private var free: UnsafeMutableRawPointer?
  @exclusivity(unchecked) private var freeBytes = 0
  /// Bytes of all chunks.
  private(set) var bytes = 0
  /// The row found last, which is usually the one stored next.
  @exclusivity(unchecked) private var lastFound = -1

  package init() {}

  deinit {
    for chunk in chunks { chunk.deallocate() }
  }

  /// The number of rows.
  package var count: Int { places.count }

  /// Lends the payload of a row; the pointer ends with the next row stored.
  func withPayload(
    _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer?) throws -> Void
  ) rethrows {
    let found = find(key, Self.hash(key))
    lastFound = found
    try body(found < 0 ? nil : places[found].payload)
  }

  /// Stores a row, replacing one with the same key.
  func put(_ key: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer) {
    var index = lastFound
    if index < 0 || ByteOrder.compare(places[index].key, key) != 0 {
      let hash = Self.hash(key)
      index = find(key, hash)
      if index < 0 { return insert(key, hash, payload) }
    }
    if payload.count > Int(places[index].room) {
      let room = payload.count + payload.count / 4
      let address = allocate(key.count + room)
      UnsafeMutableRawBufferPointer(start: address, count: key.count).copyMemory(
        from: places[index].key)
      places[index].address = address
      places[index].room = UInt32(truncatingIfNeeded: room)
    }
    places[index].payloadBytes = UInt32(truncatingIfNeeded: payload.count)
    UnsafeMutableRawBufferPointer(
      start: places[index].address + key.count, count: payload.count
    ).copyMemory(from: payload)
  }

  private func insert(
    _ key: UnsafeRawBufferPointer, _ hash: UInt32, _ payload: UnsafeRawBufferPointer
  ) {
    let address = allocate(key.count + payload.count)
    let bytes = UnsafeMutableRawBufferPointer(start: address, count: key.count + payload.count)
    bytes.copyMemory(from: key)
    UnsafeMutableRawBufferPointer(rebasing: bytes[key.count...]).copyMemory(from: payload)
    lastFound = places.count
    places.append(
      Place(
        address: address, hash: hash, keyBytes: UInt32(truncatingIfNeeded: key.count),
        payloadBytes: UInt32(truncatingIfNeeded: payload.count),
        room: UInt32(truncatingIfNeeded: payload.count)))
    if places.count * 2 > slots.count {
      slots = [UInt32](repeating: 0, count: slots.count * 2)
      for index in places.indices { occupy(places[index].hash, index) }
    } else {
      occupy(hash, places.count - 1)
    }
  }

  private func occupy(_ hash: UInt32, _ index: Int) {
    let mask = slots.count - 1
    var slot = Int(hash) & mask
    while slots[slot] != 0 { slot = (slot + 1) & mask }
    slots[slot] = UInt32(truncatingIfNeeded: index + 1)
  }

  private func find(_ key: UnsafeRawBufferPointer, _ hash: UInt32) -> Int {
    let mask = slots.count - 1
    var slot = Int(hash) & mask
    while slots[slot] != 0 {
      let index = Int(slots[slot]) - 1
      if places[index].hash == hash, ByteOrder.compare(places[index].key, key) == 0 {
        return index
      }
      slot = (slot + 1) & mask
    }
    return -1
  }

  // Swift's hasher is seeded anew in each process: nobody can prepare keys that collide. Nothing
  // that is stored or compared depends on it.
  private static func hash(_ key: UnsafeRawBufferPointer) -> UInt32 {
    var hasher = Hasher()
    hasher.combine(bytes: key)
    return UInt32(truncatingIfNeeded: hasher.finalize())
  }

  private func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
    if let address = free, bytes <= freeBytes {
      free = address + bytes
      freeBytes -= bytes
      return address
    }
    let size = max(bytes, Self.chunkBytes)
    let chunk = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
    chunks.append(chunk)
    self.bytes += size
    // What is left of the chunk before is given up, unless the row has one for itself.
    if size - bytes >= freeBytes {
      free = chunk + bytes
      freeBytes = size - bytes
    }
    return chunk
  }
}

extension FlatRows {
  /// The payload of a row, copied; nil when there is none.
  package subscript(key: [UInt8]) -> [UInt8]? {
    var copy: [UInt8]?
    key.withUnsafeBytes { key in withPayload(key) { copy = $0.map { [UInt8]($0) } } }
    return copy
  }

  /// The keys, copied, in no order.
  package var keys: [[UInt8]] { places.map { [UInt8]($0.key) } }

  /// Lends the rows whose key begins with `prefix` in ascending order of their keys, until `body`
  /// returns false. Costs one sort.
  package func forEachSorted(
    prefix: [UInt8] = [],
    _ body: (_ key: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer) throws -> Bool
  ) rethrows {
    var order = [Int](places.indices)
    if !prefix.isEmpty { order.removeAll { !places[$0].key.starts(with: prefix) } }
    order.sort { ByteOrder.compare(places[$0].key, places[$1].key) < 0 }
    for index in order {
      guard try body(places[index].key, places[index].payload) else { return }
    }
  }
}
