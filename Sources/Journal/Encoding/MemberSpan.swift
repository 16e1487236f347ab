/// Where one member of an object stands in an output that is being written.
///
/// Objects are written in the order of their source and put in order afterwards by moving bytes:
/// that needs neither a tree of values nor a buffer per object.
struct MemberSpan {
  /// The name, in whatever buffer the names are compared in.
  var key: Range<Int>
  /// The whole member in the output.
  var span: Range<Int>
  /// Where the name stands in the source, for error messages.
  var source: Int
}

extension [MemberSpan] {
  /// How names are ordered.
  enum NameOrder {
    /// Shorter names first, as deterministic CBOR has it.
    case lengthFirst
    /// By bytes, as JSON text has it.
    case bytewise
  }

  /// Sorts the members from `base` on by their names; returns whether any had to move.
  mutating func arrange(
    from base: Int, names: UnsafeRawBufferPointer, _ order: NameOrder
  ) -> Bool {
    var isOrdered = true
    for index in Swift.min(base + 1, count)..<count where isOrdered {
      isOrdered = Self.compare(self[index - 1], self[index], names, order) <= 0
    }
    if isOrdered { return false }
    if count - base > 16 {
      self[base...].sort { Self.compare($0, $1, names, order) < 0 }
      return true
    }
    for index in base + 1..<count {
      let member = self[index]
      var place = index
      while place > base, Self.compare(member, self[place - 1], names, order) < 0 {
        self[place] = self[place - 1]
        place -= 1
      }
      self[place] = member
    }
    return true
  }

  /// The later one of two neighbours with the same name, once the members are in order.
  func duplicate(from base: Int, names: UnsafeRawBufferPointer) -> MemberSpan? {
    for index in Swift.min(base + 1, count)..<count {
      let (left, right) = (self[index - 1], self[index])
      if left.key.count == right.key.count, Self.compare(left, right, names, .lengthFirst) == 0 {
        return left.source > right.source ? left : right
      }
    }
    return nil
  }

  /// Moves the members' bytes into the order the members from `base` on have now. Together they
  /// must fill one stretch of `output`.
  func move(from base: Int, in output: inout [UInt8]) {
    let start = self[base...].reduce(Int.max) { Swift.min($0, $1.span.lowerBound) }
    let end = self[base...].reduce(0) { Swift.max($0, $1.span.upperBound) }
    withUnsafeTemporaryAllocation(byteCount: end - start, alignment: 1) { ordered in
      output.withUnsafeMutableBytes { output in
        var position = 0
        for member in self[base...] {
          UnsafeMutableRawBufferPointer(
            rebasing: ordered[position..<position + member.span.count]
          ).copyMemory(from: UnsafeRawBufferPointer(rebasing: output[member.span]))
          position += member.span.count
        }
        UnsafeMutableRawBufferPointer(rebasing: output[start..<end])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: ordered[..<position]))
      }
    }
  }

  @inline(__always)
  private static func compare(
    _ left: MemberSpan, _ right: MemberSpan, _ names: UnsafeRawBufferPointer, _ order: NameOrder
  ) -> Int {
    let (left, right) = (names.part(left.key), names.part(right.key))
    return order == .bytewise
      ? ByteOrder.compare(left, right) : ByteOrder.compareKeys(left, right)
  }
}
