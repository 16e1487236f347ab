import Foundation
import Synchronization
public import Transport

/// Answers as a real server did when a ``RecordingExchange`` listened; the server is not needed.
///
/// ```swift
/// let replay = try ReplayingExchange(contentsOf: "notes.recording")
/// let remote = try RESTServer(
///   url: "https://example.com", collections: ["notes"], settings: settings, exchange: replay)
/// // … sync as when it was recorded …
/// #expect(replay.unused == [])
/// ```
///
/// Requests for one method and URL are answered in the order in which they were; others do not come into
/// it. A request that was not recorded, or not so often, is an error that names it. Safe to use from any
/// thread.
public final class ReplayingExchange: HTTPExchange {
  private let answers: Mutex<[RecordedExchange?]>
  private let name: String

  /// - Parameter path: The recording.
  /// - Throws: `TransportError.invalidConfiguration`, which names the file and the line.
  public init(contentsOf path: String) throws(TransportError) {
    guard let data = FileManager.default.contents(atPath: path),
      let text = String(validating: data, as: UTF8.self)
    else { throw .invalidConfiguration("\(path): the recording cannot be read") }
    // By bytes: a carriage return and a line feed are one character.
    let lines = text.utf8.split(separator: UInt8(ascii: "\n"))
    guard let first = lines.first, String(Substring(first)) == RecordedExchange.header else {
      throw .invalidConfiguration("\(path): line 1 is not \(RecordedExchange.header)")
    }
    var answers: [RecordedExchange?] = []
    for (index, line) in lines.enumerated().dropFirst() {
      guard let answer = RecordedExchange(line: String(Substring(line))) else {
        throw .invalidConfiguration("\(path): line \(index + 1) is no recorded exchange")
      }
      answers.append(answer)
    }
    name = path
    self.answers = Mutex(answers)
  }

  /// The recorded requests nobody asked yet, as `METHOD URL`.
  public var unused: [String] {
    answers.withLock { $0.compactMap { $0.map { "\($0.method) \($0.url)" } } }
  }

  /// - Throws: What was thrown when it was recorded; `TransportError.invalidConfiguration` for a request
  ///   that was not.
  public func send(_ request: HTTPExchangeRequest) async throws -> HTTPExchangeResponse {
    let found = answers.withLock { answers -> RecordedExchange? in
      let index = answers.firstIndex { answer in
        guard let answer else { return false }
        return answer.method.utf8.elementsEqual(request.method.utf8)
          && answer.url.utf8.elementsEqual(request.url.utf8)
      }
      guard let index else { return nil }
      defer { answers[index] = nil }
      return answers[index]
    }
    guard let found else {
      throw TransportError.invalidConfiguration(
        "\(name) has no further answer to \(request.method) \(request.url); record it anew")
    }
    switch found.outcome {
    case .answer(let answer): return answer
    case .failure(let error): throw error
    }
  }
}
