import Journal

/// One record, by its key.
final class LiveRecord<Element>: LiveView<Element?> {
  private let address: RecordAddress
  private let key: String
  private let elements: LiveElements<Element>
  private var element: Element?

  init(_ collection: String, _ key: String, _ elements: LiveElements<Element>) throws {
    address = try RecordAddress(collection: collection, key: key)
    self.key = key
    self.elements = elements
  }

  override func output() -> Element? { element }

  override func load(_ snapshot: Snapshot) throws -> Bool {
    try show(try snapshot.source.visible(address.rowKey))
  }

  override func apply(_ effects: [RowEffect]) throws -> Step {
    guard let effect = effects.first(where: { $0.rowKey == address.rowKey }) else {
      return .unchanged
    }
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
