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
    var rows: [SortedWindow<Element>.Row] = []
    try elements.forms.view(snapshot).select(window.wanted) { match in
      let position = try window.position([UInt8](match.rowKey), match.fields)
      rows.append(.init(position: position, fields: [UInt8](match.fields)))
    }
    window.fill(rows)
    guard before.count == window.shown.count else { return true }
    for (old, index) in zip(before, window.shown) {
      guard old.position.rowKey == window.rows[index].position.rowKey, let shown = old.element,
        try elements.areEqual(shown, window.decode(index, decode))
      else { return true }
    }
    return false
  }

  override func apply(_ effects: [RowEffect]) throws -> Step {
    let effects = effects.filter { $0.rowKey.starts(with: prefix) }
    if effects.isEmpty { return .unchanged }
    // One record that moves, comes or goes is seen by its own places, as long as nothing before the
    // window can push rows into it. Else the keys shown are compared.
    let isSimple = effects.count == 1 && window.query.offset == 0
    let before = isSimple ? [] : keys
    // Only a window with a limit can run short.
    let shownBefore = window.query.limit == nil ? nil : ArraySlice(Array(window.rows[window.shown]))
    var touched: [(rowKey: [UInt8], old: Int?, shown: Element?, new: Int?)] = []
    for effect in effects {
      let shown = window.shown
      let (before, after) = (
        try effect.before.map(elements.forms.newest), try effect.after.map(elements.forms.newest)
      )
      let old = try window.row(effect.rowKey, before).flatMap { window.remove($0.position) }
      let new = try window.row(effect.rowKey, after).flatMap { window.insert($0) }
      let wasShown = old.map { shown.contains($0.index) } ?? false
      touched.append(
        (
          effect.rowKey, wasShown ? old?.index : nil, wasShown ? old?.element : nil,
          new.flatMap { window.shown.contains($0) ? $0 : nil }
        ))
    }
    if window.isShort {
      told = shownBefore
      return .mustLoad
    }
    window.trim()
    if isSimple {
      guard touched[0].old == touched[0].new else { return .changed }
    } else {
      guard before == keys else { return .changed }
    }
    return try touched.contains { try isAnother($0.rowKey, $0.shown, at: $0.new) }
      ? .changed : .unchanged
  }

  /// Whether a record that is shown where it was shows something else.
  private func isAnother(_ rowKey: [UInt8], _ shown: Element?, at index: Int?) throws -> Bool {
    guard let shown else { return false }
    guard let index, window.shown.contains(index),
      window.rows[index].position.rowKey == rowKey
    else {
      // Later effects of the same step have moved it: the keys shown are the same, its place is not.
      guard let place = window.shown.first(where: { window.rows[$0].position.rowKey == rowKey })
      else { return false }
      return try !elements.areEqual(shown, window.decode(place, decode))
    }
    return try !elements.areEqual(shown, window.decode(index, decode))
  }

  private var keys: [[UInt8]] { window.rows[window.shown].map(\.position.rowKey) }
}
