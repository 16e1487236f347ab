/// What went wrong in the Journal module, and what the caller can do about it.
///
/// Every case carries a message written for the person who has to act: what happened, where
/// (path, sequence, key) and the next step. ``code`` is stable across releases.
@nonexhaustive
public enum JournalError: Error, Sendable, Equatable {
  /// The caller's input breaks a rule of the format; nothing was written.
  case invalidInput(String)
  /// A record does not have the form a type asks for; the message names the field.
  case typeMismatch(String)
  /// An edit would give two records values that an index keeps unique; nothing was written.
  case duplicateValue(String)
  /// A record cannot be deleted while another one refers to it; nothing was written.
  case stillReferred(String)
  /// A journal already stands where one was to be created.
  case alreadyExists(String)
  /// No journal is there, or it cannot be opened with this user's rights.
  case cannotOpen(String)
  /// Bytes do not agree with their checksum or structure; nothing was changed. Run `verify`.
  case damaged(String)
  /// Another process or handle holds what this call needs alone.
  case busy(String)
  /// The operating system refused: disk full, I/O error, no permission.
  case storage(String)
  /// A commit failed half-way: the entries may or may not be stored. Reopen and compare.
  case unknownOutcome(String)
  /// A read was held open too long while others wrote, and was ended. Read again.
  case readExpired(String)
  /// The asked state lies below the horizon.
  case belowHorizon(String)
  /// The entry id is known with other content.
  case entryIDReused(String)
  /// The record has changed since the writer looked at it; nothing was written.
  case unexpectedVersion(String)
  /// The edit is not set aside, so that nothing can be decided about it; nothing was written.
  case notParked(String)
  /// A server may have the edit or has accepted it: it cannot be given up; nothing was written.
  case underWay(String)
  /// Edits no server has yet would be lost.
  case pendingEdits(String)
  /// The entry id is older than the ids this journal still remembers.
  case tooOld(String)
  /// The journal is encrypted and a key it needs was not given.
  case keyMissing(String)
  /// A key that was given is not the one the journal is encrypted under.
  case wrongKey(String)
  /// A key was given for a journal that is not encrypted.
  case notEncrypted(String)
  /// The journal has seen a migration that this program does not know; nothing was changed.
  case schemaFromTheFuture(String)
  /// A migration that would have to be undone cannot be; nothing was changed.
  case irreversibleMigration(String)
  /// An entry of a kind, encoding or format version this release does not know.
  case unsupported(String)

  /// A short name of the case, stable across releases.
  public var code: String {
    switch self {
    case .invalidInput: "invalid-input"
    case .typeMismatch: "type-mismatch"
    case .duplicateValue: "duplicate-value"
    case .stillReferred: "still-referred"
    case .alreadyExists: "already-exists"
    case .cannotOpen: "cannot-open"
    case .damaged: "damaged"
    case .busy: "busy"
    case .storage: "storage"
    case .unknownOutcome: "unknown-outcome"
    case .readExpired: "read-expired"
    case .belowHorizon: "below-horizon"
    case .entryIDReused: "entry-id-reused"
    case .unexpectedVersion: "unexpected-version"
    case .notParked: "not-parked"
    case .underWay: "under-way"
    case .pendingEdits: "pending-edits"
    case .tooOld: "too-old"
    case .keyMissing: "key-missing"
    case .wrongKey: "wrong-key"
    case .notEncrypted: "not-encrypted"
    case .schemaFromTheFuture: "schema-from-the-future"
    case .irreversibleMigration: "irreversible-migration"
    case .unsupported: "unsupported"
    }
  }
}

extension JournalError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .invalidInput(let text), .typeMismatch(let text), .duplicateValue(let text),
      .stillReferred(let text), .alreadyExists(let text), .cannotOpen(let text),
      .damaged(let text), .busy(let text), .storage(let text), .unknownOutcome(let text),
      .belowHorizon(let text), .entryIDReused(let text), .tooOld(let text),
      .pendingEdits(let text), .notParked(let text), .underWay(let text),
      .unexpectedVersion(let text), .keyMissing(let text), .wrongKey(let text),
      .notEncrypted(let text), .readExpired(let text), .schemaFromTheFuture(let text),
      .irreversibleMigration(let text), .unsupported(let text):
      text
    }
  }
}
