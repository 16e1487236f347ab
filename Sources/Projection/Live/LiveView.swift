/// Something computed from records that is kept up to date: what a ``Live`` runs.
///
/// Used by one task at a time; its output is worth something once it was loaded.
class LiveView<Output>: AnyLiveView {
  func output() throws -> Output {
    preconditionFailure("a live view says what it shows")
  }
}

/// A live view, whatever it shows.
class AnyLiveView {
  /// What a step did to the output.
  enum Step {
    case unchanged
    case changed
    /// The effects do not tell what there is now: it has to be loaded.
    case mustLoad
  }

  /// Reads everything anew; returns whether the output is another one.
  func load(_ snapshot: Snapshot) throws -> Bool {
    preconditionFailure("a live view can be loaded")
  }

  /// Takes in what commits did, in their order, one effect a record.
  func apply(_ effects: [RowEffect]) throws -> Step {
    preconditionFailure("a live view takes effects in")
  }
}
