/// A member of a map that is being written.
struct WrittenMember {
  var name: MapName
  /// Where the bytes of the name begin.
  var nameOffset: UInt32
  /// Where the member begins and ends in the output.
  var start: UInt32
  var end: UInt32 = 0

  /// Puts the members of one map in order; returns whether they were already.
  static func sort(
    _ own: UnsafeMutableBufferPointer<WrittenMember>, _ bytes: UnsafeRawBufferPointer
  ) throws(EncodingFault) -> Bool {
    var index = 1
    while index < own.count, order(own[index - 1], own[index], bytes) < 0 { index += 1 }
    if index >= own.count { return true }
    if own.count > 16 {
      var own = own
      own.sort { order($0, $1, bytes) < 0 }
    } else {
      while index < own.count {
        let member = own[index]
        var place = index
        while place > 0, order(member, own[place - 1], bytes) < 0 {
          own[place] = own[place - 1]
          place -= 1
        }
        own[place] = member
        index += 1
      }
    }
    for index in 1..<own.count where order(own[index - 1], own[index], bytes) == 0 {
      let start = Int(own[index].nameOffset)
      throw .twice(
        String(decoding: bytes.part(start..<start + own[index].name.length), as: UTF8.self))
    }
    return false
  }

  @inline(__always)
  private static func order(
    _ left: WrittenMember, _ right: WrittenMember, _ bytes: UnsafeRawBufferPointer
  ) -> Int {
    if left.name.length != right.name.length { return left.name.length - right.name.length }
    if left.name.word != right.name.word { return left.name.word < right.name.word ? -1 : 1 }
    // Names of up to eight bytes stand in the word whole.
    if left.name.length <= 8 { return 0 }
    let (one, other) = (Int(left.nameOffset), Int(right.nameOffset))
    return ByteOrder.compare(
      bytes.part(one..<one + left.name.length), bytes.part(other..<other + right.name.length))
  }
}

/// The members of all maps that are being written, those of inner maps last.
struct WrittenMembers: ~Copyable {
  private var memory = UnsafeMutableBufferPointer<WrittenMember>.allocate(capacity: 32)
  /// How many there are; making it smaller forgets the last ones.
  var count = 0

  deinit {
    memory.deallocate()
  }

  @inline(__always)
  mutating func append(_ member: WrittenMember) {
    if count == memory.count { grow() }
    memory.initializeElement(at: count, to: member)
    count += 1
  }

  @inline(never)
  private mutating func grow() {
    let larger = UnsafeMutableBufferPointer<WrittenMember>.allocate(capacity: count * 2)
    _ = larger.moveInitialize(fromContentsOf: memory[..<count])
    memory.deallocate()
    memory = larger
  }

  /// Forgets the last member; returns where it began.
  mutating func removeLast() -> Int {
    count -= 1
    return Int(memory[count].start)
  }

  /// Notes where the members of a map end; lends them until the next one is written.
  func end(from first: Int, at end: Int) -> UnsafeMutableBufferPointer<WrittenMember> {
    let own = UnsafeMutableBufferPointer(rebasing: memory[first..<count])
    var end = UInt32(truncatingIfNeeded: end)
    for index in own.indices.reversed() {
      own[index].end = end
      end = own[index].start
    }
    return own
  }
}
