import Foundation
import Synchronization
public import Transport

/// Another exchange that writes down what a real server answers, for ``ReplayingExchange``.
///
/// ```swift
/// let recording = try RecordingExchange(AsyncHTTPExchange(), to: "notes.recording")
/// ```
///
/// The file has one JSON object a line, `{"recording":1}` first, is readable by its owner alone, and is
/// written line by line, so that what was answered before a crash is in it. The values of
/// `Authorization`, `Proxy-Authorization`, `Cookie` and `Set-Cookie` are left out, and those of any header
/// named besides; URLs and bodies are kept as they are: look through a recording before you share it.
/// Safe to use from any thread.
public final class RecordingExchange: HTTPExchange {
  private let inner: any HTTPExchange
  private let file: Mutex<FileHandle>
  private let path: String
  private let redacted: Set<String>

  /// A recording in a new file; one that is there is replaced.
  ///
  /// - Parameters:
  ///   - inner: What carries requests out.
  ///   - path: The file.
  ///   - headers: Names of further headers whose values are secret, in any case.
  /// - Throws: `TransportError.invalidConfiguration` where the file cannot be written.
  public init(
    _ inner: any HTTPExchange, to path: String, redacting headers: [String] = []
  ) throws(TransportError) {
    let isCreated = FileManager.default.createFile(
      atPath: path, contents: Data((RecordedExchange.header + "\n").utf8),
      attributes: [.posixPermissions: 0o600])
    guard isCreated, let handle = FileHandle(forWritingAtPath: path),
      (try? handle.seekToEnd()) != nil
    else { throw .invalidConfiguration("\(path): the recording cannot be written there") }
    self.inner = inner
    self.path = path
    file = Mutex(handle)
    redacted = Set(
      ["authorization", "proxy-authorization", "cookie", "set-cookie"]
        + headers.map { $0.lowercased() })
  }

  /// - Throws: What the inner exchange throws; `TransportError.invalidConfiguration` where the recording
  ///   cannot be written any more.
  public func send(_ request: HTTPExchangeRequest) async throws -> HTTPExchangeResponse {
    let outcome: RecordedExchange.Outcome
    do { outcome = .answer(try await inner.send(request)) } catch let error as TransportError {
      outcome = .failure(error)
    }
    let line = RecordedExchange(request, outcome).line(redacting: redacted) + "\n"
    do { try file.withLock { try $0.write(contentsOf: Data(line.utf8)) } } catch {
      throw TransportError.invalidConfiguration(
        "\(path): the recording cannot be written: \(error)")
    }
    switch outcome {
    case .answer(let answer): return answer
    case .failure(let error): throw error
    }
  }

  /// Ends the recording and closes its file.
  ///
  /// - Throws: The system's error where it cannot be closed.
  public func close() throws {
    try file.withLock { try $0.close() }
  }
}
