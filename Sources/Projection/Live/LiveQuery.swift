import Journal

/// How the elements of a live query are made of rows, and told apart.
struct LiveElements<Element> {
  let forms: LiveForms
  /// Makes an element of a key and encoded fields.
  let decode: (_ key: String, _ fields: UnsafeRawBufferPointer) throws -> Element
  /// Whether both would be stored as the same.
  let areEqual: (Element, Element) throws -> Bool
}

/// The records a query means, in its order.
final class LiveQuery<Element>: LiveView<[Element]> {
  private var window: SortedWindow<Element>
  private let elements: LiveElements<Element>
  private let prefix: [UInt8]
  /// The rows shown last, where the window has changed since and has to be loaded.
  private var told: ArraySlice<SortedWindow<Element>.Row>?

  init(_ query: Query, _ elements: LiveElements<Element>) throws {
    window = SortedWindow(query)
    self.elements = elements
    prefix = try Snapshot.prefix(query.collection)
  }

  override func output() throws -> [Element] {
    var output: [Element] = []
    output.reserveCapacity(window.shown.count)
    for index in window.shown { output.append(try window.decode(index, decode)) }
    return output
  }

  private func decode(_ row: SortedWindow<Element>.Row) throws -> Element {
    // The scan and the effects bring only keys that begin with the prefix.
    let key = String(decoding: row.position.rowKey[prefix.count...], as: UTF8.self)
    return try row.fields.withUnsafeBytes { try elements.decode(key, $0) }
  }

  override func load(_ snapshot: Snapshot) throws -> Bool {
    let before = told ?? window.rows[window.shown]
    told = nil
    window.filter = try snapshot.withAllKeys(window.query.filter)
    var rows: [SortedWindow<Element>.Row] = []
    try elements.forms.view(snapshot).select(window.wanted) { match in
      let position = try window.position([UInt8](match.rowKey), match.fields)
      rows.append(.init(position: position, fields: [UInt8](match.fields)))
    }
    window.fill(rows)
    guard before.count == window.shown.count else { return true }
    for (offset, index) in window.shown.enumerated() {
      let old = before.startIndex + offset
      guard before[old].position.rowKey == window.rows[index].position.rowKey,
        let shown = before[old].element,
        try elements.areEqual(shown, window.decode(index, decode))
      else { return true }
    }
    return false
  }

  override func apply(_ effects: [RowEffect]) throws -> Step {
    let effects = effects.filter { $0.rowKey.starts(with: prefix) }
    if effects.isEmpty { return .unchanged }
    // One record that moves, comes or goes is seen by its own places, as long as nothing before the
    // window can push rows into it. Else what was shown is compared with what is.
    if effects.count == 1, window.query.offset == 0, window.query.limit == nil {
      return try applyAlone(effects[0])
    }
    let before = ArraySlice(Array(window.rows[window.shown]))
    for effect in effects { _ = try move(effect) }
    if window.isShort {
      told = before
      return .mustLoad
    }
    window.trim()
    let shown = window.shown
    guard before.count == shown.count else { return .changed }
    let touched = Set(effects.map(\.rowKey))
    // Not by `zip`: nothing of it is specialised here, and it takes longer than all the rest.
    for (offset, index) in shown.enumerated() {
      let old = before.startIndex + offset
      guard before[old].position.rowKey == window.rows[index].position.rowKey else {
        return .changed
      }
      guard touched.contains(before[old].position.rowKey) else { continue }
      guard let element = before[old].element,
        try elements.areEqual(element, window.decode(index, decode))
      else { return .changed }
    }
    return .unchanged
  }

  /// Takes in the change of one record, of a query that shows all it means.
  private func applyAlone(_ effect: RowEffect) throws -> Step {
    let (old, new) = try move(effect)
    guard old?.index == new else { return .changed }
    guard let index = new else { return .unchanged }
    guard let element = old?.element,
      try elements.areEqual(element, window.decode(index, decode))
    else { return .changed }
    return .unchanged
  }

  /// Takes a record out of the window and puts it back where it belongs now.
  private func move(
    _ effect: RowEffect
  ) throws -> (old: (index: Int, element: Element?)?, new: Int?) {
    let before = try effect.before.map(elements.forms.newest)
    let after = try effect.after.map(elements.forms.newest)
    let old = try window.row(effect.rowKey, before).flatMap { window.remove($0.position) }
    let new = try window.row(effect.rowKey, after).flatMap { window.insert($0) }
    return (old, new)
  }
}
