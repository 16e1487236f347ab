import Journal

/// What is left of indexes that are declared no more: some rows at a time, and then how far they were made.
struct IndexRemains {
  /// The rows found at a time.
  static let limit = 1_000

  private(set) var rows: [[UInt8]] = []
  private(set) var builds: [[UInt8]] = []

  var isEmpty: Bool { rows.isEmpty && builds.isEmpty }

  init(_ storage: any StorageReader) throws {
    let catalog = try IndexCatalog(storage)
    try findRows(storage, keeping: Set(catalog.indexes.map { $0.rows.prefix }))
    guard rows.isEmpty else { return }
    let kept = Set(catalog.indexes.map { MetaKey.indexBuild($0.number) })
    builds = try storage.metaRows(prefix: MetaKey.indexBuilds).map(\.key)
      .filter { !kept.contains($0) }.map { [UInt8]($0.utf8) }
  }

  private mutating func findRows(
    _ storage: any StorageReader, keeping kept: Set<[UInt8]>
  ) throws {
    var from: [UInt8]? = []
    while let start = from, rows.count < Self.limit {
      from = nil
      try storage.scan(.indexes, from: start) { key, _ in
        let prefix = Array(key.prefix(IndexRows.prefixBytes))
        guard kept.contains(prefix) else {
          rows.append([UInt8](key))
          return rows.count < Self.limit
        }
        // On to what stands behind an index that stays.
        from = KeyRange.successor(of: prefix)
        return false
      }
    }
  }

  func remove(_ context: AppendContext) throws {
    for key in rows { try context.delete(.indexes, key) }
    for key in builds { try context.delete(.meta, key) }
  }
}
