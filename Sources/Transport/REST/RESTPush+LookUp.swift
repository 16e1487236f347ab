import Journal

/// Asking for a record by the id it had where it was made.
extension RESTPush {
  enum LookUp {
    case found(RESTRecord)
    case none
    case cannotBeAsked
  }

  /// The record that was made of this create, where the server keeps the id it had here.
  mutating func lookUp(_ edit: RESTEdit) async throws -> LookUp {
    guard let name = server.settings.clientIDField else { return .cannotBeAsked }
    let address =
      server.address(edit.collection) + "?\(RemoteURL.escape(name))=\(RemoteURL.escape(edit.key))"
    let answer = try await server.send("GET", address)
    switch server.rules.meaning(of: answer.status) {
    case .done: break
    case .gone: return .none
    case .refused: return .cannotBeAsked
    case .unauthorized: throw server.unauthorized(answer)
    case .later, .unknown: throw trouble(answer)
    }
    let value = try RESTCodec.unwrap(
      RESTCodec.decode(answer.body, from: address),
      server.settings.listEnvelope ?? server.settings.envelope, at: address)
    guard case .array(let items) = value else { return .cannotBeAsked }
    // A server that does not know the parameter answers with everything.
    let own = items.filter { item in
      guard case .object(let fields) = item else { return false }
      return fields[name] == .string(edit.key)
    }
    guard own.count <= 1 else { return .cannotBeAsked }
    return try own.first.map { .found(try RESTRecord($0, server.settings, at: address)) } ?? .none
  }
}
