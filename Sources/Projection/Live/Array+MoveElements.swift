import Journal

extension Array {
  /// Moves a run of elements to another place.
  ///
  /// ```swift
  /// try tx.update(List.self, id) { try $0.items.moveElements(from: -1, to: 2) }
  /// ```
  ///
  /// Negative indices count from the end: −1 is the last place the run can begin at.
  ///
  /// - Parameters:
  ///   - source: Where the run begins.
  ///   - destination: Where it begins afterwards.
  ///   - count: How many elements, 0 or more.
  /// - Throws: `JournalError.invalidInput` when the run does not lie in the array, before or after;
  ///   nothing was moved then.
  public mutating func moveElements(
    from source: Int, to destination: Int, count length: Int = 1
  ) throws {
    guard length >= 0, length <= count else {
      throw JournalError.invalidInput(
        "a run of \(length) elements cannot be moved in an array of \(count); take fewer")
    }
    let last = count - length
    func place(_ index: Int) throws -> Int {
      let place = index < 0 ? index + last + 1 : index
      guard (0...last).contains(place) else {
        throw JournalError.invalidInput(
          "a run of \(length) elements cannot begin at \(index) in an array of \(count); use an index "
            + "from \(-last - 1) to \(last)")
      }
      return place
    }
    let (start, end) = (try place(source), try place(destination))
    let run = Array(self[start..<start + length])
    removeSubrange(start..<start + length)
    insert(contentsOf: run, at: end)
  }
}
