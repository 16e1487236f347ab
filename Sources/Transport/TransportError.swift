/// Why an exchange with a remote could not be completed. Nothing local is lost by any of them:
/// what was not acknowledged is sent again by the next sync.
@nonexhaustive
public enum TransportError: Error, Sendable, Equatable {
  /// No connection, a timeout, or the connection broke.
  case unreachable(String)
  /// The server does not accept the credentials.
  case unauthorized(String)
  /// The server answered something the protocol does not allow.
  case protocolViolation(String)
  /// The server asks to come back later, in so many milliseconds where it says when.
  case unavailable(String, retryAfterMilliseconds: UInt64? = nil)
  /// The server does not know the cursor: another epoch, or it went back.
  case cursorUnknown(String)
  /// What followed the cursor is no longer there to be read; the full state is.
  case resyncRequired(String)
  /// The server's full state lacks more than half of the records it had, and more than twenty. None
  /// is gone yet: sync again with ``SyncEngine/Options/confirmingDeletions`` where that is right.
  case massDeletion(String)
  /// Another process is exchanging with this journal's remotes.
  case busy(String)
  /// The request itself cannot be made: a bad URL, an unset variable.
  case invalidConfiguration(String)

  /// A short name of the case, stable across releases.
  public var code: String {
    switch self {
    case .unreachable: "unreachable"
    case .unauthorized: "unauthorized"
    case .protocolViolation: "protocol-violation"
    case .unavailable: "unavailable"
    case .cursorUnknown: "cursor-unknown"
    case .resyncRequired: "resync-required"
    case .massDeletion: "mass-deletion"
    case .busy: "busy"
    case .invalidConfiguration: "invalid-configuration"
    }
  }
}

extension TransportError {
  /// How long the server wants to be left alone; nil where it does not say.
  public var retryAfterMilliseconds: UInt64? {
    if case .unavailable(_, let milliseconds) = self { milliseconds } else { nil }
  }

  /// Whether it says that the place of a reader is no longer one, and not that it cannot be read.
  var isAboutPlace: Bool {
    switch self {
    case .cursorUnknown, .resyncRequired: true
    default: false
    }
  }

  /// Whether it speaks of what was asked for rather than of the server.
  var isOfOneList: Bool {
    if case .protocolViolation = self { true } else { false }
  }

  /// Whether trying again is of no use before somebody has put something right.
  var needsSomebody: Bool {
    switch self {
    case .unauthorized, .invalidConfiguration, .massDeletion: true
    default: false
    }
  }
}

extension TransportError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unreachable(let text), .unauthorized(let text), .protocolViolation(let text),
      .unavailable(let text, _), .cursorUnknown(let text), .resyncRequired(let text),
      .massDeletion(let text), .busy(let text), .invalidConfiguration(let text):
      text
    }
  }
}
