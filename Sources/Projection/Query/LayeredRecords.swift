import Journal

/// Records in memory on top of a source: what a write has changed so far, or collections that are
/// kept in memory.
struct LayeredRecords: RecordSource {
  struct Row: Sendable {
    /// nil: the record does not exist.
    var fields: [UInt8]?
    /// The last change of the record; nil asks the source below.
    var last: SequenceNumber?
  }

  let below: any RecordSource
  let rows: [[UInt8]: Row]
  /// The beginnings of row keys of which nothing below is seen.
  var hidden: [[UInt8]] = []

  private func isHidden(_ rowKey: some Collection<UInt8>) -> Bool {
    hidden.contains { rowKey.starts(with: $0) }
  }

  func visible(_ rowKey: [UInt8]) throws -> [UInt8]? {
    if let row = rows[rowKey] { return row.fields }
    return isHidden(rowKey) ? nil : try below.visible(rowKey)
  }

  func withVisible<R>(
    _ rowKey: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> R
  ) throws -> R? {
    if let row = rows[rowKey] {
      return try row.fields.map { try $0.withUnsafeBytes { try body($0) } }
    }
    return isHidden(rowKey) ? nil : try below.withVisible(rowKey, body)
  }

  /// No index knows of a record that lies on top.
  func indexRows(under prefix: [UInt8]) -> (any StorageReader)? {
    guard !hidden.contains(prefix), !rows.contains(where: { $0.key.starts(with: prefix) }) else {
      return nil
    }
    return below.indexRows(under: prefix)
  }

  func keys(_ rowKey: [UInt8]) throws -> Aliases.Row {
    isHidden(rowKey) ? Aliases.Row() : try below.keys(rowKey)
  }

  func last(_ rowKey: [UInt8]) throws -> SequenceNumber {
    if let last = rows[rowKey]?.last { return last }
    return isHidden(rowKey) ? 0 : try below.last(rowKey)
  }

  /// Sorts the rows in memory that are meant, and merges them with the ones below.
  func scan(
    prefix: [UInt8], after last: [UInt8]?,
    _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Bool
  ) throws {
    let own = rows.filter { row in
      row.key.starts(with: prefix) && (last?.lexicographicallyPrecedes(row.key) ?? true)
    }.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    var next = 0
    /// Lends the own rows before a key, or all; false when `body` wants no more.
    func lend(before key: UnsafeRawBufferPointer?) throws -> Bool {
      while next < own.count, key.map({ own[next].key.lexicographicallyPrecedes($0) }) ?? true {
        defer { next += 1 }
        guard try lendRow(own[next], body) else { return false }
      }
      return true
    }
    var goesOn = true
    if !hidden.contains(where: { prefix.starts(with: $0) }) {
      try below.scan(prefix: prefix, after: last) { key, fields in
        goesOn = try lend(before: key)
        guard goesOn else { return false }
        if next < own.count, own[next].key.elementsEqual(key) {
          defer { next += 1 }
          goesOn = try lendRow(own[next], body)
        } else if !isHidden(key) {
          goesOn = try body(key, fields)
        }
        return goesOn
      }
    }
    if goesOn { _ = try lend(before: nil) }
  }

  private func lendRow(
    _ row: (key: [UInt8], value: Row),
    _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Bool
  ) throws -> Bool {
    guard let fields = row.value.fields else { return true }
    return try row.key.withUnsafeBytes { key in
      try fields.withUnsafeBytes { try body(key, $0) }
    }
  }
}
