import Foundation
import Journal
public import Transport

extension StubExchange {
  /// A server whose answers are in a JSON file.
  ///
  /// ```json
  /// {
  ///   "base": "https://example.com",
  ///   "answers": [
  ///     {"url": "/notes", "body": [{"id": "1"}], "headers": {"ETag": "\"1\""}, "then": [{"status": 304}]},
  ///     {"method": "POST", "url": "/notes", "status": 201, "body": {"id": "2"},
  ///      "fail": {"times": 2, "status": 503}, "delay": 250}
  ///   ]
  /// }
  /// ```
  ///
  /// `base` is put before every `url`. Of an answer only `url` is needed: `method` is `GET`, `status` is
  /// what ``StubRule`` gives the method. The body is JSON (`body`), text (`text`) or nothing. `fail`
  /// fails so many `times` first, with a `status` or as an `error`: `unreachable`, `unavailable` or
  /// `unauthorized`. `delay` is in milliseconds of the clock. What comes after the first answer stands in
  /// `then`, the last of which stays. Members it does not know are errors, as is a name that stands twice.
  ///
  /// - Parameters:
  ///   - path: The file; UTF-8.
  ///   - clock: Passes the delays.
  /// - Throws: `TransportError.invalidConfiguration`, which names the file and the member.
  public convenience init(
    contentsOf path: String, clock: any Clock<Duration> = ContinuousClock()
  ) throws(TransportError) {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw .invalidConfiguration("\(path): the file cannot be read")
    }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw .invalidConfiguration("\(path): the file is not UTF-8")
    }
    self.init(try StubScript(text, name: path).rules, clock: clock)
  }

  /// A server whose answers are in a JSON text, in the form of ``init(contentsOf:clock:)``.
  ///
  /// - Parameters:
  ///   - script: The text.
  ///   - name: What errors call it.
  ///   - clock: Passes the delays.
  /// - Throws: `TransportError.invalidConfiguration`, which names the member.
  public convenience init(
    script: String, name: String = "script", clock: any Clock<Duration> = ContinuousClock()
  ) throws(TransportError) {
    self.init(try StubScript(script, name: name).rules, clock: clock)
  }
}

/// Reads rules from JSON.
struct StubScript {
  private let name: String
  private(set) var rules: [StubRule] = []

  init(_ text: String, name: String) throws(TransportError) {
    self.name = name
    let value: Value
    do { value = try JSONText.parse(text) } catch {
      throw .invalidConfiguration("\(name): no JSON to go by: \(error)")
    }
    let script = try object(value, "the script", allowing: ["base", "answers"])
    let base = try string(script["base"], "base") ?? ""
    for (index, item) in try array(script["answers"], "answers").enumerated() {
      rules.append(try rule(item, base, "answers[\(index)]"))
    }
  }

  private func rule(
    _ value: Value, _ base: String, _ place: String
  ) throws(TransportError) -> StubRule {
    let members = try object(
      value, place,
      allowing: [
        "method", "url", "status", "headers", "body", "text", "delay", "fail", "then",
      ])
    guard let url = try string(members["url"], "\(place).url") else {
      throw malformed("\(place).url", "is missing")
    }
    var rule = StubRule(
      try string(members["method"], "\(place).method") ?? "GET", base + url,
      status: try status(members["status"], "\(place).status"), body: try body(members, place)
    ).with(headers: try headers(members["headers"], "\(place).headers"))
    if let delay = try number(members["delay"], "\(place).delay", in: 0...86_400_000) {
      rule = rule.taking(.milliseconds(delay))
    }
    if let failure = members["fail"] { rule = try failing(rule, failure, "\(place).fail") }
    for (index, item) in try array(members["then"], "\(place).then").enumerated() {
      let place = "\(place).then[\(index)]"
      let later = try object(item, place, allowing: ["status", "headers", "body", "text"])
      rule = rule.then(
        StubAnswer(
          status: try status(later["status"], "\(place).status") ?? 200,
          headers: try headers(later["headers"], "\(place).headers"),
          body: try body(later, place)))
    }
    return rule
  }

  private func failing(
    _ rule: StubRule, _ value: Value, _ place: String
  ) throws(TransportError) -> StubRule {
    let members = try object(value, place, allowing: ["times", "status", "error"])
    let times = try number(members["times"], "\(place).times", in: 0...1_000_000) ?? 1
    let status = try status(members["status"], "\(place).status")
    switch (status, try string(members["error"], "\(place).error")) {
    case (let status?, nil): return rule.failing(times, withStatus: status)
    case (nil, "unreachable"), (nil, nil):
      return rule.failing(times, with: .unreachable("no network"))
    case (nil, "unavailable"):
      return rule.failing(times, with: .unavailable("the server asks to come back later"))
    case (nil, "unauthorized"):
      return rule.failing(times, with: .unauthorized("the server knows no such user"))
    case (nil, _):
      throw malformed("\(place).error", "is unreachable, unavailable or unauthorized")
    case (.some, .some): throw malformed(place, "has a status or an error, not both")
    }
  }

  // MARK: Members

  private func body(_ members: Fields, _ place: String) throws(TransportError) -> [UInt8] {
    switch (members["body"], try string(members["text"], "\(place).text")) {
    case (nil, let text): return Array((text ?? "").utf8)
    case (let value?, nil): return Array(JSONText.string(value).utf8)
    case (.some, .some): throw malformed(place, "has a body or a text, not both")
    }
  }

  private func headers(
    _ value: Value?, _ place: String
  ) throws(TransportError) -> [(name: String, value: String)] {
    guard let value else { return [] }
    guard case .object(let members) = value else { throw malformed(place, "is no object") }
    var headers: [(name: String, value: String)] = []
    for (name, value) in members {
      guard let text = try string(value, "\(place).\(name)") else { continue }
      headers.append((name: name, value: text))
    }
    return headers
  }

  private func status(_ value: Value?, _ place: String) throws(TransportError) -> Int? {
    try number(value, place, in: 100...599)
  }

  private func number(
    _ value: Value?, _ place: String, in range: ClosedRange<Int>
  ) throws(TransportError) -> Int? {
    guard let value else { return nil }
    guard case .integer(let number) = value, let number = Int(exactly: number),
      range.contains(number)
    else {
      throw malformed(place, "is no whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  private func string(_ value: Value?, _ place: String) throws(TransportError) -> String? {
    guard let value else { return nil }
    guard case .string(let text) = value else { throw malformed(place, "is no text") }
    return text
  }

  private func array(_ value: Value?, _ place: String) throws(TransportError) -> [Value] {
    guard let value else { return [] }
    guard case .array(let values) = value else { throw malformed(place, "is no list") }
    return values
  }

  private func object(
    _ value: Value, _ place: String, allowing names: Set<String>
  ) throws(TransportError) -> Fields {
    guard case .object(let members) = value else { throw malformed(place, "is no object") }
    for name in members.names where !names.contains(name) {
      throw malformed("\(place).\(name)", "is not known here")
    }
    return members
  }

  private func malformed(_ place: String, _ reason: String) -> TransportError {
    .invalidConfiguration("\(name): \(place) \(reason)")
  }
}
