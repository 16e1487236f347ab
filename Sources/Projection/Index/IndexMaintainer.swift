package import Journal

/// Keeps the rows of all indexes true to the records, in the transaction that changes a record.
final class IndexMaintainer: RowFollower {
  private var indexes: [IndexCatalog.Index]
  /// False in an encrypted journal: an index's rows would show what the records' rows hide.
  private let keepsRows: Bool
  private let hasUnique: Bool

  init(_ catalog: IndexCatalog, keepsRows: Bool) {
    indexes = catalog.indexes
    hasUnique = catalog.indexes.contains { $0.definition.isUnique }
    self.keepsRows = keepsRows
  }

  func follows(_ key: UnsafeRawBufferPointer) -> Bool {
    indexes.contains { key.begins(with: $0.collectionPrefix) }
  }

  func change(
    _ key: UnsafeRawBufferPointer, from before: UnsafeRawBufferPointer?,
    to after: UnsafeRawBufferPointer?, in transaction: WriteTransaction
  ) throws {
    guard keepsRows else { return }
    let (old, new) = (try before.flatMap(Self.fields), try after.flatMap(Self.fields))
    if let old, let new, old.elementsEqual(new) { return }
    var changes = IndexChanges(from: old, to: new)
    for index in indexes where key.begins(with: index.collectionPrefix) && index.covers(key) {
      let recordKey = UnsafeRawBufferPointer(rebasing: key[index.collectionPrefix.count...])
      try changes.add(index.rows, recordKey)
    }
    // Only now: what was lent ends with the first of these.
    for row in changes.gone { _ = try transaction.delete(.indexes, key: row.key) }
    for row in changes.come { try transaction.put(.indexes, key: row.key, payload: row.payload) }
    if after == nil { try forgetKey([UInt8](key), transaction) }
  }

  /// How far an index is made must not go on naming a record that is taken away: it names the one before.
  private func forgetKey(_ key: [UInt8], _ transaction: WriteTransaction) throws {
    for position in indexes.indices {
      let index = indexes[position]
      guard case .building(let through, let done, let total) = index.build, through == key else {
        continue
      }
      var before: [UInt8] = []
      try transaction.scanBackward(.records, from: key) { other, _ in
        if other.elementsEqual(key) { return true }
        if other.starts(with: index.collectionPrefix) { before = [UInt8](other) }
        return false
      }
      let build = IndexBuild.building(through: before, done: done, total: total)
      indexes[position].build = build
      try transaction.put(
        .meta, key: [UInt8](MetaKey.indexBuild(index.number).utf8), payload: build.encoded)
    }
  }

  func checkEdit(
    _ key: UnsafeRawBufferPointer, leaving payload: UnsafeRawBufferPointer,
    in transaction: WriteTransaction
  ) throws {
    guard hasUnique, let fields = try Self.fields(payload) else { return }
    for index in indexes
    where index.definition.isUnique && key.starts(with: index.collectionPrefix) {
      // Values it has already are not asked about: a server may have made two records alike.
      var isKnown = false
      try transaction.withRow(.records, key) { row in
        if let before = try row.flatMap(Self.fields) {
          isKnown = try index.rows.haveAllInCommon(before, fields)
        }
      }
      guard !isKnown else { continue }
      for values in try index.rows.uniqueValues(of: fields) {
        guard let other = try holder(of: values, fields, index, besides: key, transaction) else {
          continue
        }
        let names = try RecordAddress.names(inRowKey: key)
        throw JournalError.duplicateValue(
          "\(names.collection)/\(names.key) would have the same "
            + "\(index.definition.fields.map { "`\($0)`" }.joined(separator: ", ")) as "
            + "\(names.collection)/\(other), which index \"\(index.definition.name)\" forbids; change that "
            + "one first, or choose another value")
      }
    }
  }

  /// The key of another record that has these values.
  private func holder(
    of values: IndexRows.Row, _ fields: UnsafeRawBufferPointer, _ index: IndexCatalog.Index,
    besides key: UnsafeRawBufferPointer, _ transaction: WriteTransaction
  ) throws -> String? {
    let own = key[index.collectionPrefix.count...]
    // Where not every record has its rows, or values were cut, the records themselves are asked.
    guard keepsRows, index.build == .ready, values.payload[0] == 1 else {
      return try search(fields, index, besides: key, transaction)
    }
    var found: String?
    try transaction.scan(.indexes, from: values.key) { rowKey, payload in
      guard rowKey.starts(with: values.key) else { return false }
      let length = try IndexRows.Row.values(rowKey, payload).bytes
      guard length == values.key.count else { return true }
      let other = rowKey[length...]
      if other.elementsEqual(own) { return true }
      found = String(decoding: other, as: UTF8.self)
      return false
    }
    return found
  }

  private func search(
    _ fields: UnsafeRawBufferPointer, _ index: IndexCatalog.Index,
    besides key: UnsafeRawBufferPointer, _ transaction: WriteTransaction
  ) throws -> String? {
    var found: String?
    try transaction.scan(.records, from: index.collectionPrefix) { rowKey, payload in
      guard rowKey.starts(with: index.collectionPrefix) else { return false }
      guard !rowKey.elementsEqual(key), let others = try Self.fields(payload),
        try index.rows.haveOneInCommon(fields, others)
      else { return true }
      found = String(decoding: rowKey[index.collectionPrefix.count...], as: UTF8.self)
      return false
    }
    return found
  }

  /// The visible fields of a record's row.
  static func fields(_ payload: UnsafeRawBufferPointer) throws -> UnsafeRawBufferPointer? {
    try RecordRowView.visible(payload)
  }
}

extension RecordFolder {
  package func follower(in state: StorageFoldState) throws -> (any RowFollower)? {
    let catalog = try IndexCatalog(state.transaction)
    guard !catalog.indexes.isEmpty else { return nil }
    return IndexMaintainer(catalog, keepsRows: state.transaction.sealer == nil)
  }

  package func rebuildFollowers(in state: StorageFoldState) throws {
    guard state.transaction.sealer == nil else { return }
    for index in try IndexCatalog(state.transaction).indexes {
      var step = IndexBuildStep(index, limit: .max)
      try step.run(state.transaction)
    }
    state.declarationsChanged()
  }

  package func followerProblems(in reader: JournalReader, limit: Int) throws -> [String] {
    try IndexCheck(reader).problems(limit: limit)
  }

  /// An index was declared or removed. Its rows are made, or go, in later transactions.
  func foldIndexDeclaration(
    _ header: EntryHeader, _ body: Body, _ state: any FoldState
  ) throws {
    guard let collection = try body.text(.collection), let name = try body.text(.name),
      let settings = body.raw(.settings)
    else { throw JournalError.damaged("declaration \(header.sequence) of an index is incomplete") }
    let definition = try IndexDefinition(collection: collection, name: name, settings: settings)
    // One of each name: a new declaration takes the place of the old one.
    for (key, row) in try state.metaRows(prefix: MetaKey.indexes) {
      let other = try row.withUnsafeBytes { try IndexDefinition(row: $0) }
      guard other.name.utf8.elementsEqual(name.utf8),
        other.collection.utf8.elementsEqual(collection.utf8)
      else { continue }
      try state.putMeta(key, nil)
    }
    if try !body.bool(.removed) {
      try state.putMeta(MetaKey.index(header.sequence), definition.encoded())
    }
    state.declarationsChanged()
  }
}
