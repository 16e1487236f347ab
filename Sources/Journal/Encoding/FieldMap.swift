/// Works on records in their stored form, a deterministic CBOR map with text keys, without decoding
/// the values. Everything checks what it passes over and costs one pass over its input.
///
/// Depth is checked only as far as the stack asks: the map's writer has checked the format's limit.
package enum FieldMap {
  /// Calls `body` for each member in key order; the ranges count from the map's first byte.
  ///
  /// `key` is the UTF-8 of the name, `keyItem` the encoded name, `value` the encoded value.
  ///
  /// - Throws: ``JournalError/damaged(_:)``, and what `body` throws.
  package static func members(
    of map: UnsafeRawBufferPointer,
    _ body: (_ key: Range<Int>, _ keyItem: Range<Int>, _ value: Range<Int>) throws -> Void
  ) throws {
    var cursor = try FieldCursor(map)
    while let member = try cursor.next() {
      try body(member.key, member.keyItem, member.value)
    }
  }

  /// The base map with the members of `set` added or put in place, and without the names in
  /// `unset`, be they in `base` or in `set`. Nothing is an empty map.
  ///
  /// - Throws: ``JournalError/damaged(_:)`` when a map is not deterministic CBOR.
  package static func merge(
    base: UnsafeRawBufferPointer?, set: UnsafeRawBufferPointer?, unset: [UnsafeRawBufferPointer]
  ) throws(JournalError) -> [UInt8] {
    var writer = CBORWriter(reserving: (base?.count ?? 1) + (set?.count ?? 0))
    var unset = NameFilter(unset)
    var count = 0
    let start = writer.open()
    try walk(base, set) { old, new, base, set throws(JournalError) in
      guard let (member, source) = new.map({ ($0, set) }) ?? old.map({ ($0, base) }),
        !unset.contains(source.part(member.key))
      else { return }
      writer.raw(source.part(member.keyItem.lowerBound..<member.value.upperBound))
      count += 1
    }
    writer.close(CBORMajor.map, at: start, count: count)
    return writer.bytes
  }

  /// The range of a member's encoded value, or nil. Reads no further than it has to.
  ///
  /// - Throws: ``JournalError/damaged(_:)`` when the map breaks the format before that.
  package static func value(
    named name: UnsafeRawBufferPointer, in map: UnsafeRawBufferPointer
  ) throws(JournalError) -> Range<Int>? {
    var cursor = try FieldCursor(map)
    while let member = try cursor.next() {
      let order = ByteOrder.compareKeys(map.part(member.key), name)
      if order == 0 { return member.value }
      if order > 0 { return nil }
    }
    return nil
  }

  /// The range of a member's encoded value, or nil. Reads no further than it has to.
  package static func value(
    named name: String, in map: UnsafeRawBufferPointer
  ) throws(JournalError) -> Range<Int>? {
    try ByteOrder.withUTF8(of: name) { name in
      Result { () throws(JournalError) in try value(named: name, in: map) }
    }.get()
  }

  /// The names whose encoded value differs or that only one map has, in key order (shorter names
  /// first). Nothing is an empty map.
  ///
  /// - Throws: ``JournalError/damaged(_:)`` when a map is not deterministic CBOR.
  package static func changedNames(
    from old: UnsafeRawBufferPointer?, to new: UnsafeRawBufferPointer?
  ) throws(JournalError) -> [String] {
    var names: [String] = []
    try walk(old, new) { left, right, old, new throws(JournalError) in
      switch (left, right) {
      case (let left?, let right?):
        if ByteOrder.compare(old.part(left.value), new.part(right.value)) != 0 {
          names.append(String(decoding: old.part(left.key), as: UTF8.self))
        }
      case (let left?, nil): names.append(String(decoding: old.part(left.key), as: UTF8.self))
      case (nil, let right?): names.append(String(decoding: new.part(right.key), as: UTF8.self))
      case (nil, nil): break
      }
    }
    return names
  }

  /// What makes one map of another: the members of `new` that `old` has not, or has with another
  /// value, as a map, and the names only `old` has.
  ///
  /// - Throws: ``JournalError/damaged(_:)`` when a map is not deterministic CBOR.
  package static func difference(
    from old: UnsafeRawBufferPointer, to new: UnsafeRawBufferPointer
  ) throws(JournalError) -> (set: [UInt8]?, unset: [String]) {
    var writer = CBORWriter(reserving: new.count)
    var unset: [String] = []
    var count = 0
    let start = writer.open()
    try walk(old, new) { left, right, old, new throws(JournalError) in
      guard let right else {
        if let left { unset.append(String(decoding: old.part(left.key), as: UTF8.self)) }
        return
      }
      if let left, ByteOrder.isEqual(old.part(left.value), new.part(right.value)) { return }
      writer.raw(new.part(right.keyItem.lowerBound..<right.value.upperBound))
      count += 1
    }
    writer.close(CBORMajor.map, at: start, count: count)
    return (count > 0 ? writer.bytes : nil, unset)
  }

  /// Steps through two maps at once, as a merge sort does: members of one name come together.
  private static func walk(
    _ left: UnsafeRawBufferPointer?, _ right: UnsafeRawBufferPointer?,
    _ body: (
      FieldCursor.Member?, FieldCursor.Member?, UnsafeRawBufferPointer, UnsafeRawBufferPointer
    ) throws(JournalError) -> Void
  ) throws(JournalError) {
    var leftCursor = try FieldCursor(left)
    var rightCursor = try FieldCursor(right)
    var first = try leftCursor.next()
    var second = try rightCursor.next()
    while first != nil || second != nil {
      var order = first == nil ? 1 : -1
      if let first, let second {
        order = ByteOrder.compareKeys(
          leftCursor.bytes.part(first.key), rightCursor.bytes.part(second.key))
      }
      try body(
        order <= 0 ? first : nil, order >= 0 ? second : nil, leftCursor.bytes, rightCursor.bytes)
      if order <= 0 { first = try leftCursor.next() }
      if order >= 0 { second = try rightCursor.next() }
    }
  }

  /// Names to leave out, asked for in key order.
  private struct NameFilter {
    private let names: [UnsafeRawBufferPointer]
    private var index = 0

    init(_ names: [UnsafeRawBufferPointer]) {
      self.names =
        names.count < 2 ? names : names.sorted { ByteOrder.compareKeys($0, $1) < 0 }
    }

    mutating func contains(_ name: UnsafeRawBufferPointer) -> Bool {
      while index < names.count {
        let order = ByteOrder.compareKeys(names[index], name)
        if order >= 0 { return order == 0 }
        index += 1
      }
      return false
    }
  }
}
