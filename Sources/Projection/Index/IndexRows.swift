import Journal

/// What an index keeps of one record: a row per value, under number, values and record key.
///
/// The payload says how long the values are, and whether they are there in full.
struct IndexRows {
  let number: SequenceNumber
  let definition: IndexDefinition

  static let payloadBytes = 3
  /// Elements of an array beyond which it has one row, by which the record itself is asked: somebody else's
  /// array must not make a write endless.
  static let maximumElements = 1_000

  /// The bytes every row of the index begins with.
  var prefix: [UInt8] { Self.prefix(number) }

  static func prefix(_ number: SequenceNumber) -> [UInt8] {
    Array([UInt8](sequence: number).dropFirst(2))
  }

  static let prefixBytes = 6

  /// A row: its key, and the payload.
  struct Row: Hashable {
    var key: [UInt8]
    var payload: [UInt8]
  }

  /// The rows of a record with these fields.
  ///
  /// - Parameter recordKey: The bytes of the record's key in its collection.
  func rows(
    of fields: UnsafeRawBufferPointer, _ recordKey: some Collection<UInt8>
  ) throws -> [Row] {
    guard let each = definition.each else {
      return [try row(of: fields, recordKey)]
    }
    var elements = try elements(of: fields, at: each)
    if elements.count > Self.maximumElements { elements = [.other] }
    var rows: Set<Row> = []
    for element in elements {
      rows.insert(row(try values(of: fields, element: element), recordKey))
    }
    return Array(rows)
  }

  /// The row of a record with these fields, of an index that has one of each.
  func row(
    of fields: UnsafeRawBufferPointer, _ recordKey: some Collection<UInt8>
  ) throws -> Row {
    row(try values(of: fields, element: nil), recordKey)
  }

  private func row(_ values: consuming IndexKey, _ recordKey: some Collection<UInt8>) -> Row {
    let length = values.bytes.count - Self.prefixBytes
    let isExact = values.isExact
    var key = values.takeBytes()
    key.append(contentsOf: recordKey)
    return Row(
      key: key,
      payload: [
        isExact ? 1 : 0, UInt8(truncatingIfNeeded: length >> 8),
        UInt8(truncatingIfNeeded: length),
      ])
  }

  enum Element {
    case value(Range<Int>)
    /// What is looked for may be in the field though no row says so: it is a text, which has parts, or has too
    /// many elements.
    case other
  }

  private func values(of fields: UnsafeRawBufferPointer, element: Element?) throws -> IndexKey {
    // Room for short values and the record's key.
    var key = IndexKey(prefix, reserving: 96)
    for (position, name) in definition.fields.enumerated() {
      switch element {
      case .value(let range)? where position == definition.each:
        try key.append(encoded: UnsafeRawBufferPointer(rebasing: fields[range]))
      case .other? where position == definition.each:
        key.end(tag: IndexKey.Tag.other)
      default:
        if let range = try FieldMap.value(named: name, in: fields) {
          try key.append(encoded: UnsafeRawBufferPointer(rebasing: fields[range]))
        } else {
          key.append(tag: IndexKey.Tag.missing)
        }
      }
    }
    return key
  }

  func elements(of fields: UnsafeRawBufferPointer, at each: Int) throws -> [Element] {
    guard let range = try FieldMap.value(named: definition.fields[each], in: fields) else {
      return []
    }
    let value = UnsafeRawBufferPointer(rebasing: fields[range])
    var reader = CBORReader(value)
    switch try reader.peekMajor() {
    case 3: return [.other]
    case 4: break
    default: return []
    }
    return try (0..<(try reader.arrayCount())).map { _ in
      let element = try reader.skip(maxDepth: Limits.depth)
      return .value(
        range.lowerBound + element.lowerBound..<range.lowerBound + element.upperBound)
    }
  }
}

extension IndexRows.Row {
  /// The length of number and values in the key, and whether the values are there in full.
  ///
  /// - Throws: `JournalError.damaged` for a row no index has.
  static func values(
    _ key: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer
  ) throws -> (bytes: Int, isExact: Bool) {
    guard payload.count == IndexRows.payloadBytes, payload[0] < 2 else {
      throw JournalError.damaged("a row of an index is malformed; run `journal verify`")
    }
    let bytes = IndexRows.prefixBytes + Int(payload[1]) << 8 + Int(payload[2])
    guard bytes < key.count else {
      throw JournalError.damaged("a row of an index names no record; run `journal verify`")
    }
    return (bytes, payload[0] == 1)
  }
}
