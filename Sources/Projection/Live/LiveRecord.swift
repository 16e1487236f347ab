import Journal

/// One record, by its key; it is followed to the key that a server gives it.
final class LiveRecord<Element>: LiveView<Element?> {
  private let address: RecordAddress
  private let elements: LiveElements<Element>
  /// Where it stands, and its key there.
  private var rowKey: [UInt8]
  private var key: String
  private var element: Element?

  init(_ collection: String, _ key: String, _ elements: LiveElements<Element>) throws {
    address = try RecordAddress(collection: collection, key: key)
    rowKey = address.rowKey
    self.key = key
    self.elements = elements
  }

  override func output() -> Element? { element }

  override func load(_ snapshot: Snapshot) throws -> Bool {
    let current = try snapshot.source.current(address.rowKey)
    let isMoved = current != rowKey
    if isMoved {
      rowKey = current
      key = try RecordAddress(rowKey: current).names.key
    }
    let isChanged = try show(try snapshot.source.visible(current))
    return isChanged || (isMoved && element != nil)
  }

  override func apply(_ effects: [RowEffect]) throws -> Step {
    guard let effect = effects.first(where: { $0.rowKey == rowKey }) else { return .unchanged }
    return try show(effect.after) ? .changed : .unchanged
  }

  private func show(_ fields: [UInt8]?) throws -> Bool {
    let before = element
    element = try fields.map(elements.forms.newest).map {
      try $0.withUnsafeBytes { try elements.decode(key, $0) }
    }
    guard let before, let element else { return (before == nil) != (element == nil) }
    return try !elements.areEqual(before, element)
  }
}
