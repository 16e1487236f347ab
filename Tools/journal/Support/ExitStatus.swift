import ArgumentParser
import Foundation
import Journal
import Transport

/// The exit codes scripts rely on.
enum ExitStatus {
  static let negative: Int32 = 1
  static let unavailable: Int32 = 2
  static let exchange: Int32 = 3
  static let belowHorizon: Int32 = 4
  static let usage: Int32 = 64

  static func of(_ error: any Error) -> Int32 {
    switch error {
    case let error as JournalError:
      switch error {
      case .invalidInput, .alreadyExists, .entryIDReused, .tooOld, .unexpectedVersion,
        .notParked, .underWay:
        usage
      case .belowHorizon: belowHorizon
      default: unavailable
      }
    case let error as TransportError:
      switch error {
      case .busy: unavailable
      case .invalidConfiguration: usage
      default: exchange
      }
    default: unavailable
    }
  }
}

/// A finding that is negative, or input that does not fit, said already or with this message.
struct Finding: Error {
  var status: Int32
  var message: String?
  /// A short name of what went wrong, for programs; nil is the one of the status.
  var code: String?
  /// What to do now, for programs; nil is what the code suggests.
  var next: String?
  /// What the command's object says beside the error.
  var fields = Fields()

  static func negative(_ message: String? = nil) -> Finding {
    Finding(status: ExitStatus.negative, message: message)
  }

  static func usage(_ message: String) -> Finding {
    Finding(status: ExitStatus.usage, message: message)
  }
}
