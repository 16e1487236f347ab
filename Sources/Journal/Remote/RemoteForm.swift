/// How records of a collection look to servers that keep records: other names of fields, other forms
/// of values.
///
/// Our own server keeps entries byte for byte and has no use for it. Of two fields that would have one
/// name there, the one the form names goes.
package struct RemoteForm: Sendable, Hashable {
  /// What a value becomes on its way to the server, and is again when it comes back.
  package enum Conversion: Sendable, Hashable {
    case none
    /// RFC 3339 text here, milliseconds since 1970 there.
    case milliseconds
    /// RFC 3339 text here, seconds since 1970 there; what is below a second stays behind.
    case seconds
    /// A reference to a record of the collection here, the record's key there; so in arrays.
    case key(of: String)
  }

  package struct Field: Sendable, Hashable {
    /// The name at the server.
    package var name: String
    package var conversion: Conversion

    package init(name: String, conversion: Conversion) {
      self.name = name
      self.conversion = conversion
    }
  }

  /// By the bytes of the field's name here.
  private var fields: [[UInt8]: Field] = [:]
  /// The names here by the bytes of those there.
  private var names: [[UInt8]: String] = [:]

  package init() {}

  package var isEmpty: Bool { fields.isEmpty }

  /// Says how one field looks to the server.
  ///
  /// - Throws: ``JournalError/invalidInput(_:)`` where a field is named twice, here or there.
  package mutating func add(_ name: String, _ field: Field) throws(JournalError) {
    guard !field.name.isEmpty else {
      throw .invalidInput("field \"\(name)\" has an empty name at the server")
    }
    guard fields.updateValue(field, forKey: Array(name.utf8)) == nil else {
      throw .invalidInput("field \"\(name)\" has two forms at the server; give it one")
    }
    guard names.updateValue(name, forKey: Array(field.name.utf8)) == nil else {
      throw .invalidInput("two fields would both be called \"\(field.name)\" at the server")
    }
  }

  /// Says that a field refers to records of a collection, whatever its name at the server.
  package mutating func addKey(_ name: String, of collection: String) throws(JournalError) {
    guard var field = fields[Array(name.utf8)] else {
      return try add(name, Field(name: name, conversion: .key(of: collection)))
    }
    guard field.conversion == .none else {
      throw .invalidInput("field \"\(name)\" is a reference and has no other form at the server")
    }
    field.conversion = .key(of: collection)
    fields[Array(name.utf8)] = field
  }

  /// A field's name at the server.
  package func outgoing(name: String) -> String { fields[Array(name.utf8)]?.name ?? name }

  /// A record's fields as the server is to see them.
  package func outgoing(_ record: Fields) -> Fields {
    var there = Fields()
    for (name, value) in record {
      if let field = fields[Array(name.utf8)] {
        there[field.name] = Self.outgoing(value, field.conversion)
      } else if names[Array(name.utf8)] == nil {
        there[name] = value
      }
    }
    return there
  }

  /// The server's fields as they are kept here.
  package func incoming(_ record: Fields) -> Fields {
    var here = Fields()
    for (name, value) in record {
      guard let own = names[Array(name.utf8)], let field = fields[Array(own.utf8)] else {
        // A name that stands for another field there has no field of its own here.
        if fields[Array(name.utf8)] == nil { here[name] = value }
        continue
      }
      here[own] = Self.incoming(value, field.conversion)
    }
    return here
  }

  private static func outgoing(_ value: Value, _ conversion: Conversion) -> Value {
    switch (conversion, value) {
    case (.milliseconds, .string(let text)):
      Timestamp(text).map { Value($0.milliseconds) } ?? value
    case (.seconds, .string(let text)):
      Timestamp(text).map { Value($0.milliseconds / 1000) } ?? value
    // A reference goes as one, and as its key at last: the server may give it another one until then.
    default: value
    }
  }

  private static func incoming(_ value: Value, _ conversion: Conversion) -> Value {
    switch (conversion, value) {
    case (.milliseconds, .integer(let number)):
      UInt64(exactly: number).flatMap { text($0, times: 1) } ?? value
    case (.seconds, .integer(let number)):
      UInt64(exactly: number).flatMap { text($0, times: 1000) } ?? value
    case (.key(let collection), .string(let key)): .reference(collection: collection, key: key)
    case (.key(let collection), .integer(let key)):
      .reference(collection: collection, key: String(key))
    case (.key, .array(let values)): .array(values.map { incoming($0, conversion) })
    default: value
    }
  }

  private static func text(_ number: UInt64, times factor: UInt64) -> Value? {
    let (milliseconds, overflow) = number.multipliedReportingOverflow(by: factor)
    let text = Timestamp(milliseconds: milliseconds).description
    // After the year 9999 there is no text that reads back.
    guard !overflow, Timestamp(text)?.milliseconds == milliseconds else { return nil }
    return .string(text)
  }
}

/// As the settings of a collection's declaration hold it.
extension RemoteForm {
  var settings: Fields {
    var settings = Fields()
    for (name, field) in fields {
      var members: Fields = ["name": .string(field.name)]
      switch field.conversion {
      case .none: break
      case .milliseconds: members["as"] = "milliseconds"
      case .seconds: members["as"] = "seconds"
      case .key(let collection): (members["as"], members["of"]) = ("key", .string(collection))
      }
      settings[String(decoding: name, as: UTF8.self)] = .object(members)
    }
    return settings
  }

  /// - Throws: ``JournalError/unsupported(_:)`` for a conversion of a later release.
  init(settings: Fields) throws(JournalError) {
    for (name, value) in settings {
      guard case .object(let members) = value, case .string(let there) = members["name"] ?? .null
      else { throw .damaged("the remote form of a collection is malformed") }
      let conversion: Conversion
      switch (members["as"], members["of"]) {
      case (nil, _): conversion = .none
      case ("milliseconds", _): conversion = .milliseconds
      case ("seconds", _): conversion = .seconds
      case ("key", .string(let collection)): conversion = .key(of: collection)
      default: throw .unsupported("a remote form only a later release knows; use that release")
      }
      try add(name, Field(name: there, conversion: conversion))
    }
  }
}
