/// Why a sealed segment was let go of without a verdict for each of its edits: the reason of a `retried` entry.
package enum ReleaseReason: String, Sendable, CaseIterable {
  /// The edits look otherwise to the server by now.
  case formChanged = "form changed"
  /// Less of it is sent, to find the edit the server fails for; it said that nothing was carried out.
  case split
  /// The same where it did not say so.
  case splitInDoubt = "split in doubt"
  /// The only suspect is left out for the moment, to see whether the server fails for others too.
  case setBackInDoubt = "set back in doubt"

  /// Whether the server may have carried the edits out.
  package var leavesInDoubt: Bool {
    switch self {
    case .splitInDoubt, .setBackInDoubt: true
    case .formChanged, .split: false
    }
  }
}
