import Journal

/// Which changes are meant, by their path: collection, key, field, and names inside the field.
///
/// ```swift
/// let titles: PathPattern = "todos.*.title"
/// let one = PathPattern("todos", "v1.2", .rest)  // a key may contain dots
/// ```
///
/// A path of two segments means that a record came to be or is gone, one of three that a field changed,
/// longer ones that something inside it did: members of an object by name, elements of an array by
/// index. ``Segment/any`` stands for one segment, ``Segment/rest`` at the end for any number, none
/// included. Names compare by their bytes.
public struct PathPattern: Sendable, Hashable {
  /// One part of a path.
  public enum Segment: Sendable, Hashable {
    /// Exactly this name.
    case name(String)
    /// Any one name: `*`.
    case any
    /// Whatever follows: `**`. At the end; elsewhere it means what ``any`` means.
    case rest
  }

  /// Every change.
  public static let everything = PathPattern(.rest)

  /// From the collection on.
  public let segments: [Segment]

  /// A pattern of segments; texts among them are names, whatever is in them.
  public init(_ segments: Segment...) {
    self.init(segments)
  }

  /// A pattern of segments; texts among them are names, whatever is in them.
  public init(_ segments: [Segment]) {
    self.segments = segments
  }
}

extension PathPattern.Segment: ExpressibleByStringLiteral {
  /// Exactly this name.
  public init(stringLiteral name: String) { self = .name(name) }
}

extension PathPattern: ExpressibleByStringLiteral {
  /// Segments with dots between: `*` is ``Segment/any``, `**` is ``Segment/rest``.
  public init(stringLiteral text: String) {
    self.init(
      text.split(separator: ".", omittingEmptySubsequences: false).map { part in
        switch part {
        case "*": .any
        case "**": .rest
        default: .name(String(part))
        }
      })
  }
}

extension PathPattern: CustomStringConvertible {
  /// The segments with dots between.
  public var description: String {
    segments.map { segment in
      switch segment {
      case .name(let name): name
      case .any: "*"
      case .rest: "**"
      }
    }.joined(separator: ".")
  }
}

extension PathPattern {
  private typealias Part = ArraySlice<Segment>

  /// Whether changes of a record can be meant.
  func mayMean(_ collection: String, _ key: String) -> Bool {
    Self.rest(of: segments[...], behind: collection)
      .flatMap { Self.rest(of: $0, behind: key) } != nil
  }

  /// Whether it is meant that a record came to be or is gone.
  func meansExistence(_ collection: String, _ key: String) -> Bool {
    Self.rest(of: segments[...], behind: collection)
      .flatMap { Self.rest(of: $0, behind: key) }.map { $0.isEmpty || $0 == [.rest] } ?? false
  }

  /// Whether the change of a field is meant.
  func means(_ collection: String, _ key: String, _ field: FieldChange) -> Bool {
    guard
      let rest = Self.rest(of: segments[...], behind: collection)
        .flatMap({ Self.rest(of: $0, behind: key) })
    else { return false }
    return Self.differs(rest, field.name, field.before, field.after)
  }

  /// What is left of a pattern behind a name; nil when it means something else.
  private static func rest(of segments: Part, behind name: String) -> Part? {
    switch segments.first {
    case nil: nil
    case .rest where segments.count == 1: segments
    case .rest, .any: segments.dropFirst()
    case .name(let own): own.utf8.elementsEqual(name.utf8) ? segments.dropFirst() : nil
    }
  }

  private static func differs(_ segments: Part, _ name: String, _ old: Value?, _ new: Value?)
    -> Bool
  {
    guard old != new, let rest = rest(of: segments, behind: name) else { return false }
    if rest.isEmpty || rest == [.rest] { return true }
    let (before, after) = (members(old), members(new))
    var names = Set(before.keys)
    names.formUnion(after.keys)
    return names.contains { name in
      differs(rest, String(decoding: name, as: UTF8.self), before[name], after[name])
    }
  }

  /// The values inside a value, by the bytes of their names.
  private static func members(_ value: Value?) -> [[UInt8]: Value] {
    var members: [[UInt8]: Value] = [:]
    switch value {
    case .object(let fields):
      for (name, value) in fields { members[Array(name.utf8)] = value }
    case .array(let values):
      for (index, value) in values.enumerated() { members[Array(String(index).utf8)] = value }
    default: break
    }
    return members
  }
}
