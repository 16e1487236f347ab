import Journal

/// The indexes a journal declares, and how far each is made.
struct IndexCatalog {
  struct Index {
    let rows: IndexRows
    var build: IndexBuild
    /// The bytes that row keys of the collection begin with.
    let collectionPrefix: [UInt8]

    var definition: IndexDefinition { rows.definition }
    var number: SequenceNumber { rows.number }

    /// Whether the index has rows for this record, whose collection is the index's.
    func covers(_ rowKey: UnsafeRawBufferPointer) -> Bool {
      switch build {
      case .ready: true
      case .building(let position, _, _): !position.lexicographicallyPrecedes(rowKey)
      }
    }
  }

  var indexes: [Index] = []

  init(_ storage: any StorageReader) throws {
    let prefix = [UInt8](MetaKey.indexes.utf8)
    try storage.scan(.meta, from: prefix) { key, payload in
      guard key.starts(with: prefix) else { return false }
      let hex = UnsafeRawBufferPointer(rebasing: key[prefix.count...])
      guard let bytes = Hex.decode(String(decoding: hex, as: UTF8.self)),
        let number = bytes.withUnsafeBytes({ UInt64(sequenceKey: $0) })
      else {
        throw JournalError.damaged("an index's row has no number; run `journal verify`")
      }
      let definition = try IndexDefinition(row: payload)
      indexes.append(
        Index(
          rows: IndexRows(number: number, definition: definition), build: .none,
          collectionPrefix: try Snapshot.prefix(definition.collection)))
      return true
    }
    for position in indexes.indices {
      let key = [UInt8](MetaKey.indexBuild(indexes[position].number).utf8)
      if let build = try storage.withValue(.meta, key, { try IndexBuild($0) }) {
        indexes[position].build = build
      }
    }
  }

  /// The indexes of a collection.
  func indexes(of collection: String) -> [Index] {
    indexes.filter { $0.definition.collection.utf8.elementsEqual(collection.utf8) }
  }

  func index(_ collection: String, _ name: String) -> Index? {
    indexes(of: collection).first { $0.definition.name.utf8.elementsEqual(name.utf8) }
  }
}

/// How far an index is made: the row `index/…`, which is of this file alone.
enum IndexBuild: Equatable {
  /// Records up to this row key have their rows; so many of so many were looked at.
  case building(through: [UInt8], done: UInt64, total: UInt64)
  case ready

  static let none = IndexBuild.building(through: [], done: 0, total: 0)

  var encoded: [UInt8] {
    switch self {
    case .ready: return [1]
    case .building(let position, let done, let total):
      var bytes: [UInt8] = [0]
      bytes.appendBigEndian(done)
      bytes.appendBigEndian(total)
      bytes.append(contentsOf: position)
      return bytes
    }
  }

  init(_ payload: UnsafeRawBufferPointer) throws {
    var reader = RowReader(payload)
    switch try reader.integer(UInt8.self) {
    case 1: self = .ready
    case 0:
      let (done, total) = (try reader.integer(UInt64.self), try reader.integer(UInt64.self))
      self = .building(
        through: [UInt8](try reader.take(reader.remaining)), done: done, total: total)
    default: throw JournalError.damaged("how far an index is made is malformed; rebuild the store")
    }
  }
}
