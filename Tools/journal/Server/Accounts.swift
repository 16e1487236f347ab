import Crypto
import Foundation
import Journal

/// The accounts a server knows, each with its journal. Who asks is known by the token alone.
actor Accounts {
  private let directory: String
  /// SHA-256 of each token, so that comparing takes the same time whatever the token.
  private let accounts: [SHA256.Digest: String]?
  private var open: [String: AccountJournal] = [:]

  /// - Parameter tokens: Accounts by token; nil means one account without a token.
  init(directory: String, tokens: [String: String]?) {
    self.directory = directory
    accounts = tokens.map { tokens in
      Dictionary(
        tokens.map { (SHA256.hash(data: Data($0.key.utf8)), $0.value) },
        uniquingKeysWith: { first, _ in first })
    }
  }

  /// The journal a request may use.
  ///
  /// - Throws: ``ServerError/unauthorized``.
  func journal(authorization: String?) throws -> AccountJournal {
    let account: String
    if let accounts {
      guard let authorization, authorization.hasPrefix("Bearer "),
        let found = accounts[SHA256.hash(data: Data(authorization.dropFirst(7).utf8))]
      else { throw ServerError.unauthorized }
      account = found
    } else {
      account = ""
    }
    if let journal = open[account] { return journal }
    let journal = try AccountJournal(
      directory: account.isEmpty ? directory : "\(directory)/\(account)")
    open[account] = journal
    return journal
  }

  /// Opens the one account at once where there are no tokens, so that errors show at the start.
  func openSingle() throws {
    if accounts == nil { _ = try journal(authorization: nil) }
  }

  func close() {
    for journal in open.values { journal.close() }
    open = [:]
  }

  /// Reads a file of lines `ACCOUNT TOKEN`; `#` begins a comment.
  static func tokens(_ text: String) throws -> [String: String] {
    var tokens: [String: String] = [:]
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      let parts = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace)
      if parts.isEmpty { continue }
      guard parts.count == 2, Self.isName(parts[0]), tokens[String(parts[1])] == nil else {
        throw Finding.usage(
          "line \(index + 1) of the tokens is not `ACCOUNT TOKEN` with a token of its own; an "
            + "account's name is 1 to 64 of A-Z a-z 0-9 _ -")
      }
      tokens[String(parts[1])] = String(parts[0])
    }
    guard !tokens.isEmpty else { throw Finding.usage("the tokens file names no account") }
    return tokens
  }

  private static func isName(_ text: Substring) -> Bool {
    (1...64).contains(text.utf8.count)
      && text.utf8.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: true
        default: false
        }
      }
  }
}
