import Journal

/// Records with changes on top that are not written yet: what a migration step reads.
final class OverlaidRecords: RecordSource {
  private let base: any RecordSource
  /// By row key; nil where the step deletes the record.
  private var changed: [[UInt8]: [UInt8]?] = [:]

  init(_ base: any RecordSource) {
    self.base = base
  }

  func set(_ rowKey: [UInt8], _ fields: [UInt8]?) {
    changed[rowKey] = .some(fields)
  }

  func visible(_ rowKey: [UInt8]) throws -> [UInt8]? {
    if let own = changed[rowKey] { return own }
    return try base.visible(rowKey)
  }

  func withVisible<R>(
    _ rowKey: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> R
  ) throws -> R? {
    guard let own = changed[rowKey] else { return try base.withVisible(rowKey, body) }
    return try own.map { try $0.withUnsafeBytes { try body($0) } }
  }

  func keys(_ rowKey: [UInt8]) throws -> Aliases.Row { try base.keys(rowKey) }

  func last(_ rowKey: [UInt8]) throws -> SequenceNumber { try base.last(rowKey) }

  func scan(
    prefix: [UInt8], after last: [UInt8]?,
    _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Bool
  ) throws {
    let own = changed.keys.filter { key in
      key.starts(with: prefix) && last.map { $0.lexicographicallyPrecedes(key) } ?? true
    }.sorted { $0.lexicographicallyPrecedes($1) }
    var next = 0
    func lendOwn() throws -> Bool {
      let key = own[next]
      next += 1
      guard let fields = changed[key] ?? nil else { return true }
      return try key.withUnsafeBytes { key in try fields.withUnsafeBytes { try body(key, $0) } }
    }
    var goesOn = true
    try base.scan(prefix: prefix, after: last) { rowKey, fields in
      while goesOn, next < own.count, own[next].lexicographicallyPrecedes(rowKey) {
        goesOn = try lendOwn()
      }
      guard goesOn else { return false }
      let isOwn = next < own.count && own[next].elementsEqual(rowKey)
      goesOn = try isOwn ? lendOwn() : body(rowKey, fields)
      return goesOn
    }
    while goesOn, next < own.count { goesOn = try lendOwn() }
  }
}
