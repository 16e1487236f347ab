import Journal

/// What a value becomes on its way to a server that keeps records, and is again when it comes back.
public enum RemoteValue: Sendable, Hashable {
  /// What it is here.
  case same
  /// Of a date: milliseconds since 1970.
  case milliseconds
  /// Of a date: seconds since 1970; what is below a second stays behind.
  case seconds
}

extension SchemaPart {
  /// A field has another name, or its values another form, at servers that keep records rather than
  /// entries.
  ///
  /// ```swift
  /// static let schema = Schema<Todo>(
  ///   "todos", .remote(\Todo.title, "name"), .remote(\Todo.due, "due_at", .milliseconds))
  /// ```
  ///
  /// What is stored here stays as it is: requests and the feed are translated at the edge. The fields of
  /// links travel as the keys of the records they refer to, once any field of the type is named so; in a
  /// field of no link a reference travels as its key and comes back as text. Our own server keeps
  /// entries byte for byte and is not concerned.
  ///
  /// Said in the journal when a store is opened with the type, for every process; another form in a later
  /// version of the type takes its place, and what was on its way is sent anew.
  ///
  /// - Parameters:
  ///   - path: A stored property.
  ///   - name: The field's name at the server; nil is the same.
  ///   - value: The form of its values at the server.
  public static func remote<V: Codable & Sendable>(
    _ path: any KeyPath<R, V> & Sendable, _ name: String? = nil, _ value: RemoteValue = .same
  ) -> SchemaPart {
    let field = Field(path).name
    return SchemaPart { schema in
      let own = try field()
      let conversion: RemoteForm.Conversion =
        switch value {
        case .same: .none
        case .milliseconds: .milliseconds
        case .seconds: .seconds
        }
      try schema.remoteFields.add(
        own, RemoteForm.Field(name: name ?? own, conversion: conversion))
    }
  }
}

extension RegisteredSchema {
  /// How the type's records look to servers that keep records; nil where it says nothing of it.
  func remoteForm() throws -> RemoteForm? {
    guard !remoteFields.isEmpty else { return nil }
    guard storage == .shared else {
      throw JournalError.invalidInput(
        "\(type) says how its records look to a server, and that they never leave this device; leave "
          + "one out")
    }
    var form = remoteFields
    for link in links { try form.addKey(link.field, of: link.target) }
    return form
  }
}
