/// The fields of a record: values under unique names, ordered by the names' UTF-8 bytes.
///
/// Looking a name up costs a binary search. Names that differ as bytes are different fields, even
/// where Swift's `==` calls the strings equal.
public struct Fields: Sendable {
  /// A field.
  public typealias Element = (name: String, value: Value)

  private var members: [Element] = []

  /// No fields.
  public init() {}

  /// Fields in any order; of a name given twice the last value stays.
  package init(_ elements: some Sequence<(String, Value)>) {
    for (name, value) in elements { self[name] = value }
  }

  /// Fields whose names are known to differ. Costs one sort.
  init(unique members: [Element]) {
    self.members = members
    guard members.count <= 16 else {
      self.members.sort { ByteOrder.compare($0.name, $1.name) < 0 }
      return
    }
    // Few fields, as most records have them, are put in order where they are.
    for index in members.indices.dropFirst() {
      var place = index
      while place > 0,
        ByteOrder.compare(self.members[place].name, self.members[place - 1].name) < 0
      {
        self.members.swapAt(place, place - 1)
        place -= 1
      }
    }
  }

  /// The value of a field; setting nil removes the field, while `.null` is a value.
  public subscript(name: String) -> Value? {
    get {
      let (index, isFound) = position(of: name)
      // In a conditional expression nil would be read as the literal of `.null`.
      guard isFound else { return .none }
      return members[index].value
    }
    set {
      let (index, isFound) = position(of: name)
      switch (newValue, isFound) {
      case (let value?, true): members[index].value = value
      case (let value?, false): members.insert((name, value), at: index)
      case (nil, true): members.remove(at: index)
      case (nil, false): break
      }
    }
  }

  /// The number of fields.
  public var count: Int { members.count }

  /// Whether there is no field.
  public var isEmpty: Bool { members.isEmpty }

  /// The names in order.
  public var names: [String] { members.map(\.name) }

  private func position(of name: String) -> (index: Int, isFound: Bool) {
    var range = 0..<members.count
    while !range.isEmpty {
      let middle = range.lowerBound + range.count / 2
      let order = ByteOrder.compare(members[middle].name, name)
      if order == 0 { return (middle, true) }
      range = order < 0 ? middle + 1..<range.upperBound : range.lowerBound..<middle
    }
    return (range.lowerBound, false)
  }
}

extension Fields: Sequence {
  /// Iterates over the fields in the order of their names.
  public func makeIterator() -> IndexingIterator<[Element]> { members.makeIterator() }

  /// The number of fields.
  public var underestimatedCount: Int { members.count }
}

extension Fields: Hashable {
  /// Whether both have the same names, as bytes, with equal values.
  public static func == (left: Fields, right: Fields) -> Bool {
    left.members.elementsEqual(right.members) {
      ByteOrder.compare($0.name, $1.name) == 0 && $0.value == $1.value
    }
  }

  /// Hashes names and values, as `==` compares them.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(members.count)
    for member in members {
      hasher.combine(text: member.name)
      hasher.combine(member.value)
    }
  }
}

extension Fields: ExpressibleByDictionaryLiteral {
  /// Of a name given twice the last value stays.
  public init(dictionaryLiteral elements: (String, Value)...) {
    self.init(elements)
  }
}

extension Fields: CustomStringConvertible {
  /// The fields as JSON text.
  public var description: String { JSONText.string(.object(self)) }
}
