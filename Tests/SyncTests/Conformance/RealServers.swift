#if HTTPClient && os(Linux)
  import Foundation
  import Journal
  import Projection
  import Synchronization
  import TestKit
  import Testing
  import Transport
  import TransportTesting

  /// The conformance suite over HTTP, on servers somebody else has started: `Tests/BlackBox/run conformance` does,
  /// and fails where these tests did not run.
  @Suite struct `The conformance suite over HTTP` {
    private static let environment = ProcessInfo.processInfo.environment

    private func run(
      _ makeHarness: (any HTTPExchange) throws -> any ConformanceHarness
    ) async throws {
      let exchange = AsyncHTTPExchange()
      let report = await RemoteConformance.run(try makeHarness(exchange))
      try await exchange.shutdown()
      #expect(report.findings.isEmpty, "\(report.findings.map(\.description))")
      #expect(report.skipped == ["a refusal stops no other edit", "a restart changes nothing"])
      #expect(report.passed.count == RemoteConformance.caseNames.count - 2)
    }

    @Test(.enabled(if: environment["JOURNAL_KINTO_URL"] != nil))
    func `finds nothing in a Kinto server`() async throws {
      let url = try #require(Self.environment["JOURNAL_KINTO_URL"])
      let authorization = try #require(Self.environment["JOURNAL_KINTO_AUTH"])
      try await run { RealKintoHarness(url: url, authorization: authorization, exchange: $0) }
    }

    /// With tokens `token-1`, `token-2` … of an account each.
    @Test(.enabled(if: environment["JOURNAL_SERVER_URL"] != nil))
    func `finds nothing in our own server`() async throws {
      let url = try #require(Self.environment["JOURNAL_SERVER_URL"])
      try await run { OwnServerHarness(url: url, exchange: $0) }
    }
  }

  /// Counts from 1.
  private final class Numbers: Sendable {
    private let last = Mutex(0)

    func next() -> Int {
      last.withLock { last in
        last += 1
        return last
      }
    }
  }

  /// Credentials that can be taken away.
  private final class Credentials: Sendable {
    private let text: Mutex<String>

    init(_ text: String) { self.text = Mutex(text) }
    var current: String { text.withLock { $0 } }
    func spoil() { text.withLock { $0 = "Bearer nobody" } }
  }

  // MARK: Kinto

  /// A collection of its own for each subject.
  private struct RealKintoHarness: ConformanceHarness {
    let url: String
    let authorization: String
    let exchange: any HTTPExchange
    private let numbers = Numbers()

    func makeSubject() async throws -> any ConformanceSubject {
      try await RealKintoSubject(
        url, authorization, exchange, collection: "conformance-\(numbers.next())")
    }
  }

  private struct RealKintoSubject: ConformanceSubject {
    let remote: any Remote
    let collection: String
    private let root: String
    private let authorization: String
    private let exchange: any HTTPExchange
    private let faults: FaultExchange
    private let credentials: Credentials

    init(
      _ url: String, _ authorization: String, _ exchange: any HTTPExchange, collection: String
    ) async throws {
      self.collection = collection
      self.authorization = authorization
      self.exchange = exchange
      let (faults, credentials) = (FaultExchange(exchange), Credentials(authorization))
      (self.faults, self.credentials) = (faults, credentials)
      var settings = KintoSettings()
      settings.bucket = "conformance"
      remote = try KintoServer(
        url: url, collections: [collection], settings: settings, exchange: faults,
        authorization: { credentials.current })
      root = "\(url)/buckets/conformance"
      _ = try await send("PUT", root)
      _ = try await send("PUT", "\(root)/collections/\(collection)")
    }

    private func send(_ method: String, _ url: String, _ data: Fields? = nil) async throws -> Value
    {
      let body = data.map { Array(JSONText.string(.object(["data": .object($0)])).utf8) }
      let answer = try await exchange.send(
        HTTPExchangeRequest(
          method: method, url: url,
          headers: [
            (name: "Authorization", value: authorization),
            (name: "Content-Type", value: "application/json"),
          ], body: body))
      guard (200...299).contains(answer.status) else {
        throw TransportError.protocolViolation("\(method) \(url): \(answer.status)")
      }
      return try JSONText.parse(String(decoding: answer.body, as: UTF8.self))
    }

    func write(_ key: String, _ fields: Fields?) async throws {
      let address = "\(root)/collections/\(collection)/records/\(key)"
      _ = try await send(fields == nil ? "DELETE" : "PUT", address, fields)
    }

    func records() async throws -> [String: Fields] {
      let answer = try await send("GET", "\(root)/collections/\(collection)/records")
      guard case .object(let body) = answer, case .array(let items) = body["data"] ?? .null else {
        throw TransportError.protocolViolation("no list")
      }
      var records: [String: Fields] = [:]
      for case .object(var fields) in items {
        guard case .string(let key) = fields["id"] ?? .null else { continue }
        fields["id"] = .none
        fields["last_modified"] = .none
        records[key] = fields
      }
      return records
    }

    func loseNextAnswer() async throws -> Bool {
      faults.failNext(.answerLost)
      return true
    }

    func rejectCredentials() async throws -> Bool {
      credentials.spoil()
      return true
    }

    /// Kinto gives each record of a collection a stamp of its own.
    func stopClock() async throws -> Bool { true }
  }

  // MARK: Our own server

  /// An account of its own for each subject.
  private struct OwnServerHarness: ConformanceHarness {
    let url: String
    let exchange: any HTTPExchange
    private let numbers = Numbers()

    func makeSubject() async throws -> any ConformanceSubject {
      try await OwnServerSubject(url, exchange, token: "Bearer token-\(numbers.next())")
    }
  }

  /// Somebody else is a device; what the server has is what a device sees that reads it.
  private struct OwnServerSubject: ConformanceSubject {
    let remote: any Remote
    let collection = "c"
    private let scratch: Scratch
    private let other: Device
    private let faults: FaultExchange
    private let credentials: Credentials

    init(_ url: String, _ exchange: any HTTPExchange, token: String) async throws {
      let (faults, credentials) = (FaultExchange(exchange), Credentials(token))
      (self.faults, self.credentials) = (faults, credentials)
      remote = try JournalServer(
        url: url, exchange: faults, authorization: { credentials.current })
      scratch = try Scratch()
      other = try await Device(
        Store.create(at: scratch("other"), label: "other"),
        JournalServer(url: url, exchange: exchange, authorization: { token }))
    }

    func write(_ key: String, _ fields: Fields?) async throws {
      if let fields { try await other.put(key, fields) } else { try await other.delete(key) }
      try await other.sync()
    }

    func records() async throws -> [String: Fields] {
      try await other.sync()
      var records: [String: Fields] = [:]
      for record in try other.store.query(Query("c")) { records[record.key] = record.fields }
      return records
    }

    func loseNextAnswer() async throws -> Bool {
      faults.failNext(.answerLost)
      return true
    }

    func rejectCredentials() async throws -> Bool {
      credentials.spoil()
      return true
    }

    /// Its versions have a number of their own beside the stamp.
    func stopClock() async throws -> Bool { true }

    func close() async { other.store.close() }
  }
#endif
