public import Journal
public import Transport

/// What the conformance suite needs of a remote's server: one server per case, and its other side.
///
/// ```swift
/// struct NotesHarness: ConformanceHarness {
///   func makeSubject() async throws -> any ConformanceSubject { try await NotesServer() }
/// }
///
/// @Test func theNotesRemoteConforms() async throws {
///   let report = await RemoteConformance.run(NotesHarness())
///   #expect(report.findings.isEmpty)
/// }
/// ```
public protocol ConformanceHarness: Sendable {
  /// A server without records, of its own, and a remote that talks to it.
  func makeSubject() async throws -> any ConformanceSubject
}

/// A remote with its server's other side.
///
/// Only the remote, the collection, ``write(_:_:)`` and ``records()`` are needed. Each of the others
/// says whether it can be done, and false where nothing is said: the cases that need it are skipped, and
/// the report names them.
public protocol ConformanceSubject: Sendable {
  /// What is tested.
  var remote: any Remote { get }
  /// A collection of the remote's.
  var collection: String { get }
  /// Somebody else writes a record; nil deletes it.
  func write(_ key: String, _ fields: Fields?) async throws
  /// The live records of the collection at the server, by key.
  func records() async throws -> [String: Fields]
  /// The answer to the next request is lost after the server acted.
  func loseNextAnswer() async throws -> Bool
  /// The server refuses what is done to this record.
  func refuse(_ key: String) async throws -> Bool
  /// The server does not accept the remote's credentials any more.
  func rejectCredentials() async throws -> Bool
  /// The server ends and begins again with what it has.
  func restart() async throws -> Bool
  /// The next records somebody else writes have one stamp.
  func stopClock() async throws -> Bool
  /// The subject is not used any more.
  func close() async
}

extension ConformanceSubject {
  public func loseNextAnswer() async throws -> Bool { false }
  public func refuse(_ key: String) async throws -> Bool { false }
  public func rejectCredentials() async throws -> Bool { false }
  public func restart() async throws -> Bool { false }
  public func stopClock() async throws -> Bool { false }
  public func close() async {}
}

/// Something a remote does that a client cannot live with.
public struct ConformanceFinding: Sendable, Hashable, CustomStringConvertible {
  /// The case that found it.
  public var name: String
  /// What was to be, and what was.
  public var message: String

  public var description: String { "\(name): \(message)" }
}

/// What a run of the suite came to.
public struct ConformanceReport: Sendable {
  /// What is wrong; nothing where the remote conforms.
  public var findings: [ConformanceFinding] = []
  /// The cases that found nothing.
  public var passed: [String] = []
  /// The cases the subject has not the means for.
  public var skipped: [String] = []
}
