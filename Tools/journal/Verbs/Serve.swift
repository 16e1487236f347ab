import ArgumentParser
import Foundation
import Hummingbird
import Journal
import Logging
import NIOCore
import Transport
import UnixSignals

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run the server, with its store in a directory.")

  @Option(help: "Where the accounts' journals are kept: lmdb:DIR.") var store: String
  @Option(help: "The address to listen on.") var host = "127.0.0.1"
  @Option(help: "The port; 0 is any free one.") var port = 8_080
  @Option(help: "A file with lines `ACCOUNT TOKEN`.") var tokens: String?
  @OptionGroup var key: KeyOption

  func run() async throws {
    guard store.hasPrefix("lmdb:"), store.count > 5 else {
      throw Finding.usage("--store is lmdb:DIR")
    }
    guard tokens != nil || RemoteURL.isLoopback(host) else {
      throw Finding.usage("without --tokens the server listens on this machine only")
    }
    guard (0...65_535).contains(port) else { throw Finding.usage("--port is 0 to 65535") }
    let directory = String(store.dropFirst(5))
    let accounts = Accounts(directory: directory, tokens: try readTokens())
    // The journal makes its own directory; with tokens the journals stand inside of it.
    try OutputFile.makeDirectory(
      tokens != nil
        ? directory : URL(fileURLWithPath: directory).deletingLastPathComponent().path)
    try await accounts.openSingle()
    var logger = Logger(label: "journal")
    logger.logLevel = .error
    let host = host
    let application = Application(
      router: ServerApplication(accounts: accounts).router(),
      configuration: .init(address: .hostname(host, port: port), serverName: nil),
      onServerRunning: { channel in
        let bound = channel.localAddress?.port ?? 0
        let shown = host.contains(":") ? "[\(host)]" : host
        let output = Output()
        output.line("listening on http://\(shown):\(bound)")
        output.flush()
      },
      logger: logger)
    do {
      try await application.runService(gracefulShutdownSignals: [.sigterm, .sigint])
    } catch {
      await accounts.close()
      throw JournalError.storage(
        "the server cannot listen on \(host):\(port): \(Self.reason(error))")
    }
    await accounts.close()
  }

  private static func reason(_ error: any Error) -> String {
    switch error {
    case let error as IOError: String(cString: strerror(error.errnoCode)).lowercased()
    case is SocketAddressError.UnknownHost: "no such host"
    default: "\(error)"
    }
  }

  private func readTokens() throws -> [String: String]? {
    guard let tokens else { return nil }
    let bytes = try InputFile.contents(tokens, "the tokens file")
    guard let text = String(bytes: bytes, encoding: .utf8) else {
      throw Finding.usage("the tokens file \(tokens) is not UTF-8")
    }
    return try Accounts.tokens(text)
  }
}
