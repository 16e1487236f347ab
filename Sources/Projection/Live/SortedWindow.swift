import Journal

/// The first rows a query means, in its order, and the part of them its offset and limit show.
///
/// Kept are somewhat more rows than are shown, so that a row that leaves makes room for the next one.
/// Where those are used up, the query is read again. A value without effects: it can be tested alone.
struct SortedWindow<Element> {
  struct Row {
    var position: Snapshot.Position
    /// The encoded fields until the element is decoded.
    var fields: [UInt8]
    var element: Element?
  }

  let query: Query
  /// The query's, with every key of the records it names.
  var filter: Filter
  /// How many rows are kept; nil is all.
  let capacity: Int?
  private(set) var rows: [Row] = []
  /// Whether every record the query means is among the rows.
  private(set) var isComplete = false

  init(_ query: Query) {
    self.query = query
    filter = query.filter
    guard let limit = query.limit else {
      capacity = nil
      return
    }
    let (shown, isOver) = query.offset.addingReportingOverflow(limit)
    let (kept, isFarOver) = shown.addingReportingOverflow(Swift.max(64, limit))
    capacity = isOver || isFarOver ? nil : kept
  }

  /// What has to be read to fill it.
  var wanted: Query {
    var wanted = query
    (wanted.offset, wanted.limit) = (0, capacity)
    return wanted
  }

  /// The indices of the rows that are shown.
  var shown: Range<Int> {
    let start = min(query.offset, rows.count)
    guard let limit = query.limit else { return start..<rows.count }
    return start..<(rows.count - start > limit ? start + limit : rows.count)
  }

  /// Whether rows that have to be shown may be missing.
  var isShort: Bool {
    guard !isComplete, let limit = query.limit else { return false }
    return rows.count - query.offset < limit
  }

  mutating func fill(_ rows: [Row]) {
    self.rows = rows
    isComplete = capacity.map { rows.count < $0 } ?? true
  }

  /// Gives a row its element.
  mutating func decode(_ index: Int, _ decode: (Row) throws -> Element) throws -> Element {
    if let element = rows[index].element { return element }
    let element = try decode(rows[index])
    rows[index].element = element
    rows[index].fields = []
    return element
  }

  /// A row for a record; nil where the query does not mean it.
  func row(_ rowKey: [UInt8], _ fields: [UInt8]?) throws -> Row? {
    guard let fields else { return nil }
    return try fields.withUnsafeBytes { bytes in
      guard try filter.matches({ try Snapshot.value($0, in: bytes) }) else { return nil }
      return Row(position: try position(rowKey, bytes), fields: fields)
    }
  }

  func position(
    _ rowKey: [UInt8], _ fields: UnsafeRawBufferPointer
  ) throws -> Snapshot.Position {
    Snapshot.Position(
      sort: try query.sort.map { try Snapshot.value($0.field, in: fields) }, rowKey: rowKey)
  }

  /// Takes a row out; returns where it was and what it showed, nil where it is not kept.
  mutating func remove(_ position: Snapshot.Position) -> (index: Int, element: Element?)? {
    let index = place(of: position)
    guard index < rows.count, rows[index].position.rowKey == position.rowKey else { return nil }
    return (index, rows.remove(at: index).element)
  }

  /// Puts a row in its place, where it is among those that are kept; returns the place.
  mutating func insert(_ row: Row) -> Int? {
    let index = place(of: row.position)
    guard isComplete || index < rows.count else { return nil }
    rows.insert(row, at: index)
    return index
  }

  /// Lets rows go that are more than twice as many as are wanted.
  mutating func trim() {
    guard let capacity, rows.count / 2 > capacity else { return }
    rows.removeLast(rows.count - capacity)
    isComplete = false
  }

  /// The first index whose row does not come before a position.
  private func place(of position: Snapshot.Position) -> Int {
    var range = 0..<rows.count
    while !range.isEmpty {
      let middle = range.lowerBound + range.count / 2
      range =
        rows[middle].position.precedes(position, by: query.sort)
        ? middle + 1..<range.upperBound : range.lowerBound..<middle
    }
    return range.lowerBound
  }
}
