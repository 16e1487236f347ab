public import Journal

/// A change of the server's that touches what edits made here touch as well: what a policy decides about.
public struct Conflict: Sendable, Hashable {
  public let collection: String
  public let key: String
  /// The record as the server had it when the edits were made, with what it has accepted of them since; nil
  /// where it did not exist, or where the server judged the edits against a state that was known already.
  public let base: Fields?
  /// The record as it was shown here before the change; nil where it did not exist.
  public let mine: Fields?
  /// The record as the server has it; nil where it does not exist.
  public let theirs: Fields?
  /// The server's version of ``theirs``. Its timestamp is in milliseconds, at servers whose versions are times.
  public let version: ServerVersion
  /// The edits that are contested, oldest first.
  public let edits: [ContestedEdit]
}

/// One edit a conflict is about.
public struct ContestedEdit: Sendable, Hashable {
  /// The position in the journal.
  public let sequence: SequenceNumber
  /// What it does: create, update, put or delete.
  public let kind: EntryKind
  /// The fields it sets; of a create or put all of them.
  public let fields: Fields
  /// The names of the fields it unsets, in the order of their bytes.
  public let unset: [String]
  /// The fields it shares with the server's change, in the order of their bytes; nil where the whole record is
  /// contested.
  public let contested: [String]?
  /// Who made it, where the entry says so.
  public let actor: String?
  /// When it was recorded.
  public let time: Timestamp
  /// Whether it was not sent yet. What was sent stays as it is: a decision to change it becomes a new edit.
  public let isPending: Bool
}

/// What becomes of an edit that is in conflict.
public enum ConflictDecision: Sendable, Hashable {
  /// It stays, on top of the server's state.
  case keep
  /// These fields are set and unset in its place: a create or put then has just the fields set, an update or
  /// delete becomes an update. The entry keeps what it said.
  case replaceWith(_ set: Fields, unset: [String] = [])
  /// It is given up, and its group with it.
  case supersede
  /// It stays, and is not sent until somebody has decided; see ``Store/decide(_:_:by:because:)``.
  case open
}
