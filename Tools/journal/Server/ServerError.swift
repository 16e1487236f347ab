import Journal

/// An answer of the server that is not a success.
enum ServerError: Error, Equatable {
  case badRequest(String)
  case unauthorized
  case notFound
  case tooLarge
  case unsupportedEncoding
  /// The cursor is of another epoch, of a lost future, or below the horizon.
  case cursorUnknown(code: String, message: String)
  case unavailable(String)

  var status: Int {
    switch self {
    case .badRequest: 400
    case .unauthorized: 401
    case .notFound: 404
    case .tooLarge: 413
    case .unsupportedEncoding: 415
    case .cursorUnknown: 410
    case .unavailable: 503
    }
  }

  var code: String {
    switch self {
    case .badRequest: "bad-request"
    case .unauthorized: "unauthorized"
    case .notFound: "not-found"
    case .tooLarge: "too-large"
    case .unsupportedEncoding: "unsupported-encoding"
    case .cursorUnknown(let code, _): code
    case .unavailable: "unavailable"
    }
  }

  var message: String {
    switch self {
    case .badRequest(let text), .unavailable(let text), .cursorUnknown(_, let text): text
    case .unauthorized: "the request carries no token this server knows"
    case .notFound: "there is nothing at this address"
    case .tooLarge: "the request is over 2 MiB"
    case .unsupportedEncoding: "the request's body is encoded in another way than deflate"
    }
  }
}
