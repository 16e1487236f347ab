import Journal

/// How many records a query means.
final class LiveCount: LiveView<Int> {
  private let query: Query
  /// The query's, with every key of the records it names.
  private var filter: Filter
  private let forms: LiveForms
  private let prefix: [UInt8]
  /// How many there are without limit and offset.
  private var all = 0

  init(_ query: Query, _ forms: LiveForms) throws {
    self.query = query
    filter = query.filter
    self.forms = forms
    prefix = try Snapshot.prefix(query.collection)
  }

  override func output() -> Int {
    min(max(0, all - query.offset), query.limit ?? .max)
  }

  override func load(_ snapshot: Snapshot) throws -> Bool {
    let before = output()
    var whole = query
    (whole.limit, whole.offset) = (nil, 0)
    filter = try snapshot.withAllKeys(query.filter)
    all = try forms.view(snapshot).count(whole)
    return output() != before
  }

  override func apply(_ effects: [RowEffect]) throws -> Step {
    let before = output()
    for effect in effects where effect.rowKey.starts(with: prefix) {
      if try means(effect.before) { all -= 1 }
      if try means(effect.after) { all += 1 }
    }
    return output() == before ? .unchanged : .changed
  }

  private func means(_ fields: [UInt8]?) throws -> Bool {
    try fields.map(forms.newest)?.withUnsafeBytes { bytes in
      try filter.matches { try Snapshot.value($0, in: bytes) }
    } ?? false
  }
}
