/// Which collections a remote owns: those it names, or, naming none, all that no other names.
package struct Ownership: Sendable {
  private let name: String
  private let own: Set<[UInt8]>
  private let others: Set<[UInt8]>

  package init(of name: String, among remotes: [RemoteDeclaration]) {
    self.name = name
    own = Self.names(remotes.filter { $0.name == name })
    others = Self.names(remotes.filter { $0.name != name })
  }

  private static func names(_ remotes: [RemoteDeclaration]) -> Set<[UInt8]> {
    Set(remotes.flatMap(\.collections).map { [UInt8]($0.utf8) })
  }

  /// Whether what an edit or erasure with this body does is delivered there.
  package func owns(_ body: Body) throws -> Bool {
    guard let raw = body.raw(.collection) else {
      // An erasure names its remote and no collection.
      return try body.text(.remote) == name
    }
    var reader = CBORReader(raw)
    return owns(collection: [UInt8](raw[try reader.text()]))
  }

  package func owns(collection: [UInt8]) -> Bool {
    own.isEmpty ? !others.contains(collection) : own.contains(collection)
  }
}
