import Journal

/// A change of a segment, as a server of plain records is asked for it.
struct RESTEdit {
  enum What {
    case create(Fields)
    case put(Fields)
    case update(Fields)
    case delete
  }

  /// Why such a server cannot be asked for it.
  struct Unsupported: Error {
    let message: String
  }

  let id: EntryID
  let collection: String
  let key: String
  let rowKey: [UInt8]
  /// The version its writer had seen.
  let base: ServerVersion?
  let what: What
  /// Whether it is to be carried out only where the record has not moved on.
  let isStrict: Bool
  /// The version its record has in the journal by now.
  var known: ServerVersion?

  var isUpdate: Bool {
    if case .update = what { true } else { false }
  }

  /// Whether it makes the record where there is none.
  var isCreate: Bool {
    switch what {
    case .create, .put: true
    case .update, .delete: false
    }
  }

  init(_ change: SegmentChange) throws {
    id = change.id
    isStrict = change.isStrict
    if case .version(let version) = change.base { base = version } else { base = nil }
    (collection, key, rowKey, what) = try change.body.withUnsafeBytes { bytes in
      let body = try Body(bytes)
      guard let names = try body.record()?.names, let rowKey = try body.record()?.rowKey else {
        throw Unsupported(
          message:
            "a server of plain records cannot be asked for an erasure: delete the record there")
      }
      guard body.raw(.operations) == nil else {
        throw Unsupported(message: "a server of plain records knows no operations on fields")
      }
      return (names.collection, names.key, rowKey, try Self.what(change.kind, body))
    }
  }

  private static func what(_ kind: EntryKind, _ body: Body) throws -> What {
    switch kind {
    case .create: return .create(try fields(body, .fields))
    case .put: return .put(try fields(body, .fields))
    case .delete: return .delete
    case .update:
      var patch = try fields(body, .set)
      if body.raw(.unset) != nil {
        var reader = try body.reader(.unset)
        for _ in 0..<(try reader.arrayCount()) { patch[try reader.string()] = .null }
      }
      return .update(patch)
    default: throw Unsupported(message: "a server of plain records cannot be asked for a \(kind)")
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
}
