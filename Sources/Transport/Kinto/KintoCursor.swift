import Journal

/// How far each collection of a Kinto server was read.
struct KintoCursor {
  /// One collection.
  struct Mark: Equatable {
    /// The timestamp of the collection itself: another one means that it was made anew.
    var made: UInt64 = 0
    /// Whatever was stamped up to here has been read.
    var through: UInt64 = 0
    /// The newest timestamp the list had: it never goes back while nothing is lost.
    var newest: UInt64 = 0
    /// The list's ETag, where nothing stamped before it can still become visible.
    var quiet = false
  }

  /// A walk over the collections that is not at its end.
  struct Walk: Equatable {
    var collection: String
    /// The query of the next page; nil is the collection's first.
    var query: String?
    /// The timestamps the list and the collection had when its first page was read.
    var start: UInt64 = 0
    var made: UInt64 = 0
    /// How often it was begun again.
    var restarts: UInt64 = 0
    /// Pages of the collection so far, and the query of one of them: those that follow are compared to it.
    var pages: UInt64 = 0
    var seen: String?
  }

  var marks: [String: Mark] = [:]
  var walk: Walk?

  /// - Throws: ``TransportError/cursorUnknown(_:)`` for a text that is none of ours.
  init(_ text: String?) throws(TransportError) {
    guard let text else { return }
    guard case .object(let fields)? = try? JSONText.parse(text),
      case .object(let marks) = fields["marks"] ?? .null
    else { throw Self.malformed }
    for (collection, value) in marks {
      guard case .object(let mark) = value else { throw Self.malformed }
      self.marks[collection] = Mark(
        made: try Self.time(mark["made"]), through: try Self.time(mark["through"]),
        newest: try Self.time(mark["newest"]), quiet: mark["quiet"] == .some(.bool(true)))
    }
    guard case .object(let walk) = fields["walk"] ?? .null else { return }
    guard case .string(let collection) = walk["collection"] ?? .null else { throw Self.malformed }
    var query: String?
    if case .string(let text) = walk["query"] ?? .null { query = text }
    var seen: String?
    if case .string(let text) = walk["seen"] ?? .null { seen = text }
    self.walk = Walk(
      collection: collection, query: query, start: try Self.time(walk["start"]),
      made: try Self.time(walk["made"]), restarts: try Self.time(walk["restarts"] ?? 0),
      pages: try Self.time(walk["pages"] ?? 0), seen: seen)
  }

  private static func time(_ value: Value?) throws(TransportError) -> UInt64 {
    guard case .integer(let number) = value ?? .null, let time = UInt64(exactly: number) else {
      throw malformed
    }
    return time
  }

  private static let malformed = TransportError.cursorUnknown(
    "the cursor of this remote was not made by this release's reader of Kinto servers")

  var text: String {
    var marks = Fields()
    for (collection, mark) in self.marks {
      var fields: Fields = [
        "made": Value(mark.made), "through": Value(mark.through), "newest": Value(mark.newest),
      ]
      if mark.quiet { fields["quiet"] = true }
      marks[collection] = .object(fields)
    }
    var fields: Fields = ["marks": .object(marks)]
    if let walk {
      var open: Fields = [
        "collection": .string(walk.collection), "start": Value(walk.start),
        "made": Value(walk.made),
      ]
      if walk.restarts > 0 { open["restarts"] = Value(walk.restarts) }
      if let query = walk.query { open["query"] = .string(query) }
      if walk.pages > 0 { open["pages"] = Value(walk.pages) }
      if let seen = walk.seen { open["seen"] = .string(seen) }
      fields["walk"] = .object(open)
    }
    return JSONText.string(.object(fields))
  }
}
