public import Journal

/// As a remote's declaration holds them.
extension RESTSettings {
  /// Reads the options of a remote's declaration.
  ///
  /// - Throws: ``TransportError/invalidConfiguration(_:)`` for what is missing, empty, unknown or
  ///   contradicts itself.
  public init(_ options: Fields) throws(TransportError) {
    self.init(versionField: "")
    for (name, value) in options {
      switch value {
      case .string(let text): try set(name, text)
      case .integer(let number): try set(name, number)
      case .bool(let flag): try set(name, flag)
      case .array(let statuses) where name == "laterStatuses": try set(statuses)
      default: throw Self.unknown(name)
      }
    }
    try check()
  }

  private mutating func set(_ name: String, _ text: String) throws(TransportError) {
    switch name {
    case "versionField": versionField = text
    case "idField": idField = text
    case "sinceParameter": sinceParameter = text
    case "deletedField": deletedField = text
    case "envelope": envelope = text
    case "listEnvelope": listEnvelope = text
    case "clientIDField": clientIDField = text
    case "pageParameter": pageParameter = text
    case "pageSizeParameter": pageSizeParameter = text
    case "nextMember": nextMember = text
    case "creates": creates = try Self.choice("records are created by", text)
    case "differential": differential = try Self.choice("lists are asked for changes by", text)
    case "paging": paging = try Self.choice("lists go on by", text)
    case "updates": updates = try Self.choice("updates are sent by", text)
    case "partial": partial = try Self.choice("fields may be left out in", text)
    case "preconditions": preconditions = try Self.choice("preconditions are", text)
    default: throw Self.unknown(name)
    }
  }

  private mutating func set(_ name: String, _ number: Int64) throws(TransportError) {
    switch name {
    case "overlapMilliseconds" where number >= 0: overlapMilliseconds = UInt64(number)
    case "pageSize" where (1...10_000).contains(number): pageSize = Int(number)
    default: throw Self.unknown(name)
    }
  }

  private mutating func set(_ name: String, _ flag: Bool) throws(TransportError) {
    switch name {
    case "usesETags": usesETags = flag
    case "completeLists": completeLists = flag
    default: throw Self.unknown(name)
    }
  }

  private mutating func set(_ statuses: [Value]) throws(TransportError) {
    for status in statuses {
      guard case .integer(let number) = status, (300...599).contains(number) else {
        throw .invalidConfiguration("a status that means later is 300 to 599")
      }
      laterStatuses.insert(Int(number))
    }
  }

  private static func unknown(_ name: String) -> TransportError {
    .invalidConfiguration(
      "a remote of kind rest has no option \"\(name)\", or not that value of it")
  }

  private static func choice<C: RawRepresentable & CaseIterable>(
    _ what: String, _ text: String
  ) throws(TransportError) -> C where C.RawValue == String {
    guard let choice = C(rawValue: text) else {
      throw .invalidConfiguration(
        "\(what) \(C.allCases.map(\.rawValue).joined(separator: ", ")), not \"\(text)\"")
    }
    return choice
  }

  private func check() throws(TransportError) {
    for (what, text) in [
      ("version", versionField), ("id", idField), ("since", sinceParameter),
      ("deleted", deletedField), ("envelope", envelope ?? "-"),
      ("list envelope", listEnvelope ?? "-"), ("client id", clientIDField ?? "-"),
      ("page", pageParameter ?? "-"), ("page size", pageSizeParameter ?? "-"),
      ("next", nextMember ?? "-"),
    ] where text.isEmpty {
      throw .invalidConfiguration("a remote of kind rest needs a name for its \(what) field")
    }
    guard (paging == .member) == (nextMember != nil) else {
      throw .invalidConfiguration("paging by member needs the member's name, no other paging does")
    }
    guard !completeLists || differential == .nothing else {
      throw .invalidConfiguration(
        "complete lists are lists of everything: they need the differential none")
    }
  }

  /// For a remote's declaration.
  public var options: Fields {
    var options: Fields = [
      "versionField": .string(versionField), "idField": .string(idField),
      "sinceParameter": .string(sinceParameter), "deletedField": .string(deletedField),
      "creates": .string(creates.rawValue), "overlapMilliseconds": Value(overlapMilliseconds),
    ]
    let names = [
      ("envelope", envelope), ("listEnvelope", listEnvelope), ("clientIDField", clientIDField),
      ("pageParameter", pageParameter), ("pageSizeParameter", pageSizeParameter),
      ("nextMember", nextMember),
    ]
    for case (let name, let text?) in names { options[name] = .string(text) }
    // What is as it was before there was a choice is not said.
    let defaults = RESTSettings(versionField: "")
    let choices = [
      ("differential", differential.rawValue, defaults.differential.rawValue),
      ("paging", paging.rawValue, defaults.paging.rawValue),
      ("updates", updates.rawValue, defaults.updates.rawValue),
      ("partial", partial.rawValue, defaults.partial.rawValue),
      ("preconditions", preconditions.rawValue, defaults.preconditions.rawValue),
    ]
    for (name, choice, usual) in choices where choice != usual { options[name] = .string(choice) }
    if pageSize != defaults.pageSize { options["pageSize"] = .integer(Int64(pageSize)) }
    if usesETags { options["usesETags"] = true }
    if completeLists { options["completeLists"] = true }
    if !laterStatuses.isEmpty {
      options["laterStatuses"] = .array(laterStatuses.sorted().map { .integer(Int64($0)) })
    }
    return options
  }
}
