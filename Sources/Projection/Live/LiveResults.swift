public import Observation

/// Records a request means, for a user interface: redraws what reads them when they change.
///
/// ```swift
/// @State private var todos = LiveResults(store.observe(Todo.sorted(by: .ascending(\.title))))
/// // …
/// List(todos.records) { Text($0.title) }.task { await todos.run() }
/// ```
///
/// Lives on the main actor, reads elsewhere.
@MainActor @Observable public final class LiveResults<R: Sendable> {
  /// The newest result; empty before the first one.
  public private(set) var records: [R] = []
  /// What ended the last run.
  public private(set) var error: (any Error)?
  /// Whether there was a first result.
  public private(set) var isLoaded = false

  @ObservationIgnored private let live: Live<[R]>

  /// Results that are followed while ``run()`` runs.
  public init(_ live: Live<[R]>) {
    self.live = live
  }

  /// Follows the results until the task is cancelled, the store is closed or an error ends it.
  ///
  /// The owner's task runs it; it can be run again afterwards.
  public func run() async {
    error = nil
    do {
      for try await records in live {
        self.records = records
        isLoaded = true
      }
    } catch {
      self.error = error
    }
  }
}
