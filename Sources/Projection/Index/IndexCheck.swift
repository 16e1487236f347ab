import Journal

/// Compares the stored rows of all indexes with the records, one by one.
///
/// Holds nothing: every row a record asks for is looked up, and then the rows are counted.
struct IndexCheck {
  private let reader: JournalReader
  private let catalog: IndexCatalog

  init(_ reader: JournalReader) throws {
    self.reader = reader
    catalog = try IndexCatalog(reader.storage)
  }

  func problems(limit: Int) throws -> [String] {
    guard limit > 0 else { return [] }
    var problems: [String] = []
    if reader.storage.sealer != nil {
      let count = try reader.storage.count(.indexes)
      return count == 0 ? [] : ["an encrypted journal has \(count) rows of indexes in the clear"]
    }
    for index in catalog.indexes where problems.count < limit {
      let expected = try check(index, limit, &problems)
      let stored = try count(index)
      if stored != expected, problems.count < limit {
        problems.append(
          "index \"\(index.definition.name)\" of \(index.definition.collection) has \(stored) rows, its "
            + "records ask for \(expected)")
      }
    }
    return problems
  }

  /// The number of rows the records ask for.
  private func check(
    _ index: IndexCatalog.Index, _ limit: Int, _ problems: inout [String]
  ) throws -> UInt64 {
    var expected: UInt64 = 0
    let prefix = index.collectionPrefix
    try reader.storage.scan(.records, from: prefix) { key, payload in
      guard key.starts(with: prefix), index.covers(key) else { return false }
      guard let fields = try IndexMaintainer.fields(payload) else { return true }
      for row in try index.rows.rows(of: fields, key[prefix.count...]) {
        expected += 1
        let stored = try reader.storage.value(.indexes, row.key)
        guard stored != row.payload else { continue }
        problems.append(
          "index \"\(index.definition.name)\" of \(index.definition.collection) lacks a row of record "
            + String(decoding: key[prefix.count...], as: UTF8.self))
        if problems.count >= limit { return false }
      }
      return true
    }
    return expected
  }

  private func count(_ index: IndexCatalog.Index) throws -> UInt64 {
    var count: UInt64 = 0
    let prefix = index.rows.prefix
    try reader.storage.scan(.indexes, from: prefix) { key, _ in
      guard key.starts(with: prefix) else { return false }
      count += 1
      return true
    }
    return count
  }
}
