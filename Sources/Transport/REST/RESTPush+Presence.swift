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
    let head = try await server.send("HEAD", server.address(collection))
    // There are servers that do not know the method.
    if server.rules.meaning(of: head.status) == .done { return true }
    do {
      let list = try await server.send(
        "GET", RESTFeed(server: server, collection: collection).firstPage)
      return server.rules.meaning(of: list.status) != .gone
    } catch TransportError.protocolViolation {
      // A list that cannot be taken is one.
      return true
    }
  }
}
