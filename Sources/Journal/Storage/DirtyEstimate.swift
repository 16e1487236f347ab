import CLMDB

/// An upper estimate of the bytes a write transaction adds to the file, from what it was told.
///
/// LMDB does not tell how many pages a transaction has taken. Guessing too much costs nothing:
/// the file is sparse.
final class DirtyEstimate {
  private let scattered = UnsafeMutablePointer<Int>.allocate(capacity: Table.allCases.count)
  private let isTouched = UnsafeMutablePointer<Bool>.allocate(capacity: Table.allCases.count)
  /// Row bytes and the pages of large rows, in whichever table.
  private(set) var flatBytes = 0

  init() {
    scattered.initialize(repeating: 0, count: Table.allCases.count)
    isTouched.initialize(repeating: false, count: Table.allCases.count)
  }

  deinit {
    scattered.deallocate()
    isTouched.deallocate()
  }

  func countStored(_ table: Table, rowBytes: Int, pageBytes: Int, isScattered: Bool) {
    isTouched[table.index] = true
    if isScattered { scattered[table.index] += 1 }
    // LMDB gives a row of half a page or more pages of its own.
    let isLarge = rowBytes > pageBytes / 2 - 20
    flatBytes += isLarge ? (rowBytes / pageBytes + 2) * pageBytes : rowBytes + 16
  }

  func countScattered(_ table: Table) {
    isTouched[table.index] = true
    scattered[table.index] += 1
  }

  /// Freed pages are listed, eight bytes each, in the free list.
  func countFreed(pages: Int) {
    flatBytes += pages * 8
  }

  func touches(_ table: Table) -> Bool { isTouched[table.index] }

  /// The pages of `table` that were copied: a path for each scattered row, at most all of them.
  func pages(of table: Table, _ statistics: MDB_stat) -> Int {
    let depth = Int(statistics.ms_depth)
    let all = Int(statistics.ms_branch_pages) + Int(statistics.ms_leaf_pages)
    return min(scattered[table.index] * (depth + 1), all) + depth + 1
  }
}
