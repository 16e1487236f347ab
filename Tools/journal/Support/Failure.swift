import ArgumentParser
import Foundation
import Journal
import Transport

/// Why a command ended without doing what it was asked for: for people a message, for programs an object as well.
struct Failure {
  let status: Int32
  /// A short name of what went wrong, stable across releases.
  let code: String
  let message: String
  /// What to do now.
  var next: String
  /// What the command's own object says beside.
  var fields = Fields()

  /// Nil for a finding, which is an answer, and for what was said already.
  init?(_ error: any Error) {
    switch error {
    case let error as Finding:
      guard let message = error.message, error.status != ExitStatus.negative else { return nil }
      (status, self.message, fields) = (error.status, message, error.fields)
      code = error.code ?? Self.code(of: error.status)
    case let error as JournalError:
      (status, code, message) = (ExitStatus.of(error), error.code, "\(error)")
    case let error as TransportError:
      (status, code, message) = (ExitStatus.of(error), error.code, "\(error)")
    case is CocoaError, is POSIXError:
      // What the system's library says of it names neither place nor remedy.
      (status, code) = (ExitStatus.unavailable, "storage")
      message = "the system did not carry out what was asked of it: \(SystemReason.of(error))"
    default:
      (status, code, message) = (ExitStatus.unavailable, "failed", "\(error)")
    }
    next = (error as? Finding)?.next ?? NextStep.after(code, error)
  }

  /// Of a command line that is none.
  init(usage message: String) {
    (status, code, self.message) = (ExitStatus.usage, "usage", message)
    next = NextStep.after("usage", nil)
  }

  private static func code(of status: Int32) -> String {
    switch status {
    case ExitStatus.usage: "usage"
    case ExitStatus.exchange: "unreachable"
    case ExitStatus.belowHorizon: "below-horizon"
    default: "failed"
    }
  }

  /// The object programs read: what the command has to say for itself, and the error.
  var object: Fields {
    var object = fields
    object["error"] = [
      "code": .string(code), "exit": .integer(Int64(status)), "message": .string(message),
      "next": .string(next),
    ]
    return object
  }

  /// Says it: to people always, to programs where they asked for JSON.
  func report() {
    Diagnostics.error(message)
    guard Self.isJSONWanted else { return }
    let output = Output()
    output.line(JSONLines.text(object))
    output.flush()
  }

  /// Whether the command line asks for JSON. Looked at as it was given: it may be one that cannot be parsed.
  static var isJSONWanted: Bool {
    CommandLine.arguments.dropFirst().prefix { $0 != "--" }.contains("--json")
  }
}

/// What to do after an error, by its code.
enum NextStep {
  static func after(_ code: String, _ error: (any Error)?) -> String {
    switch code {
    case "unreachable":
      "see that the server runs and that `journal remote list` has its address, then sync again"
    case "unauthorized":
      "put the header's value into the variable that the remote's --auth-env names, then sync again"
    case "unavailable": later(error)
    case "protocol-violation":
      "see that the remote's address is that of a server of its kind, then ask who runs the server"
    case "cursor-unknown", "resync-required": "journal sync --full reads the server's full state"
    case "mass-deletion":
      "look at the server; journal sync --confirm-deletions lets the records go, --keep-records keeps them"
    case "invalid-configuration": "put right what the message names; `journal remote list` shows it"
    case "cannot-open": "see that the path is right and may be read and written by this user"
    case "damaged":
      "copy the directory before anything else; `journal verify` says what of it is damaged"
    case "busy": "wait until the other process is done, or end it, then do it again"
    case "storage": "see to the disk: space, rights and errors, then do it again"
    case "unknown-outcome": "look with `journal log` whether it is stored before doing it again"
    case "below-horizon": "ask the archive that the message names, in the place of the journal"
    case "key-missing", "wrong-key":
      "put the journal's key into JOURNAL_KEY or what --key-env names"
    case "unsupported", "schema-from-the-future": "use the newest release of this program"
    case "not-parked", "under-way":
      "`journal parked` and `journal pending` list what can be decided"
    default: "put right what the message names; `journal help` and the verb tell what it takes"
    }
  }

  private static func later(_ error: (any Error)?) -> String {
    guard let asked = (error as? TransportError)?.retryAfterMilliseconds, asked > 0 else {
      return "sync again later; nothing is lost"
    }
    return "sync again in \(RetryAfter.seconds(asked)) s; nothing is lost"
  }
}

/// A time a server asks for, as people and programs are told of it.
enum RetryAfter {
  /// Whole seconds, never too few.
  static func seconds(_ milliseconds: UInt64) -> UInt64 {
    milliseconds / 1000 + (milliseconds % 1000 > 0 ? 1 : 0)
  }
}

/// Why the system refused something, in words without the names of its libraries.
enum SystemReason {
  static func of(_ error: any Error) -> String {
    if let error = error as? POSIXError { return text(error.code.rawValue) }
    let error = error as NSError
    if let cause = error.userInfo[NSUnderlyingErrorKey] as? NSError,
      cause.domain == NSPOSIXErrorDomain, let code = Int32(exactly: cause.code)
    {
      return text(code)
    }
    return switch CocoaError.Code(rawValue: error.code) {
    case .fileReadNoSuchFile, .fileNoSuchFile: "there is no such file"
    case .fileReadNoPermission, .fileWriteNoPermission: "permission denied"
    case .fileWriteOutOfSpace: "the disk is full"
    case .fileWriteFileExists: "it exists already"
    default: "the system gives no reason"
    }
  }

  /// The system's words for a number of `errno`.
  static func text(_ code: Int32) -> String {
    switch code {
    case ENOENT: "there is no such file"
    case EISDIR: "it is a directory"
    case ENOTDIR: "a part of the path is no directory"
    default: String(cString: strerror(code)).lowercased()
    }
  }
}
