import Journal

extension Store {
  /// A value computed from live results: now, and after each commit that changes it.
  ///
  /// ```swift
  /// let progress = store.derive(
  ///   from: store.observeCount(of: done), store.observeCount(of: Request<Todo>())
  /// ) { done, all in all == 0 ? 1 : Double(done) / Double(all) }
  /// ```
  ///
  /// The closure runs once at the beginning and once for each commit that changes an input, however many
  /// of them; for commits that came while nobody iterated, once together. All inputs are of one moment.
  /// An equal value is not told. The result can be an input in its turn.
  ///
  /// - Parameters:
  ///   - inputs: Live results of this store; others make iteration throw `JournalError.invalidInput`.
  ///   - compute: Computes the value from the inputs' newest results. What it throws ends the iteration.
  public func derive<each Input: Sendable, Output: Sendable & Equatable>(
    from inputs: repeat Live<each Input>,
    compute: @escaping @Sendable (repeat each Input) throws -> Output
  ) -> Live<Output> {
    Live(store: self) {
      var views: [AnyLiveView] = []
      func view<V>(_ live: Live<V>) throws -> LiveView<V> {
        guard live.store === self else {
          throw JournalError.invalidInput(
            "an input of a derived value is of another store; derive from results of one store")
        }
        let view = try live.makeView()
        views.append(view)
        return view
      }
      let inputs = (repeat try view(each inputs))
      return DerivedView(views) { try compute(repeat try (each inputs).output()) }
    }
  }
}

/// A value computed from other views.
final class DerivedView<Output: Equatable>: LiveView<Output> {
  private let inputs: [AnyLiveView]
  private let compute: () throws -> Output
  private var value: Output?
  /// Whether inputs have changed since the value was computed.
  private var isStale = false

  init(_ inputs: [AnyLiveView], _ compute: @escaping () throws -> Output) {
    self.inputs = inputs
    self.compute = compute
  }

  override func output() throws -> Output {
    if let value { return value }
    let value = try compute()
    self.value = value
    return value
  }

  override func load(_ snapshot: Snapshot) throws -> Bool {
    for input in inputs where try input.load(snapshot) { isStale = true }
    return try refresh() || value == nil
  }

  override func apply(_ effects: [RowEffect]) throws -> Step {
    var mustLoad = false
    for input in inputs {
      switch try input.apply(effects) {
      case .unchanged: break
      case .changed: isStale = true
      case .mustLoad: mustLoad = true
      }
    }
    if mustLoad { return .mustLoad }
    return try refresh() ? .changed : .unchanged
  }

  /// Computes the value anew where inputs have changed; returns whether it is another one.
  private func refresh() throws -> Bool {
    guard isStale else { return false }
    isStale = false
    let before = value
    value = try compute()
    return value != before
  }
}
