/// Why edits of a sealed segment are pending again: the reason of a `retried` entry.
package enum ReleaseReason: String, Sendable, CaseIterable {
  /// The server said that it did not carry them out, and why.
  case answered
  /// It is to judge them later: it said so, or said nothing of them.
  case postponed
  /// The edits look otherwise to the server by now.
  case formChanged = "form changed"
  /// Less of it is sent, to find the edit the server fails for; it said that nothing was carried out.
  case split
  /// The same where it did not say so.
  case splitInDoubt = "split in doubt"
  /// What an edit of it was about is erased: nothing of it is sent again in the same bytes.
  case erasure
  /// The only suspect is left out for the moment, to see whether the server fails for others too.
  case setBackInDoubt = "set back in doubt"

  /// Whether the server may have carried the edits out, where it may or may not have before.
  package func leavesInDoubt(_ wasInDoubt: Bool) -> Bool {
    switch self {
    case .answered: false
    case .postponed, .split: wasInDoubt
    case .formChanged, .splitInDoubt, .setBackInDoubt, .erasure: true
    }
  }
}
