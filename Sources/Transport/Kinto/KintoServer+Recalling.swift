public import Journal

/// Asking for the versions of some records, tombstones among them.
extension KintoServer: RecallingRemote {
  public var recalling: (any RecallingRemote)? { self }

  /// The same; one request for about 4,000 bytes of keys.
  public func versions(of keys: [String], in collection: String) async throws -> [ServerVersion?]? {
    guard keys.allSatisfy(KintoName.isValid) else { return nil }
    var versions: [ServerVersion?] = []
    var rest = keys[...]
    while !rest.isEmpty {
      var size = 0
      let most = rest.prefix { key in
        size += key.utf8.count + 7
        return size <= Self.maximumKeyBytes
      }
      guard let some = try await self.versions(of: Array(most), at: collection) else { return nil }
      versions += some
      rest = rest.dropFirst(most.count)
    }
    return versions
  }

  /// A collection's own timestamp is an earlier one where the server was put back to before it was changed.
  public func hasBegunAnew(_ collection: String, since cursor: String) async throws -> Bool {
    guard let mark = try KintoCursor(cursor).marks[collection] else { return false }
    return try await KintoFeed(server: self, collection: collection).made() > mark.made
  }

  private static let maximumKeyBytes = 4_000

  private func versions(
    of keys: [String], at collection: String
  ) async throws -> [ServerVersion?]? {
    // Values are read as JSON where they are JSON: without the quotes "12" would be no id.
    let ids = keys.map { "%22\($0)%22" }.joined(separator: ",")
    let address =
      "\(url)\(path(collection))/records?in_id=\(ids)&_since=0&_fields=last_modified"
      + "&_limit=\(keys.count + 1)"
    let answer = try await send("GET", address).answer
    switch answer.status {
    case 200: break
    case 401: throw unauthorized(answer)
    case 429, 503: throw later(answer)
    // A server that does not take the question, or fails at it, or gives no answer to these credentials.
    default: return nil
    }
    // It shows fewer at once than were asked for.
    if answer.header("next-page") != nil, keys.count > 1 {
      let half = keys.count / 2
      guard let first = try await versions(of: Array(keys.prefix(half)), at: collection),
        let others = try await versions(of: Array(keys.dropFirst(half)), at: collection)
      else { return nil }
      return first + others
    }
    guard case .object(let body) = try KintoCodec.decode(answer.body, from: address),
      case .array(let items) = body["data"] ?? .null
    else {
      throw TransportError.protocolViolation(
        "the list of \"\(collection)\" at \(url) answered no list")
    }
    // Their ids are ASCII, so that equal strings are equal bytes.
    var found: [String: ServerVersion] = [:]
    for item in items {
      let record = try KintoRecord(item, from: address)
      found[record.key] = record.version
    }
    // What was not asked for says that the question was not understood.
    guard Set(found.keys).isSubset(of: keys) else { return nil }
    return keys.map { found[$0] }
  }
}
