/// Values a strict server does not take.
enum Ill: String, Sendable, CaseIterable {
  /// It refuses the edit.
  case refused
  /// It fails for the whole request, and says that the request is to blame.
  case tooLarge
  /// It fails for the whole request, and does not say why.
  case failing

  /// What is wrong with an edit.
  init?(_ intent: Intent) {
    guard let found = Ill.allCases.first(where: { intent.fields["c"] == $0.rawValue }) else {
      return nil
    }
    self = found
  }
}
