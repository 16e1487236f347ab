/// The names an object has had so far: a short list is searched, a long one hashed, so that an
/// object with a hundred thousand members costs no more per member than a small one.
struct SeenNames {
  private enum Name {
    case lent(UnsafeRawBufferPointer)
    case copied([UInt8])
  }

  private static let listLimit = 32

  private var list: [Name] = []
  private var set: Set<[UInt8]> = []

  /// Adds a name, which is either lent for as long as this lives or a copy.
  ///
  /// Returns the name as text when it was there already.
  mutating func insert(_ lent: UnsafeRawBufferPointer, copied: [UInt8]?) -> String? {
    if list.count < Self.listLimit {
      if list.isEmpty { list.reserveCapacity(8) }
      let isKnown = list.contains { Self.isEqual($0, lent, copied) }
      list.append(copied.map { .copied($0) } ?? .lent(lent))
      return isKnown ? Self.text(lent, copied) : nil
    }
    if set.isEmpty {
      for case .lent(let bytes) in list { set.insert([UInt8](bytes)) }
      for case .copied(let bytes) in list { set.insert(bytes) }
    }
    return set.insert(copied ?? [UInt8](lent)).inserted ? nil : Self.text(lent, copied)
  }

  private static func isEqual(
    _ name: Name, _ lent: UnsafeRawBufferPointer, _ copied: [UInt8]?
  ) -> Bool {
    switch (name, copied) {
    case (.lent(let known), nil): known.count == lent.count && ByteOrder.compare(known, lent) == 0
    case (.lent(let known), let copied?): known.elementsEqual(copied)
    case (.copied(let known), nil): known.elementsEqual(lent)
    case (.copied(let known), let copied?): known == copied
    }
  }

  private static func text(_ lent: UnsafeRawBufferPointer, _ copied: [UInt8]?) -> String {
    copied?.withUnsafeBytes(TextScan.excerpt) ?? TextScan.excerpt(lent)
  }
}
