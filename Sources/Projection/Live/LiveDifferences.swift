extension Live {
  /// The results with what each differs in from the one before.
  ///
  /// ```swift
  /// for try await update in store.observe(request).differences() {
  ///   for step in update.difference.inferringMoves() { apply(step) }
  /// }
  /// ```
  ///
  /// Costs the length of the result for each update, and times the number of differences where the two
  /// differ in many places.
  public func differences<R: Equatable>() -> LiveDifferences<R> where Output == [R] {
    LiveDifferences(live: self)
  }
}

/// Results with their differences; see ``Live/differences()``.
public struct LiveDifferences<R: Equatable & Sendable>: AsyncSequence, Sendable {
  public typealias Element = LiveDifference<R>

  let live: Live<[R]>

  public func makeAsyncIterator() -> Iterator {
    Iterator(results: live.makeAsyncIterator())
  }

  /// Used by one task at a time.
  public struct Iterator: AsyncIteratorProtocol {
    var results: Live<[R]>.Iterator
    private var before: [R] = []

    init(results: Live<[R]>.Iterator) {
      self.results = results
    }

    public mutating func next() async throws -> LiveDifference<R>? {
      guard let records = try await results.next() else { return nil }
      defer { before = records }
      return LiveDifference(records: records, difference: records.difference(from: before))
    }
  }
}

/// A result and the way to it from the one before.
public struct LiveDifference<R: Equatable & Sendable>: Sendable, Equatable {
  /// The whole result.
  public let records: [R]
  /// What is removed from the result before and inserted into it; of the first one all is inserted. A
  /// record that changed in its place is removed and inserted there.
  public let difference: CollectionDifference<R>
}
