import Journal

/// Reads rows of an index, run after run.
///
/// Forward a run is read as it stands. Backward, records with the same values still come in the order of their
/// keys: of each value the rows are found from behind and read forward.
struct IndexScan {
  /// A row, its key lent.
  struct Row {
    /// The index's number and the values.
    var values: UnsafeRawBufferPointer.SubSequence
    var recordKey: UnsafeRawBufferPointer.SubSequence
    var isExact: Bool
  }

  private let plan: IndexPlan
  private let storage: any StorageReader

  init(_ plan: IndexPlan, _ storage: any StorageReader) {
    self.plan = plan
    self.storage = storage
  }

  /// Lends the rows until `body` returns false.
  func scan(_ body: (Row) throws -> Bool) throws {
    for range in plan.ranges {
      let goesOn =
        plan.isDescending ? try scanBackward(range, body) : try scanForward(range, body)
      guard goesOn else { return }
    }
  }

  private func scanForward(_ range: KeyRange, _ body: (Row) throws -> Bool) throws -> Bool {
    var goesOn = true
    try storage.scan(.indexes, from: range.lower) { key, payload in
      if let upper = range.upper, !key.precedes(upper) { return false }
      let (length, isExact) = try IndexRows.Row.values(key, payload)
      goesOn = try body(Row(values: key[..<length], recordKey: key[length...], isExact: isExact))
      return goesOn
    }
    return goesOn
  }

  private func scanBackward(_ range: KeyRange, _ body: (Row) throws -> Bool) throws -> Bool {
    var end = range.upper
    while true {
      // The values of the last row before the end.
      var values: [UInt8]?
      try storage.scanBackward(.indexes, from: end) { key, payload in
        if let end, key.elementsEqual(end) { return true }
        guard !key.lexicographicallyPrecedes(range.lower) else { return false }
        values = Array(key.prefix(try IndexRows.Row.values(key, payload).bytes))
        return false
      }
      guard let values else { return true }
      let run = KeyRange(from: values, to: end)
      guard try scanForward(run, body) else { return false }
      end = values
    }
  }
}
