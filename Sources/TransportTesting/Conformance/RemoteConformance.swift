import Journal
import Transport

/// The conformance suite for remotes: what the sync engine relies on, asked of any ``Transport/Remote``.
///
/// It talks to the remote as the engine does, with devices of its own, and looks at the server's other
/// side through a ``ConformanceSubject``. A remote that has no findings delivers once, shows what it was
/// given, resumes, and fails in words the engine understands. It is no test of the engine; and what it
/// does not ask, such as what happens to a connection half way, is for a ``FaultExchange`` or a
/// ``FaultProxy``. Takes some dozens of requests.
public enum RemoteConformance {
  /// The names of all cases.
  public static var caseNames: [String] { cases.map(\.name) }

  /// Runs the suite.
  ///
  /// - Parameters:
  ///   - harness: Makes a server and a remote for each case.
  ///   - names: The cases to run; nil runs all.
  public static func run(
    _ harness: any ConformanceHarness, only names: Set<String>? = nil
  ) async -> ConformanceReport {
    var report = ConformanceReport()
    for one in cases where names?.contains(one.name) ?? true {
      do {
        let subject = try await harness.makeSubject()
        var run = ConformanceRun(harness: harness, subject: subject)
        do {
          try await one.body(&run)
          if run.messages.isEmpty { report.passed.append(one.name) }
        } catch is ConformanceRun.Skipped {
          report.skipped.append(one.name)
        } catch {
          run.messages.append("failed with \(error)")
        }
        await subject.close()
        report.findings += run.messages.map { ConformanceFinding(name: one.name, message: $0) }
      } catch {
        report.findings.append(
          ConformanceFinding(name: one.name, message: "there is no server to ask: \(error)"))
      }
    }
    return report
  }

  struct Case: Sendable {
    let name: String
    let body: @Sendable (inout ConformanceRun) async throws -> Void
  }

  static let cases = deliveryCases + feedCases
}

/// One case as it runs.
struct ConformanceRun {
  /// The subject cannot do what the case needs.
  struct Skipped: Error {}

  let harness: any ConformanceHarness
  let subject: any ConformanceSubject
  var messages: [String] = []

  var remote: any Remote { subject.remote }
  var collection: String { subject.collection }

  func makeDevice() throws -> ConformanceDevice { try ConformanceDevice(subject.remote) }

  mutating func expect(_ holds: Bool, _ message: @autoclosure () -> String) {
    if !holds { messages.append(message()) }
  }

  func need(_ isPossible: Bool) throws {
    if !isPossible { throw Skipped() }
  }

  /// Expects the server to have these records, whatever keys it keeps them under.
  mutating func expectRecords(_ expected: [Fields], _ when: String) async throws {
    let found = try await subject.records().values.map(\.description).sorted()
    let wanted = expected.map(\.description).sorted()
    expect(found == wanted, "\(when) the server has \(found), not \(wanted)")
  }

  /// Expects a call to fail with one of these codes.
  mutating func expectFailure(
    _ codes: Set<String>, _ what: String, _ body: () async throws -> Void
  ) async {
    do {
      try await body()
      messages.append("\(what) is answered as if all were well")
    } catch let error as TransportError {
      expect(codes.contains(error.code), "\(what) fails as \(error.code), not \(codes.sorted())")
    } catch {
      messages.append("\(what) fails with \(type(of: error)), which is no TransportError")
    }
  }
}

extension Verdict {
  /// The key the server keeps the record under, where the edit is part of its state.
  func key(or sent: String) -> String? {
    switch self {
    case .accepted(_, let id): id ?? sent
    case .applied(let change): change.key
    case .absorbed, .missed, .refused, .conflict, .retry: nil
    }
  }

  /// Whether the server is done with the edit: it is part of its state, or changes nothing.
  var isAcknowledged: Bool {
    switch self {
    case .accepted, .absorbed, .applied, .missed: true
    case .refused, .conflict, .retry: false
    }
  }

  /// The record's version after it.
  var version: ServerVersion? {
    switch self {
    case .accepted(let version, _), .absorbed(let version): version
    case .applied(let change), .missed(let change), .conflict(let change): change.version
    case .refused, .retry: nil
    }
  }
}

extension [FeedChange] {
  /// What is left of them: the newest state of each record that is live.
  var live: [String: Fields] {
    var newest: [String: FeedChange] = [:]
    for change in self where newest[change.key].map({ $0.version <= change.version }) ?? true {
      newest[change.key] = change
    }
    var live: [String: Fields] = [:]
    for (key, change) in newest {
      guard case .live(let bytes) = change.state,
        case .object(let fields)? = try? bytes.withUnsafeBytes({ raw in
          var reader = CBORReader(raw)
          return try reader.value(maxDepth: Limits.depth)
        })
      else { continue }
      live[key] = fields
    }
    return live
  }
}
