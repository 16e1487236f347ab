import Journal

/// What one edit does to its record, or several edits of it one after the other.
enum RecordEdit: Equatable {
  case create(Fields)
  case put(Fields)
  /// The values of what is taken away are null. Names are told apart by their bytes, as `Fields` does it and a
  /// set of strings would not.
  case update(set: Fields, unset: Fields)
  case delete
  /// A record that was made and deleted before a server heard of it.
  case nothing

  /// Why a server of records cannot be asked for a change.
  struct Unsupported: Error {
    let message: String
  }

  /// - Throws: ``Unsupported``; `JournalError` for a body that is damaged.
  init(_ kind: EntryKind, _ body: Body) throws {
    guard body.raw(.operations) == nil else {
      throw Unsupported(message: "a server of records knows no operations on fields")
    }
    switch kind {
    case .create: self = .create(try Self.fields(body, .fields))
    case .put: self = .put(try Self.fields(body, .fields))
    case .delete: self = .delete
    case .update:
      var unset = Fields()
      if body.raw(.unset) != nil {
        var reader = try body.reader(.unset)
        for _ in 0..<(try reader.arrayCount()) { unset[try reader.string()] = .some(.null) }
      }
      self = .update(set: try Self.fields(body, .set), unset: unset)
    default: throw Unsupported(message: "a server of records cannot be asked for a \(kind)")
    }
  }

  private static func fields(_ body: Body, _ key: BodyKey) throws -> Fields {
    guard let raw = body.raw(key) else { return Fields() }
    var reader = CBORReader(raw)
    guard case .object(let fields) = try reader.value(maxDepth: Limits.depth) else {
      throw JournalError.damaged("the fields of an edit are not a map; run `journal verify`")
    }
    return fields
  }

  /// This edit and a later one as one.
  ///
  /// - Parameter isNew: Whether no server had the record before the first of them.
  func followed(by next: RecordEdit, isNew: Bool) -> RecordEdit {
    switch (self, next) {
    case (_, .nothing): return self
    case (.create, .delete) where isNew, (.put, .delete) where isNew: return .nothing
    case (.nothing, .delete), (.nothing, .update): return .nothing
    case (.nothing, .create), (.nothing, .put): return next
    case (_, .delete): return .delete
    case (.delete, .create(let fields)): return .put(fields)
    // An update of what is deleted does nothing.
    case (.delete, .update): return .delete
    case (.create, .create(let fields)), (.create, .put(let fields)): return .create(fields)
    case (_, .create(let fields)), (_, .put(let fields)): return .put(fields)
    case (.create(let fields), .update(let set, let unset)):
      return .create(Self.patched(fields, set, unset))
    case (.put(let fields), .update(let set, let unset)):
      return .put(Self.patched(fields, set, unset))
    case (.update(let set, let unset), .update(let later, let gone)):
      var unset = unset
      for name in later.names { unset[name] = .none }
      for (name, value) in gone { unset[name] = value }
      return .update(set: Self.patched(set, later, gone), unset: unset)
    }
  }

  static func patched(_ fields: Fields, _ set: Fields, _ unset: Fields) -> Fields {
    var fields = fields
    for name in unset.names { fields[name] = .none }
    for (name, value) in set { fields[name] = value }
    return fields
  }
}

/// The edits of one record within a segment: one request at a server that knows records only, and one
/// answer for all of them.
struct CoalescedEdit {
  enum Base: Equatable {
    /// No server was known to have the record.
    case none
    case version(ServerVersion)
    /// Its writer's earlier edit, which is not part of the segment.
    case unknown
  }

  let collection: String
  let key: String
  let base: Base
  /// The edits in their order, by their positions in the segment.
  private(set) var parts: [(position: Int, edit: RecordEdit)]

