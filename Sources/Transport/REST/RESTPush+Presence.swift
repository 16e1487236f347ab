import Journal

/// A record that is not found, and a collection that is not.
extension RESTPush {
  /// The collection of a record that is not found is not found either: the address leads elsewhere.
  struct MissingCollection: Error {
    let message: String
  }

  /// What is said of a record counts where its collection is there. Asks once for each collection.
  ///
  /// - Throws: ``MissingCollection`` where it is not found either, ``TransportError`` where nobody can say.
  mutating func checkAbsence(
    _ answer: HTTPExchangeResponse, _ collection: String
  ) async throws {
    guard answer.status == 404, server.rules.meaning(of: 404) == .gone else { return }
    let name = Array(collection.utf8)
    if presence[name] == nil { presence[name] = try await isThere(collection) }
    guard presence[name] == false else { return }
    throw MissingCollection(
      message:
        "\(server.address(collection)) is not found either: is collection \"\(collection)\" there? Put the address right, then "
        + "retry this edit")
  }

  private func isThere(_ collection: String) async throws -> Bool {
    // There are servers that do not know the first method. A list that cannot be taken is one.
    let addresses = [
      ("HEAD", server.address(collection)),
      ("GET", RESTFeed(server: server, collection: collection).firstPage),
    ]
    for (method, address) in addresses {
      let answer: HTTPExchangeResponse
      do { answer = try await server.send(method, address) } catch TransportError.protocolViolation
      {
        continue
      }
      switch server.rules.meaning(of: answer.status) {
      case .done: return true
      case .unauthorized: throw server.unauthorized(answer)
      case .gone where method == "GET": return false
      case .later, .unknown: if method == "GET" { throw server.later(answer) }
      case .gone, .refused: continue
      }
    }
    return true
  }
}
