import Journal

/// What a unique index compares.
extension IndexRows {
  /// The values two records must not have in common; none where one is missing or null, or where the index
  /// allows it.
  func uniqueValues(of fields: UnsafeRawBufferPointer) throws -> [Row] {
    guard definition.isUnique, try hasAllValues(fields) else { return [] }
    return try rows(of: fields, [])
  }

  /// Whether both records have the same values, or the same elements.
  func haveAllInCommon(
    _ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer
  ) throws -> Bool {
    let (values, others) = (try wholeValues(of: one), try wholeValues(of: other))
    return values == others
  }

  /// Whether both records have the same values, or an element with them in common.
  func haveOneInCommon(
    _ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer
  ) throws -> Bool {
    guard try hasAllValues(one), try hasAllValues(other) else { return false }
    return try !wholeValues(of: one).isDisjoint(with: wholeValues(of: other))
  }

  private func hasAllValues(_ fields: UnsafeRawBufferPointer) throws -> Bool {
    for (position, name) in definition.fields.enumerated() {
      guard let range = try FieldMap.value(named: name, in: fields) else { return false }
      var reader = CBORReader(UnsafeRawBufferPointer(rebasing: fields[range]))
      // A text where an array belongs has no elements.
      if position == definition.each, try reader.peekMajor() != 4 { return false }
      if reader.skipNull() { return false }
    }
    return true
  }

  /// The values in full, once for each element: what an index's row may have cut.
  private func wholeValues(of fields: UnsafeRawBufferPointer) throws -> Set<[[UInt8]]> {
    func whole(_ name: String) throws -> [UInt8] {
      guard let range = try FieldMap.value(named: name, in: fields) else { return [] }
      return try comparable(UnsafeRawBufferPointer(rebasing: fields[range]))
    }
    guard let each = definition.each else { return [try definition.fields.map(whole)] }
    return Set(
      try elements(of: fields, at: each).map { element in
        try definition.fields.enumerated().map { position, name in
          guard position == each, case .value(let range) = element else { return try whole(name) }
          return try comparable(UnsafeRawBufferPointer(rebasing: fields[range]))
        }
      })
  }

  /// Bytes that are equal where values are: of what an index keeps in full its own form, so that 1 is 1.0, and of the
  /// rest the stored one.
  private func comparable(_ value: UnsafeRawBufferPointer) throws -> [UInt8] {
    var key = IndexKey()
    try key.append(encoded: value)
    return key.isExact ? key.bytes : [0xFF] + value
  }
}
