import Journal

/// What is known here of a remote's records, as digests.
struct BaseDigests {
  /// What stands for the live records of some buckets, by row key.
  struct Leaves {
    var leaves: [[UInt8]: [UInt8]] = [:]
    var born: [[UInt8]: ServerVersion] = [:]
  }

  let reader: JournalReader
  let folder: any InlineFolder
  private let ownership: Ownership
  private let local: LocalCollections

  init(_ reader: JournalReader, _ folder: any InlineFolder, remote: String) throws {
    self.reader = reader
    self.folder = folder
    ownership = Ownership(of: remote, among: try reader.remotes())
    local = try reader.localCollections()
  }

  /// Whether records of a collection are compared with the remote's.
  func isCompared(_ collection: String) -> Bool {
    ownership.owns(collection: [UInt8](collection.utf8)) && !local.contains(collection: collection)
  }

  /// The digest over each collection that has live records. Linear in the records.
  func collections() throws -> [CollectionDigest] {
    var digests: [CollectionDigest] = []
    var current: (prefix: [UInt8], name: String, digest: StateDigest)?
    func close() {
      guard let done = current, done.digest.records > 0, isCompared(done.name) else { return }
      digests.append(
        CollectionDigest(
          collection: done.name, records: done.digest.records, digest: done.digest.bytes))
    }
    try folder.scanBases(reader.storage, from: []) { rowKey, base in
      guard let fields = base.fields else { return true }
      if current == nil || !rowKey.starts(with: current?.prefix ?? []) {
        close()
        let name = try RecordAddress.names(inRowKey: rowKey).collection
        current = (Self.prefix(of: name), name, StateDigest())
      }
      current?.digest.add(rowKey, base.version, fields)
      return true
    }
    close()
    return digests
  }

  /// The digests over a collection's buckets. Linear in its records.
  func buckets(of collection: String, bits: Int) throws -> [UInt8] {
    var digest = StateDigest(bits: bits)
    try scan(collection) { rowKey, base, fields in digest.add(rowKey, base.version, fields) }
    return digest.bytes
  }

  /// The records of some buckets. Linear in the collection's records.
  func leaves(of collection: String, in buckets: Set<UInt16>, bits: Int) throws -> Leaves {
    var found = Leaves()
    try scan(collection) { rowKey, base, fields in
      guard buckets.contains(StateDigest.bucket(of: rowKey, bits: bits)) else { return }
      let key = [UInt8](rowKey)
      found.leaves[key] = StateDigest.leaf(rowKey, base.version, fields)
      found.born[key] = base.born
    }
    return found
  }

  private func scan(
    _ collection: String,
    _ body: (UnsafeRawBufferPointer, RecordBase, UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let prefix = Self.prefix(of: collection)
    try folder.scanBases(reader.storage, from: prefix) { rowKey, base in
      guard rowKey.starts(with: prefix) else { return false }
      if let fields = base.fields { try body(rowKey, base, fields) }
      return true
    }
  }

  private static func prefix(of collection: String) -> [UInt8] {
    [UInt8](collection.utf8).withUnsafeBytes { RecordAddress.prefix(collection: $0) }
  }
}
