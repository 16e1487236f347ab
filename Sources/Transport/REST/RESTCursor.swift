import Journal

/// How far each collection of a server was read: the newest version known of it, and where a list that
/// is longer than a page goes on.
struct RESTCursor {
  private struct Mark {
    var version: ServerVersion
    /// Whether the server writes its stamps as text.
    var isText: Bool
    /// The ETag of the last list, and what that list was asked for by.
    var etag: (value: String, since: String)?
  }

  /// A list that is being read page by page.
  struct Progress: Equatable {
    var collection: String
    /// The next page: path and query on the server's own origin, or the number of records before it.
    var next: RESTPage
    /// Pages read so far.
    var pages: UInt64 = 0
    /// The digest of the page to which those that follow are compared.
    var seen = ""
    /// The newest version in it so far.
    var newest: ServerVersion?
    /// What the mark may not pass: what changed while the list was read has to be asked for again.
    var limit: ServerVersion?
    var isText = false
  }

  /// By the collection's bytes: names may look alike.
  private var marks: [[UInt8]: Mark] = [:]
  var progress: Progress?
  /// Whether nothing was read yet.
  var isEmpty: Bool { marks.isEmpty && progress == nil }

  /// - Throws: ``TransportError/cursorUnknown(_:)`` for a text that is none of ours.
  init(_ text: String?) throws(TransportError) {
    guard let text else { return }
    guard case .object(let fields)? = try? JSONText.parse(text) else { throw Self.malformed }
    for (collection, value) in fields {
      guard case .object(let mark) = value else { throw Self.malformed }
      if collection.isEmpty {
        progress = try Self.progress(mark)
        continue
      }
      guard let version = Self.version(mark), case .bool(let isText) = mark["text"] ?? .null
      else { throw Self.malformed }
      var known = Mark(version: version, isText: isText)
      if case .string(let etag) = mark["etag"] ?? .null,
        case .string(let since) = mark["since"] ?? .null
      {
        known.etag = (etag, since)
      }
      marks[Array(collection.utf8)] = known
    }
  }

  private static let malformed = TransportError.cursorUnknown(
    "the cursor of this remote was not made by this release's reader of plain records")

  private static func version(_ fields: Fields) -> ServerVersion? {
    guard case .integer(let time) = fields["time"] ?? .null,
      case .integer(let finer) = fields["finer"] ?? .null,
      let timestamp = UInt64(exactly: time), let tieBreak = UInt64(exactly: finer)
    else { return nil }
    return ServerVersion(timestamp: timestamp, tieBreak: tieBreak)
  }

  private static func progress(_ fields: Fields) throws(TransportError) -> Progress {
    guard case .string(let collection) = fields["collection"] ?? .null,
      case .integer(let count) = fields["pages"] ?? .null, let pages = UInt64(exactly: count),
      case .string(let seen) = fields["seen"] ?? .null,
      case .bool(let isText) = fields["text"] ?? .null, let next = RESTPage(fields["next"])
    else { throw malformed }
    var progress = Progress(collection: collection, next: next, pages: pages, seen: seen)
    progress.isText = isText
    if case .object(let newest) = fields["newest"] ?? .null { progress.newest = version(newest) }
    if case .object(let limit) = fields["limit"] ?? .null { progress.limit = version(limit) }
    return progress
  }

  var text: String {
    var fields = Fields()
    for (name, mark) in marks {
      let collection = String(decoding: name, as: UTF8.self)
      var shown = Self.fields(mark.version)
      shown["text"] = .bool(mark.isText)
      if let etag = mark.etag {
        shown["etag"] = .string(etag.value)
        shown["since"] = .string(etag.since)
      }
      fields[collection] = .object(shown)
    }
    if let progress {
      var shown: Fields = [
        "collection": .string(progress.collection), "next": progress.next.value,
        "pages": Value(progress.pages), "seen": .string(progress.seen),
        "text": .bool(progress.isText),
      ]
      if let newest = progress.newest { shown["newest"] = .object(Self.fields(newest)) }
      if let limit = progress.limit { shown["limit"] = .object(Self.fields(limit)) }
      // No collection has this name.
      fields[""] = .object(shown)
    }
    return JSONText.string(.object(fields))
  }

  private static func fields(_ version: ServerVersion) -> Fields {
    ["time": Value(version.timestamp), "finer": Value(version.tieBreak)]
  }

  /// Milliseconds to ask from, so much behind the newest version known; nil for everything.
  func time(_ collection: String, overlap: UInt64) -> UInt64? {
    marks[Array(collection.utf8)].map { $0.version.timestamp - min(overlap, $0.version.timestamp) }
  }

  /// The same, as the server writes its stamps.
  func since(_ collection: String, overlap: UInt64) -> String? {
    guard let time = time(collection, overlap: overlap), let mark = marks[Array(collection.utf8)]
    else {
      return nil
    }
    return mark.isText ? Timestamp(milliseconds: time).description : String(time)
  }

  /// The ETag the same question was answered with last.
  func etag(_ collection: String, since: String?) -> String? {
    marks[Array(collection.utf8)]?.etag.flatMap { $0.since == since ?? "" ? $0.value : nil }
  }

  mutating func advance(_ collection: String, to version: ServerVersion, isText: Bool) {
    guard marks[Array(collection.utf8)].map({ $0.version < version }) ?? true else { return }
    marks[Array(collection.utf8)] = Mark(
      version: version, isText: isText, etag: marks[Array(collection.utf8)]?.etag)
  }

  /// Keeps the ETag of a list, or forgets the one there was; nothing is kept where nothing is known of the
  /// collection.
  mutating func keep(_ etag: String?, of collection: String, since: String?) {
    let isFit = (etag?.utf8.count ?? 0) <= 256
    marks[Array(collection.utf8)]?.etag = isFit ? etag.map { ($0, since ?? "") } : nil
  }
}
