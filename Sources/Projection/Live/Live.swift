import Journal

/// A result that is kept up to date: first the present one, then each that differs from the one before.
///
/// ```swift
/// for try await todos in store.observe(Todo.where(\.isDone == false)) { show(todos) }
/// ```
///
/// Results come in the order of commits, and each is what a read right after a commit showed. A reader
/// that is slower than the commits skips results and gets the newest: at most one waits, and no queue
/// grows. What leaves the result equal, as it is stored, is not told.
///
/// A commit costs what the records it touched cost: they alone are compared, found by binary search, and
/// put in their places. The whole is read again only where nobody noted what happened: after commits
/// of another process, while reading lags far behind, and after a rebuild.
///
/// Each iteration is on its own, so that one value can be read by many. It ends when its task is cancelled
/// or the store is closed, and by throwing what a read throws.
public struct Live<Output: Sendable>: AsyncSequence, Sendable {
  public typealias Element = Output

  let store: Store
  let makeView: @Sendable () throws -> LiveView<Output>

  public func makeAsyncIterator() -> Iterator { Iterator(self) }

  /// Used by one task at a time.
  public struct Iterator: AsyncIteratorProtocol {
    private struct Running {
      let watch: JournalWatch
      let view: LiveView<Output>
      /// The last entry the view has taken in.
      var position: SequenceNumber
    }

    private let live: Live
    private var running: Running?
    private var isAtEnd = false

    init(_ live: Live) {
      self.live = live
    }

    public mutating func next() async throws -> Output? {
      guard !isAtEnd else { return nil }
      do {
        if let output = try await advance() { return output }
      } catch {
        end()
        throw error
      }
      end()
      return nil
    }

    private mutating func end() {
      isAtEnd = true
      running = nil
    }

    private mutating func advance() async throws -> Output? {
      guard !Task.isCancelled else { return nil }
      guard running != nil else { return try begin() }
      while let running, await running.watch.wait(above: running.position) {
        if let output = try available() { return output }
      }
      return nil
    }

    /// The newest result where commits have changed it; does not wait for one.
    mutating func available() throws -> Output? {
      guard var running, running.watch.isRisen(above: running.position) else { return nil }
      let isChanged = try take(&running)
      self.running = running
      return isChanged ? try running.view.output() : nil
    }

    private mutating func begin() throws -> Output {
      let journal = live.store.journal
      let watch = try journal.watch()
      let view = try live.makeView()
      let position = try live.store.read { snapshot in
        _ = try view.load(snapshot)
        return snapshot.through
      }
      running = Running(watch: watch, view: view, position: position)
      return try view.output()
    }

    /// Brings the view up to date; returns whether its output is another one.
    private func take(_ running: inout Running) throws -> Bool {
      if let (groups, through) = running.watch.groups(above: running.position) {
        running.position = through
        let effects = try RowEffect.net(groups)
        if effects.isEmpty { return false }
        // Under another key a record has another place, and other references mean it.
        let isMoved = effects.contains(where: \.isMove)
        switch try isMoved ? .mustLoad : running.view.apply(effects) {
        case .unchanged: return false
        case .changed: return true
        case .mustLoad: break
        }
      }
      let (isChanged, position) = try live.store.read { snapshot in
        (try running.view.load(snapshot), snapshot.through)
      }
      running.position = position
      return isChanged
    }
  }
}
