import Journal

/// How far each collection of a server was read: the newest version known of it.
struct RESTCursor {
  private struct Mark {
    var version: ServerVersion
    /// Whether the server writes its stamps as text.
    var isText: Bool
  }

  private var marks: [String: Mark] = [:]

  /// - Throws: ``TransportError/cursorUnknown(_:)`` for a text that is none of ours.
  init(_ text: String?) throws(TransportError) {
    guard let text else { return }
    guard case .object(let fields)? = try? JSONText.parse(text) else { throw Self.malformed }
    for (collection, value) in fields {
      guard case .object(let mark) = value, case .integer(let time) = mark["time"] ?? .null,
        case .integer(let finer) = mark["finer"] ?? .null,
        case .bool(let isText) = mark["text"] ?? .null,
        let timestamp = UInt64(exactly: time), let tieBreak = UInt64(exactly: finer)
      else { throw Self.malformed }
      marks[collection] = Mark(
        version: ServerVersion(timestamp: timestamp, tieBreak: tieBreak), isText: isText)
    }
  }

  private static let malformed = TransportError.cursorUnknown(
    "the cursor of this remote was not made by this release's reader of plain records")

  var text: String {
    var fields = Fields()
    for (collection, mark) in marks {
      fields[collection] = .object([
        "time": Value(mark.version.timestamp), "finer": Value(mark.version.tieBreak),
        "text": .bool(mark.isText),
      ])
    }
    return JSONText.string(.object(fields))
  }

  /// What to ask for, so much behind the newest version known; nil for everything.
  func since(_ collection: String, overlap: UInt64) -> String? {
    guard let mark = marks[collection] else { return nil }
    let time = mark.version.timestamp - min(overlap, mark.version.timestamp)
    return mark.isText ? Timestamp(milliseconds: time).description : String(time)
  }

  mutating func advance(_ collection: String, to version: ServerVersion, isText: Bool) {
    guard marks[collection].map({ $0.version < version }) ?? true else { return }
    marks[collection] = Mark(version: version, isText: isText)
  }
}

/// Reads what changed in one collection.
struct RESTFeed {
  let server: RESTServer
  let collection: String

  /// Changes in the order of their versions.
  ///
  /// - Throws: ``TransportError`` where the list cannot be had or is none; the cursor stays then.
  func read(_ cursor: inout RESTCursor) async throws -> [FeedChange] {
    let settings = server.settings
    var address = server.address(collection)
    let since = cursor.since(collection, overlap: settings.overlapMilliseconds)
    if let since {
      address += "?\(RemoteURL.escape(settings.sinceParameter))=\(RemoteURL.escape(since))"
    }
    let answer = try await server.send("GET", address)
    if answer.status == 304 { return [] }
    switch server.rules.meaning(of: answer.status) {
    case .done: break
    case .unauthorized: throw server.unauthorized(answer)
    case .later, .unknown: throw server.later(answer)
    case .gone, .refused:
      throw TransportError.protocolViolation(
        "\(address) answered with status \(answer.status): is collection \"\(collection)\" there?")
    }
    let value = try RESTCodec.unwrap(
      RESTCodec.decode(answer.body, from: address), settings, at: address)
    guard case .array(let items) = value else {
      throw TransportError.protocolViolation(
        "\(address) answered no list; name the member that holds it with --envelope")
    }
    guard items.count <= Self.maximumItems else {
      throw TransportError.protocolViolation(
        "\(address) answered \(items.count) records at once; \(Self.maximumItems) are allowed")
    }
    let records = try items.map { try RESTRecord($0, settings, at: address) }
    if let newest = records.map(\.version).max(), case .object(let fields)? = items.first {
      var isText = false
      if case .string = fields[settings.versionField] ?? .null { isText = true }
      // A stamp ahead of the server's own clock is some writer's mistake: what comes after it would
      // never be asked for.
      cursor.advance(collection, to: min(newest, latest(answer) ?? newest), isText: isText)
    }
    return try records.sorted { $0.version < $1.version }.map { try $0.change(collection) }
  }

  private static let maximumItems = 100_000

  /// The end of the second the server's clock stood at.
  private func latest(_ answer: HTTPExchangeResponse) -> ServerVersion? {
    answer.serverTime.map { ServerVersion(timestamp: $0 + 999, tieBreak: .max >> 1) }
  }
}

extension HTTPExchangeResponse {
  /// The server's clock in milliseconds since 1970, in whole seconds: the Date header (RFC 9110).
  var serverTime: UInt64? {
    header("date").flatMap { Self.time($0) }
  }

  /// The milliseconds to wait before the next try, where the answer says so.
  var retryAfterMilliseconds: UInt64? {
    guard let text = header("retry-after") else { return nil }
    if let seconds = UInt64(text) { return min(seconds, 86_400) * 1000 }
    guard let time = Self.time(text), let now = serverTime else { return nil }
    return min(time - min(now, time), 86_400_000)
  }

  /// An IMF-fixdate, `Sun, 06 Nov 1994 08:49:37 GMT`, the only form a server may send today.
  private static func time(_ text: String) -> UInt64? {
    let months = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    let parts = text.split(separator: " ")
    guard parts.count == 6, parts[5] == "GMT", let month = months.firstIndex(of: String(parts[2]))
    else { return nil }
    let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
    return Timestamp("\(parts[3])-\(number)-\(parts[1])T\(parts[4])Z")?.milliseconds
  }
}
