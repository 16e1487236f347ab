import Journal
import TestKit
import Testing

@testable import Transport

/// Credentials that a server repeats in another spelling.
@Suite struct `Credentials that are spelled otherwise` {
  private static let token = "tok/7f3a+9c\"8=="
  private let secrets = Secrets("Bearer \(Self.token)")

  @Test(arguments: [
    token,
    #"tok\/7f3a+9c\"8=="#,
    #"tok\u002f7f3a\u002b9c\u00228=="#,
    #"tok\u002F7f3a\u002B9c\"8=="#,
    "tok%2F7f3a%2B9c%228%3D%3D",
    "tok%2f7f3a%2b9c%228%3d%3d",
    "tok/7f3a%2B9c%228==",
  ])
  func `are masked, and refused in a cursor`(_ spelled: String) throws {
    #expect(secrets.masked("<\(spelled)>") == "<*>")
    #expect(secrets.masked(Array("Bearer%20\(spelled)".utf8)) == [UInt8(ascii: "*")])
    #expect(throws: TransportError.self) {
      try secrets.checkAbsent(in: "/c?page=2&key=\(spelled)", from: "a list")
    }
  }

  @Test(arguments: ["tok/7f3a", "tok%2F7f3a%2B9c%228%3D", #"\/%2F\u002f"#, "%", #"\"#, ""])
  func `are not found in parts of them`(_ text: String) throws {
    #expect(secrets.masked(text) == text)
    try secrets.checkAbsent(in: text, from: "a list")
  }

  @Test func `are found as they are, whatever their bytes mean elsewhere`() {
    for token in ["a%2Fb%25c", #"a\/b\\c"#] {
      #expect(Secrets("Bearer \(token)").masked("<\(token)>") == "<*>")
    }
  }

  @Test func `lead to no page of a list`() async throws {
    var settings = RESTSettings(versionField: "changed")
    settings.paging = .link
    let server = PlainServer(settings)
    server.write("c", "1", ["n": 1])
    let spelled = RemoteURL.escape(Self.token)
    let exchange = ScriptedExchange(before: server) { request, answer in
      guard request.method == "GET" else { return }
      let link = "<https://plain.test/api/c?page=2&key=\(spelled)>; rel=\"next\""
      answer.headers.append((name: "Link", value: link))
    }
    let device = try await RecordDevice(server, through: exchange) { "Bearer \(Self.token)" }
    let error = await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(error?.code == "protocol-violation")
    #expect(try !device.writtenDown.contains(spelled))
  }
}
