import Journal

/// The rows of indexes that go and come as a record's fields change.
///
/// Of an index whose fields keep their bytes no rows are made.
struct IndexChanges {
  private let old: UnsafeRawBufferPointer?
  private let new: UnsafeRawBufferPointer?
  private(set) var gone: [IndexRows.Row] = []
  private(set) var come: [IndexRows.Row] = []

  /// Fields before and after; nil where the record did or does not exist.
  init(from old: UnsafeRawBufferPointer?, to new: UnsafeRawBufferPointer?) {
    (self.old, self.new) = (old, new)
  }

  mutating func add(_ rows: IndexRows, _ recordKey: UnsafeRawBufferPointer) throws {
    if let old, let new, try keepsBytes(rows.definition, old, new) { return }
    guard rows.definition.each != nil else {
      let row = try old.map { try rows.row(of: $0, recordKey) }
      let next = try new.map { try rows.row(of: $0, recordKey) }
      if row == next { return }
      if let row { gone.append(row) }
      if let next { come.append(next) }
      return
    }
    let before = Set(try old.map { try rows.rows(of: $0, recordKey) } ?? [])
    let after = Set(try new.map { try rows.rows(of: $0, recordKey) } ?? [])
    gone += before.subtracting(after)
    come += after.subtracting(before)
  }

  private func keepsBytes(
    _ definition: IndexDefinition, _ old: UnsafeRawBufferPointer, _ new: UnsafeRawBufferPointer
  ) throws -> Bool {
    for field in definition.fields {
      let before = try FieldMap.value(named: field, in: old)
      let after = try FieldMap.value(named: field, in: new)
      switch (before, after) {
      case (nil, nil): continue
      case (let before?, let after?):
        guard old[before].elementsEqual(new[after]) else { return false }
      default: return false
      }
    }
    return true
  }
}
