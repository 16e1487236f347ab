import Foundation
import Journal
import Projection
import Synchronization
import TestKit
import Testing
import Transport

@testable import JournalTool

@Suite struct `A segment on its way to our server` {
  private let scratch: Scratch
  private let server: AccountJournal
  private let store: Store

  init() async throws {
    scratch = try Scratch()
    server = try AccountJournal(directory: scratch("server"))
    store = try Store.create(at: scratch("device"), label: "device")
    try await store.journal.declare(
      RemoteDeclaration(name: "server", kind: "journal", url: "https://server.test"))
  }

  private func engine(_ exchange: CodedServer) throws -> SyncEngine {
    try SyncEngine(
      journal: store.journal, remote: "server",
      over: JournalServer(url: "https://server.test", exchange: exchange))
  }

  private func write(_ count: Int) async throws {
    try await store.write { tx in
      for number in 0..<count { try tx.create("c", "r\(number)", ["text": "the same text again"]) }
    }
  }

  @Test func `goes compressed once the server has said that it takes that`() async throws {
    defer { store.close() }
    let exchange = CodedServer(server)
    try await write(100)
    let report = try await engine(exchange).sync()
    #expect(report.accepted == 100 && report.pending == 0)
    let push = try #require(exchange.pushes.first)
    #expect(push.coding == "deflate")
    #expect(push.sent * 2 < push.plain, "\(push.sent) of \(push.plain) bytes")
    #expect(try await server.edits() == 100)
  }

  @Test func `goes as it is where it is short, or where the server says nothing`() async throws {
    defer { store.close() }
    let exchange = CodedServer(server)
    try await write(1)
    _ = try await engine(exchange).sync()
    exchange.state.withLock { $0.says = nil }
    try await store.write { tx in
      for number in 0..<100 { try tx.create("d", "r\(number)", ["text": "the same text again"]) }
    }
    let report = try await engine(exchange).sync()
    #expect(report.pending == 0)
    #expect(exchange.pushes.map(\.coding) == [nil, nil])
    #expect(exchange.pushes.allSatisfy { $0.sent == $0.plain })
  }

  @Test(arguments: ["gzip, br", "gzip;q=1, deflate;q=0.5", " DEFLATE"])
  func `goes in an encoding that is named`(_ names: String) async throws {
    defer { store.close() }
    let exchange = CodedServer(server)
    exchange.state.withLock { $0.says = names }
    try await write(100)
    _ = try await engine(exchange).sync()
    #expect(exchange.pushes.map(\.coding) == [names.hasSuffix("br") ? nil : "deflate"])
  }

  @Test func `goes again as it is, the same bytes, where its encoding is not taken after all`()
    async throws
  {
    defer { store.close() }
    let exchange = CodedServer(server)
    exchange.state.withLock { $0.refuses = true }
    try await write(100)
    let report = try await engine(exchange).sync()
    #expect(report.accepted == 100 && report.pending == 0)
    #expect(exchange.pushes.map(\.coding) == ["deflate", nil])
    #expect(try await server.edits() == 100)
  }
}

extension AccountJournal {
  fileprivate func edits() async throws -> Int {
    try await feed(after: nil, limit: 1_000, device: nil).changes.count
  }
}
