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
    let address = server.address(collection)
    if presence[name] == nil { presence[name] = try await isThere(address) }
    guard presence[name] == false else { return }
    throw MissingCollection(
      message:
        "\(address) is not found either: is collection \"\(collection)\" there? Put the address right, then "
        + "retry this edit")
  }

  private func isThere(_ address: String) async throws -> Bool {
    // There are servers that do not know the first method.
    for method in ["HEAD", "GET"] {
      let answer = try await server.send(method, address)
      switch server.rules.meaning(of: answer.status) {
      case .done: return true
      case .gone where method == "GET": return false
      case .unauthorized: throw server.unauthorized(answer)
      case .gone, .refused, .later, .unknown: continue
      }
    }
    return true
  }
}
