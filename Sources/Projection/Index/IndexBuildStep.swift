import Journal

/// Makes an index's rows for some more records, in a transaction that others wait for.
struct IndexBuildStep {
  private let index: IndexCatalog.Index
  private let limit: Int
  private(set) var isReady = false

  /// - Parameter limit: The records to look at.
  init(_ index: IndexCatalog.Index, limit: Int) {
    self.index = index
    self.limit = limit
  }

  mutating func run(_ transaction: WriteTransaction) throws {
    guard case .building(let position, let done, let total) = index.build else {
      isReady = true
      return
    }
    var last = position
    var seen = 0
    var reachedEnd = true
    let prefix = index.collectionPrefix
    try transaction.scan(.records, from: position.isEmpty ? prefix : position) { key, payload in
      guard key.starts(with: prefix) else { return false }
      if key.elementsEqual(position) { return true }
      guard seen < limit else {
        reachedEnd = false
        return false
      }
      seen += 1
      last = [UInt8](key)
      if let fields = try IndexMaintainer.fields(payload) {
        for row in try index.rows.rows(of: fields, key[prefix.count...]) {
          try transaction.put(.indexes, key: row.key, payload: row.payload)
        }
      }
      return true
    }
    isReady = reachedEnd
    let build: IndexBuild =
      reachedEnd
      ? .ready
      : .building(through: last, done: done + UInt64(seen), total: max(total, done + UInt64(seen)))
    try transaction.put(
      .meta, key: [UInt8](MetaKey.indexBuild(index.number).utf8), payload: build.encoded)
  }
}
