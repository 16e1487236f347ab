extension Store {
  /// The records a request means, page after page.
  ///
  /// Every page is read at its own moment, behind the last record of the page before: by its sorted
  /// values and key, so that records which come and go between pages move no other into or out of one.
  ///
  /// ```swift
  /// for try await todos in store.pages(of: Todo.sorted(by: .ascending(\.title)), size: 50) { … }
  /// ```
  ///
  /// - Parameters:
  ///   - request: Its offset is left out once, its limit counts over all pages.
  ///   - size: Records in a page, 1 or more.
  public func pages<R: Record>(of request: Request<R>, size: Int) -> Pages<R> {
    Pages(store: self, request: request, size: max(1, size))
  }
}

/// Records page after page; iteration throws what `Snapshot.fetch` does.
public struct Pages<R: Record>: AsyncSequence, Sendable {
  let store: Store
  let request: Request<R>
  let size: Int

  public func makeAsyncIterator() -> Iterator {
    Iterator(store: store, request: request, size: size)
  }

  public struct Iterator: AsyncIteratorProtocol {
    let store: Store
    var request: Request<R>
    let size: Int
    private var position: Snapshot.Position?
    private var isAtEnd = false

    init(store: Store, request: Request<R>, size: Int) {
      (self.store, self.request, self.size) = (store, request, size)
    }

    public mutating func next() async throws -> [R]? {
      guard !isAtEnd else { return nil }
      try Task.checkCancellation()
      let left = request.limit ?? .max
      var page: [R] = []
      position = try store.read { snapshot in
        let wanted = request.limit(Swift.min(size, left), offset: request.offset)
        return try snapshot.page(wanted, after: position) { page.append($0) }
      }
      request.offset = 0
      request.limit = request.limit.map { $0 - page.count }
      isAtEnd = position == nil || request.limit == 0
      return page.isEmpty ? nil : page
    }
  }
}
