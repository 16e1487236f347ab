/// LMDB's record of one tree, 48 bytes: pad (4), flags (2), depth (2), then 8 bytes each of
/// branch pages, leaf pages, overflow pages, rows and root.
struct TreeRecord: Equatable {
  static let byteCount = 48

  let pad: UInt32
  let flags: UInt16
  let depth: UInt16
  let branchPages: UInt64
  let leafPages: UInt64
  let overflowPages: UInt64
  let rows: UInt64
  let root: UInt64

  var isEmpty: Bool { root == PageFormat.noPage }
  /// All pages of the tree; saturating, for the counts may be damaged.
  var pages: UInt64 {
    [leafPages, overflowPages].reduce(branchPages) { sum, next in
      let (sum, overflow) = sum.addingReportingOverflow(next)
      return overflow ? .max : sum
    }
  }

  /// The record of a tree that has no page.
  static let empty = TreeRecord()

  private init() {
    (pad, flags, depth, branchPages, leafPages, overflowPages, rows) = (0, 0, 0, 0, 0, 0, 0)
    root = PageFormat.noPage
  }

  /// Reads a record of exactly ``byteCount`` bytes; nil for any other length.
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count == Self.byteCount else { return nil }
    pad = bytes.loadUnaligned(as: UInt32.self)
    flags = bytes.loadUnaligned(fromByteOffset: 4, as: UInt16.self)
    depth = bytes.loadUnaligned(fromByteOffset: 6, as: UInt16.self)
    branchPages = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
    leafPages = bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
    overflowPages = bytes.loadUnaligned(fromByteOffset: 24, as: UInt64.self)
    rows = bytes.loadUnaligned(fromByteOffset: 32, as: UInt64.self)
    root = bytes.loadUnaligned(fromByteOffset: 40, as: UInt64.self)
  }
}

/// One of the two first pages, of which each commit writes the older one.
///
/// After the page header: magic (4), version (4), address (8), map size (8), the records of the
/// free list and of the main tree, last page (8), transaction id (8). The page size stands in the
/// pad of the free list's record, the flags of the environment in its flags.
struct MetaPage: Equatable {
  static let magic: UInt32 = 0xBEEF_C0DE
  static let version: UInt32 = 1
  /// What LMDB uses of the page.
  static let usedBytes = 152

  let number: UInt64
  let address: UInt64
  let mapBytes: UInt64
  let freeTree: TreeRecord
  let mainTree: TreeRecord
  let lastPage: UInt64
  let transactionID: UInt64

  var pageBytes: Int { Int(freeTree.pad) }

  /// A root lies behind the last page the commit says it has.
  private var hasRootBeyondEnd: Bool {
    [freeTree, mainTree].contains { !$0.isEmpty && $0.root > lastPage }
  }

  /// Whether this may be what LMDB leaves of a page whose rewriting failed: the roots of the commit
  /// that did not come about under the transaction id and last page of the one it was to replace.
  ///
  /// `newer` is then the newest commit, and nothing here matters. A transaction id with a flipped
  /// bit looks different: a newer commit has at least as many pages.
  func mayBeLeftOfFailedCommit(beside newer: MetaPage) -> Bool {
    transactionID < newer.transactionID && newer.transactionID - transactionID == 1
      && (lastPage < newer.lastPage || (lastPage == newer.lastPage && hasRootBeyondEnd))
  }

  /// Both meta pages, each found possible by itself and both of one page size.
  static func readBoth(_ file: PageFile) throws(JournalError) -> [MetaPage] {
    let length = try file.length()
    guard length >= 2 * 4096 else {
      throw .damaged("\(file.path) is shorter than its two meta pages; it was truncated")
    }
    let first = try MetaPage(0, at: 0, file)
    let second = try MetaPage(1, at: UInt64(first.freeTree.pad), file)
    guard first.freeTree.pad == second.freeTree.pad else {
      throw .damaged("the meta pages of \(file.path) name different page sizes")
    }
    for (meta, other) in [(first, second), (second, first)] where meta.hasRootBeyondEnd {
      guard meta.mayBeLeftOfFailedCommit(beside: other) else {
        throw .damaged(
          "page \(meta.number) of the meta pages of \(file.path): a root lies beyond the last page "
            + "\(meta.lastPage); run `journal verify`")
      }
    }
    return [first, second]
  }

  /// Both meta pages from copies of them, each found possible by itself.
  static func both(from copies: [[UInt8]], place: String) throws(JournalError) -> [MetaPage] {
    var metas: [MetaPage] = []
    for (number, copy) in copies.enumerated() {
      metas.append(
        try MetaPage(UInt64(number), Page(UInt64(number), copy: copy, place: place)))
    }
    return metas
  }

  private init(_ number: UInt64, at offset: UInt64, _ file: PageFile) throws(JournalError) {
    // Only the front: the page size is not known yet.
    try self.init(
      number,
      try Page(number, byteCount: Self.usedBytes, at: offset, file, place: "the meta pages"))
  }

  private init(_ number: UInt64, _ page: Page) throws(JournalError) {
    self.number = number
    guard try page.load(16, as: UInt32.self) == Self.magic,
      try page.load(20, as: UInt32.self) == Self.version
    else { throw page.damage("not the mark of an LMDB 0.9 file") }
    guard try page.load(0, as: UInt64.self) == number,
      try page.load(10, as: UInt16.self) == PageFormat.meta
    else { throw page.damage("its header is not that of a meta page") }
    address = try page.load(24, as: UInt64.self)
    mapBytes = try page.load(32, as: UInt64.self)
    guard let freeTree = TreeRecord(try page.slice(40..<88)),
      let mainTree = TreeRecord(try page.slice(88..<136))
    else { throw page.damage("too short") }
    self.freeTree = freeTree
    self.mainTree = mainTree
    lastPage = try page.load(136, as: UInt64.self)
    transactionID = try page.load(144, as: UInt64.self)
    // With 2^47 pages of 64 KiB the arithmetic below and elsewhere cannot overflow.
    guard lastPage >= 1, lastPage < 1 << 47 else {
      throw page.damage("last page \(lastPage) is impossible")
    }
    let size = freeTree.pad
    guard size >= 4096, size <= 65536, size & (size - 1) == 0 else {
      throw page.damage("page size \(size) is impossible")
    }
    for tree in [freeTree, mainTree] {
      // Whether it lies before the last page shows beside the other meta page.
      guard tree.isEmpty || tree.root > 1 else {
        throw page.damage("root \(tree.root) is a meta page")
      }
    }
    // 8: the keys of the free list are native integers.
    guard freeTree.flags == 8, mainTree.flags == 0 else {
      throw page.damage("its flags are not those of a journal")
    }
    // Commits alternate; before the first one both ids are zero.
    guard transactionID == 0 ? mainTree.isEmpty : transactionID & 1 == number else {
      throw page.damage("transaction \(transactionID) does not belong in this page")
    }
  }
}
