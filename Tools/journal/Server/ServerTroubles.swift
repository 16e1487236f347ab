import Journal
import Synchronization

/// Tells whoever runs the server what ails its journals: clients are told only that something does.
///
/// The same trouble meets each request; it is said once a minute.
final class ServerTroubles: Sendable {
  private static let pause = Duration.seconds(60)

  private let said = Mutex<(message: String, until: ContinuousClock.Instant)?>(nil)
  private let say: @Sendable (String) -> Void

  /// - Parameter say: Takes a message; standard error unless given.
  init(say: @escaping @Sendable (String) -> Void = { Diagnostics.error($0) }) {
    self.say = say
  }

  func note(_ error: JournalError, at now: ContinuousClock.Instant = .now) {
    let message = "a request could not be served: \(error)"
    let isNews = said.withLock { said in
      if let known = said, known.message == message, now < known.until { return false }
      said = (message, now + Self.pause)
      return true
    }
    if isNews { say(message) }
  }
}
