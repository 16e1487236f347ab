/// Reads a data file with `pread` and bounds checks, without LMDB's map.
///
/// For files that may be damaged or hostile: whatever the bytes, the outcome is rows or
/// ``JournalError/damaged(_:)``, never a signal. Works beside a writer, of this or another
/// process, on one commit, which a reader slot pins; without a usable lock file (a copy, a
/// read-only disk) there is no pin. Slower than a ``ReadTransaction`` by a small factor. Not
/// safe for use by two threads at once. Little-endian hosts only.
package final class PagedReader: StorageReader {
  let source: PageSource
  package var sealer: (any RowSealer)?
  private var pin: Pin?
  /// Held while a snapshot is read that nobody has brought back yet.
  private var snapshot: SnapshotFile?
  private var trees: [Table: TreeRecord]?
  private var meta: MetaPage { source.meta }

  package var directory: String? {
    let name = "/" + DataDirectory.dataName
    return source.file.path.hasSuffix(name) ? String(source.file.path.dropLast(name.count)) : nil
  }

  /// `refusesFreePages`: whether a table that refers to a page the commit does not use is damage.
  init(_ file: PageFile, _ meta: MetaPage, pin: Pin?, refusesFreePages: Bool = true) {
    source = PageSource(file, meta)
    source.refusesFreePages = refusesFreePages
    self.pin = pin
  }

  /// Opens the data file in `directory` at its newest commit and pins it.
  ///
  /// Throws ``JournalError/cannotOpen(_:)`` when the file is missing,
  /// ``JournalError/damaged(_:)`` when it is truncated, or a meta page does not agree with the
  /// head row it leads to.
  ///
  /// After a power cut in the mode ``Durability/pinnedSnapshot(interval:)`` it reads the last
  /// snapshot until a writer has brought that back.
  package static func open(
    directory: String, settings: StorageSettings = StorageSettings()
  ) throws(JournalError) -> PagedReader {
    // Until the pin stands, which opens LMDB's files by their names as well.
    let lock = try OpeningLock(directory)
    defer { withExtendedLifetime(lock) {} }
    let file = try PageFile(path: directory + "/" + DataDirectory.dataName)
    return try open(file, in: directory, settings)
  }

  private static func open(
    _ file: PageFile, in directory: String, _ settings: StorageSettings
  ) throws(JournalError) -> PagedReader {
    if let pending = try SnapshotRecovery.pending(directory, file, settings) {
      for meta in pending.metas { try Commit.check(meta, of: file, .required) }
      let newest = pending.metas.max { $0.transactionID < $1.transactionID }
      let reader = PagedReader(file, newest ?? pending.metas[0], pin: nil)
      reader.snapshot = pending.file
      return reader
    }
    let newest = try Commit.newest(of: file, headRows: .required)
    guard let pin = try Pin.acquire(directory, file.id) else {
      return PagedReader(file, newest, pin: nil)
    }
    // Until the pin stood, a writer could go on; the pinned commit's meta page is overwritten by
    // the next commit but one.
    for _ in 0..<1000 {
      let metas = try MetaPage.readBoth(file)
      if let meta = metas.first(where: { $0.transactionID == pin.transactionID }) {
        try Commit.check(meta, of: file, .required)
        return PagedReader(file, meta, pin: pin)
      }
      try pin.renew()
    }
    throw .busy("\(file.path) changes too fast to be read; try again")
  }

  /// Opens a lone data file, such as a copy, at its newest commit.
  package static func open(file path: String) throws(JournalError) -> PagedReader {
    let file = try PageFile(path: path)
    return PagedReader(file, try Commit.newest(of: file, headRows: .required), pin: nil)
  }

  /// Gives the pin back; what is read afterwards may have been overwritten.
  package func close() {
    pin = nil
    snapshot = nil
  }

  /// Whether a reader slot keeps the commit from being overwritten.
  package var isPinned: Bool { pin != nil }

  package var transactionID: UInt64 { meta.transactionID }

  package func count(_ table: Table) throws -> UInt64 {
    try tree(table).rows
  }

  package func withValue<R>(
    _ table: Table, _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> R
  ) throws -> R? {
    guard Row.keyLengths.contains(key.count) else { return nil }
    return try source.withValue(of: key, in: try tree(table), table.place) { _, stored in
      try sealer.lend(table, key, try Row.payload(table, key, stored), body)
    }
  }

  package func scan(
    _ table: Table, from: [UInt8]?,
    _ body: (_ key: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer) throws -> Bool
  ) throws {
    var cursor = TreeCursor(source, try tree(table), table.place)
    if let from {
      try cursor.seek(from)
    } else {
      try cursor.seekFirst()
    }
    try visit(&cursor, table, forward: true, body)
  }

  package func scanBackward(
    _ table: Table, from: [UInt8]?,
    _ body: (_ key: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer) throws -> Bool
  ) throws {
    var cursor = TreeCursor(source, try tree(table), table.place)
    if let from {
      try cursor.seek(from)
      if let (page, node) = try cursor.current() {
        if try !page.page.slice(node.key).elementsEqual(from) { try cursor.previous() }
      } else {
        try cursor.seekLast()
      }
    } else {
      try cursor.seekLast()
    }
    try visit(&cursor, table, forward: false, body)
  }

  private func visit(
    _ cursor: inout TreeCursor, _ table: Table, forward: Bool,
    _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Bool
  ) throws {
    var before: (page: TreePage, node: Node)?
    while let (page, node) = try cursor.current() {
      let key = try page.page.slice(node.key)
      if let before {
        let order = KeyOrder.compare(try before.page.page.slice(before.node.key), key)
        guard forward ? order < 0 : order > 0 else {
          throw page.page.damage("keys are out of order")
        }
      }
      let goesOn = try source.withValue(node, page) { stored in
        try sealer.lend(table, key, try Row.payload(table, key, stored)) { try body(key, $0) }
      }
      guard goesOn else { return }
      before = (page, node)
      if forward { try cursor.next() } else { try cursor.previous() }
    }
  }

  /// The record of `table`, from the main tree, which holds one per table.
  func tree(_ table: Table) throws(JournalError) -> TreeRecord {
    if let tree = try tableRecords()[table] { return tree }
    if table.mayBeMissing { return .empty }
    throw .damaged("table \(table.name) of \(source.file.path) is missing; restore a copy")
  }

  private func tableRecords() throws(JournalError) -> [Table: TreeRecord] {
    if let trees { return trees }
    var found: [Table: TreeRecord] = [:]
    for table in Table.allCases {
      found[table] = try source.tableRecord(table.name)
    }
    trees = found
    return found
  }

  /// Whether every table is empty.
  func hasNoRows() throws(JournalError) -> Bool {
    for table in Table.allCases {
      let tree = try tree(table)
      if tree.rows > 0 || !tree.isEmpty { return false }
    }
    return true
  }

  /// The head row, by the errors of this layer alone.
  func storedHeadRow() throws(JournalError) -> HeadRow? {
    do {
      return try headRow()
    } catch let error as JournalError {
      throw error
    } catch {
      throw .storage("reading the head row of \(source.file.path): \(error)")
    }
  }
}

extension Table {
  /// The table in messages.
  var place: String { "table \(name)" }

  /// The tables by ``place``.
  static let atPlace = Dictionary(
    uniqueKeysWithValues: Table.allCases.map { ($0.place, $0) })
}
