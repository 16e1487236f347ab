import Journal

/// How conflicts of a collection are decided.
///
/// ```swift
/// static let schema = Schema<Todo>("todos", .conflicts(.serverWins))
/// ```
///
/// Runs once for each conflict, when the server's change is taken in; what came of it is an entry, and folds go
/// by that entry alone.
public struct ConflictPolicy: Sendable {
  /// What the journal calls it: the built-in ones by the name they have here.
  public let name: String
  /// Whether a server is to take edits only where their records have not moved on, so that there is
  /// something to decide about before it does.
  public let isStrict: Bool
  /// Whether an edit that finds its record deleted brings it back.
  let restoresDeleted: Bool
  /// Whether the app brings it.
  let isCustom: Bool
  let decide: @Sendable (Conflict, ContestedEdit) -> ConflictDecision

  /// Both sides' fields survive, field by field; on the same field the edit made here wins, as does one that
  /// puts or deletes the record. An update of what the server deleted has no effect.
  public static let rebase = ConflictPolicy("rebase") { _, _ in .keep }

  /// What the server has stays: a contested edit is given up, and its group with it.
  public static let serverWins = ConflictPolicy("serverWins", isStrict: true) { _, _ in .supersede }

  /// What was made here stays, also of a record that the server has deleted meanwhile: it is put back.
  public static let clientWins = ConflictPolicy("clientWins", restoresDeleted: true) { _, _ in
    .keep
  }

  /// Whoever wrote last: the timestamp of the server's version, in milliseconds, is held against the time the edit was
  /// recorded; of equal ones the server's counts as the later.
  ///
  /// Not the time an edit claims, which anybody can set. For servers whose versions are times: ours, Kinto, and
  /// plain ones whose version field is one.
  public static let lastWriter = ConflictPolicy("lastWriter", isStrict: true) { conflict, edit in
    edit.time.milliseconds > conflict.version.timestamp ? .keep : .supersede
  }

  /// A policy of the app's own.
  ///
  /// ```swift
  /// .conflicts(.custom("tags") { conflict, edit in
  ///   guard case .array(let mine) = edit.fields["tags"],
  ///     case .array(let theirs) = conflict.theirs?["tags"]
  ///   else { return .keep }
  ///   var fields = edit.fields
  ///   fields["tags"] = .array(theirs + mine.filter { !theirs.contains($0) })
  ///   return .replaceWith(fields)
  /// })
  /// ```
  ///
  /// Asked about each contested edit of a conflict, oldest first, inside the write transaction: it must be pure and quick,
  /// and may be asked twice. A program that does not bring it, the command-line tool for one, leaves the
  /// conflict open. A patch that is no record's (a name outside 1 to 128 bytes, too deep, too large) leaves it
  /// open as well.
  ///
  /// - Parameters:
  ///   - name: 1 to 128 bytes, none of the built-in names. Change it when the policy changes.
  ///   - decide: What becomes of an edit.
  public static func custom(
    _ name: String,
    _ decide: @escaping @Sendable (_ conflict: Conflict, _ edit: ContestedEdit) -> ConflictDecision
  ) -> ConflictPolicy {
    ConflictPolicy(name, isStrict: true, isCustom: true, decide)
  }

  private init(
    _ name: String, isStrict: Bool = false, restoresDeleted: Bool = false, isCustom: Bool = false,
    _ decide: @escaping @Sendable (Conflict, ContestedEdit) -> ConflictDecision
  ) {
    (self.name, self.isStrict, self.restoresDeleted) = (name, isStrict, restoresDeleted)
    (self.isCustom, self.decide) = (isCustom, decide)
  }

  static let builtIn: [ConflictPolicy] = [.rebase, .serverWins, .clientWins, .lastWriter]

  static func builtIn(named name: String) -> ConflictPolicy? {
    builtIn.first { $0.name.utf8.elementsEqual(name.utf8) }
  }

  /// - Throws: `JournalError.invalidInput` for a policy of one's own that cannot be told from others.
  func check() throws {
    guard isCustom else { return }
    guard (1...RecordAddress.maximumNameBytes).contains(name.utf8.count),
      Self.builtIn(named: name) == nil, name != ConflictDecider.undeclared
    else {
      throw JournalError.invalidInput(
        "a conflict policy of one's own needs a name of 1 to 128 bytes that is no built-in policy's, not "
          + "\"\(name)\"")
    }
  }
}

/// The policies a program brings, by the bytes of the collection's name.
package struct ConflictPolicies: Sendable {
  private var policies: [[UInt8]: ConflictPolicy] = [:]

  package init() {}

  init(_ schemas: [RegisteredSchema]) {
    for schema in schemas {
      if let policy = schema.policy { policies[Array(schema.collection.utf8)] = policy }
    }
  }

  /// The policy the journal names; nil where neither the library nor the program has it.
  func policy(named name: String, of collection: String) -> ConflictPolicy? {
    if let policy = ConflictPolicy.builtIn(named: name) { return policy }
    guard let own = policies[Array(collection.utf8)], own.name.utf8.elementsEqual(name.utf8) else {
      return nil
    }
    return own
  }
}