  /// Some of the edits, by their places in ``parts``, as one.
  func edit(_ range: Range<Int>) -> RecordEdit {
    guard let first = parts[range].first else { return .nothing }
    let isNew = base == .none && range.lowerBound == 0
    return parts[range].dropFirst().reduce(first.edit) { edit, part in
      edit.followed(by: part.edit, isNew: isNew)
    }
  }

  /// A segment's changes by record, in the order in which records come up first; the same for the same
  /// segment.
  ///
  /// What stands between two edits of a record says nothing of it, so that they may move together.
  ///
  /// - Parameters:
  ///   - changes: The segment.
  ///   - refusal: Why a change cannot be asked for, before anything is. A group one of whose changes cannot be
  ///     asked for is left out as a whole; what follows it in its record waits.
  /// - Returns: The requests, and verdicts for what is in none of them.
  static func requests(
    of changes: [SegmentChange], refusal: (_ change: SegmentChangeNames, RecordEdit) -> Verdict?
  ) throws -> (requests: [CoalescedEdit], verdicts: [Int: Verdict]) {
    var requests: [CoalescedEdit] = []
    var places: [[UInt8]: Int] = [:]
    var held: Set<[UInt8]> = []
    var verdicts: [Int: Verdict] = [:]
    var start = 0
    for end in changes.indices where !changes[end].moreOfGroup {
      let group = start...end
      start = end + 1
      let read = try group.map { try Self.read(changes[$0], refusal) }
      if read.contains(where: { if case .refused = $0 { true } else { false } }) {
        for (position, one) in zip(group, read) {
          switch one {
          case .refused(let verdict, let rowKey):
            verdicts[position] = verdict
            if let rowKey { held.insert(rowKey) }
          case .edit(let names, _):
            verdicts[position] = groupRefused
            held.insert(names.rowKey)
          }
        }
        continue
      }
      for (position, one) in zip(group, read) {
        guard case .edit(let names, let edit) = one else { continue }
        if held.contains(names.rowKey) {
          verdicts[position] = .retry(afterMilliseconds: 0)
        } else if let place = places[names.rowKey] {
          requests[place].parts.append((position, edit))
        } else {
          places[names.rowKey] = requests.count
          requests.append(
            CoalescedEdit(
              collection: names.collection, key: names.key,
              base: base(changes[position].base), parts: [(position, edit)]))
        }
      }
    }
    return (requests, verdicts)
  }

  private static let groupRefused = Verdict.refused(
    code: ParkedEdit.groupCut, message: "another edit of its group cannot be sent")

  private static func base(_ base: SegmentChange.Base) -> Base {
    switch base {
    case .none: .none
    case .version(let version): .version(version)
    // Only the first edit of a record is asked, and what it stands on is not here.
    case .entry: .unknown
    }
  }

  private enum Read {
    case edit(SegmentChangeNames, RecordEdit)
    case refused(Verdict, rowKey: [UInt8]?)
  }

  private static func read(
    _ change: SegmentChange, _ refusal: (SegmentChangeNames, RecordEdit) -> Verdict?
  ) throws -> Read {
    try change.body.withUnsafeBytes { bytes in
      let body = try Body(bytes)
      guard let names = try body.record()?.names, let rowKey = try body.record()?.rowKey else {
        return .refused(
          .refused(
            code: "unsupported",
            message: "a server of records cannot be asked for an erasure: delete the record there"),
          rowKey: nil)
      }
      do {
        let edit = try RecordEdit(change.kind, body)
        let names = SegmentChangeNames(
          collection: names.collection, key: names.key, rowKey: rowKey)
        if let verdict = refusal(names, edit) { return .refused(verdict, rowKey: rowKey) }
        return .edit(names, edit)
      } catch let error as RecordEdit.Unsupported {
        return .refused(.refused(code: "unsupported", message: error.message), rowKey: rowKey)
      }
    }
  }
}

/// The record a change of a segment is about.
struct SegmentChangeNames {
  let collection: String
  let key: String
  let rowKey: [UInt8]
}
