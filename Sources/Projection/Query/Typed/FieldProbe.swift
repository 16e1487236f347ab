import Journal
import Synchronization

/// Finds out which field a key path reads.
///
/// A key path does not know the coding key of its property, which a type may have renamed. So a record is
/// made whose fields all have a first value of their types, and for each coding key one in which
/// only that field has a second value. The field whose change the path sees, and which is stored as
/// what the path reads, is the one. Made once per type; a look-up costs some comparisons.
struct FieldProbe<R: Record>: Sendable {
  private let plain: R
  private let changed: [(name: String, record: R)]
  private let known = KnownPaths()

  private init() throws {
    let keys = ProbedKeys()
    plain = try R(from: ProbingDecoder(keys: keys))
    changed = try keys.names.map { name in
      (name, try R(from: ProbingDecoder(keys: ProbedKeys(changing: name))))
    }
  }

  /// The probe of the type, made when it is asked for first.
  static func shared() throws -> FieldProbe {
    let type = ObjectIdentifier(R.self)
    if let known = FieldProbes.known.withLock({ $0[type] }) as? FieldProbe { return known }
    do {
      let made = try FieldProbe()
      FieldProbes.known.withLock { $0[type] = made }
      return made
    } catch {
      throw JournalError.invalidInput(
        "key paths of \(R.self) cannot be looked up: \(error); name the field, as in "
          + "Field(\"name\"), instead of its key path")
    }
  }

  /// The name of the field a key path reads.
  ///
  /// - Throws: `JournalError.invalidInput` for a path that reads no stored property, or not it alone.
  func name<V: Codable & Sendable>(of path: KeyPath<R, V>) throws -> String {
    if let name = known[path] { return name }
    let name = try find(path)
    known[path] = name
    return name
  }

  private func find<V: Codable & Sendable>(_ path: KeyPath<R, V>) throws -> String {
    // Nothing is evaluated but what is stored: a computed property may trap on made-up values, or leave
    // them as they are.
    guard MemoryLayout<R>.offset(of: path) != nil else { throw Self.notStored(path) }
    let before = try Alone.stored(plain[keyPath: path])
    var names: [String] = []
    for (name, record) in changed {
      let after = try Alone.stored(record[keyPath: path])
      if after == before { continue }
      names.append(name)
      let values = (try stored(name, of: plain) ?? .null, try stored(name, of: record))
      // What is computed from a field is not the field.
      if values != (before, after) { names.append("") }
    }
    if names == ["id"] {
      throw JournalError.invalidInput(
        "`id` is a record's key and no field; use fetch(\(R.self).self, id) to find a record by it")
    }
    guard names.count == 1, let name = names.first else { throw Self.notStored(path) }
    return name
  }

  private static func notStored(_ path: AnyKeyPath) -> JournalError {
    .invalidInput(
      "\(path) cannot be looked up as one stored property of \(R.self); name its field, as in "
        + "Field(\"name\"), or the fields it is computed from")
  }

  private func stored(_ name: String, of record: R) throws -> Value? {
    try FieldEncoder().encode(record)[name]
  }
}

/// The names of key paths that were looked up: at most one for each stored property.
private final class KnownPaths: Sendable {
  /// SAFETY: paths of stored properties, without subscripts, hold nothing that could change.
  private struct Path: Hashable, @unchecked Sendable {
    let path: AnyKeyPath
  }

  private let names = Mutex<[Path: String]>([:])

  subscript(path: AnyKeyPath) -> String? {
    get {
      let path = Path(path: path)
      return names.withLock { $0[path] }
    }
    set {
      let path = Path(path: path)
      names.withLock { $0[path] = newValue }
    }
  }
}

private enum FieldProbes {
  static let known = Mutex<[ObjectIdentifier: any Sendable]>([:])
}

/// The coding keys a type has asked for, and the one that is to have its second value.
final class ProbedKeys {
  private(set) var names: [String] = []
  let changing: String?

  init(changing: String? = nil) {
    self.changing = changing
  }

  func note(_ name: String) {
    if !names.contains(where: { $0.utf8.elementsEqual(name.utf8) }) { names.append(name) }
  }
}
