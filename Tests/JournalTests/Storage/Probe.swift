import Foundation
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A process of its own that works on a data file: `Tests/StorageProbe`. It is killed with this.
final class Probe {
  private struct CannotStart: Error {}

  private var process: pid_t = 0
  private let output: Int32
  private var isRunning = true

  init(_ arguments: [String]) throws {
    let ends = try Self.pipe()
    output = ends.reading
    defer { close(ends.writing) }
    let path = try Self.executable()
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, ends.writing, 1)
    var words = ([path] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    guard posix_spawn(&process, path, &actions, nil, &words, environ) == 0 else {
      throw CannotStart()
    }
  }

  convenience init(_ arguments: String...) throws {
    try self.init(arguments)
  }

  deinit {
    kill()
    close(output)
  }

  /// Runs one to its end and returns what it said, line by line, and how it ended if not well.
  static func run(_ arguments: String...) throws -> [String] {
    let probe = try Probe(arguments)
    var lines: [String] = []
    while let line = probe.nextLine() { lines.append(line) }
    let status = probe.wait()
    return status == 0 ? lines : lines + ["ended with status \(status)"]
  }

  /// Waits until it says something, and returns that; empty when it ended instead.
  func line() -> String { nextLine() ?? "" }

  func kill() {
    guard isRunning else { return }
    sendKill(process)
    _ = wait()
  }

  private func nextLine() -> String? {
    var line: [UInt8] = []
    var byte: UInt8 = 0
    while true {
      let count = read(output, &byte, 1)
      if count < 0, errno == EINTR { continue }
      guard count == 1 else { return line.isEmpty ? nil : String(decoding: line, as: UTF8.self) }
      if byte == UInt8(ascii: "\n") { return String(decoding: line, as: UTF8.self) }
      line.append(byte)
    }
  }

  private func wait() -> Int32 {
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    isRunning = false
    return status
  }

  /// Two ends that no other process inherits: it would keep the reader from seeing the end.
  private static func pipe() throws -> (reading: Int32, writing: Int32) {
    var ends: [Int32] = [-1, -1]
    guard systemPipe(&ends) == 0 else { throw CannotStart() }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }

  /// Beside the program that runs the tests.
  private static func executable() throws -> String {
    let tests = Bundle.allBundles.map(\.bundleURL) + [Bundle.main.bundleURL]
    let directories =
      tests.flatMap { [$0, $0.deletingLastPathComponent()] }
      + [URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()]
    let found = directories.map { $0.appendingPathComponent("StorageProbe").path }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
    return try #require(found, "build the tests with `swift build --build-tests`")
  }
}

private func systemPipe(_ ends: inout [Int32]) -> Int32 { pipe(&ends) }

private func sendKill(_ process: pid_t) {
  kill(process, SIGKILL)
}
