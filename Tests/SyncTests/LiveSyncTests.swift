import Foundation
import Journal
import TestKit
import Testing
import Transport

@testable import Projection

@Suite struct `Live results beside a sync` {
  @Test func `tell what the server says as remote, and what it takes over as nothing`()
    async throws
  {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    var changes = a.store.changes().makeAsyncIterator()
    var results = a.store.observe(Query("c")).makeAsyncIterator()
    #expect(try await results.next() == [])
    try await a.put("1", ["n": 1])
    #expect(try await changes.next()?.origin == .local)
    #expect(try await results.next()?.map(\.key) == ["1"])
    // Delivered, answered, echoed and settled: what is shown stays the same.
    try await a.sync()
    #expect(try changes.available() == nil)
    #expect(try results.available() == nil)
    try await b.sync()
    try await b.update("1", ["n": 2])
    try await b.put("2", ["n": 3])
    try await b.sync()
    try await a.sync()
    let first = try #require(try await changes.next())
    #expect(first.key == "1" && first.origin == .remote && first.actor == nil)
    #expect(first.fields == [FieldChange(name: "n", before: 1, after: 2)])
    #expect(try await changes.next()?.after == ["n": 3])
    #expect(try await results.next()?.map(\.key) == ["1", "2"])
    try await b.store.erase("c", "2", because: "asked to")
    try await b.sync()
    try await a.sync()
    let erased = try #require(try await changes.next())
    #expect(erased.key == "2" && erased.after == nil && erased.origin == .remote)
    #expect(try await results.next()?.map(\.key) == ["1"])
    #expect(try a.store.problems() == [])
  }

  /// A refused edit is not seen any more, though no entry is about its record.
  @Test func `tell that a refused edit is gone`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    let half = Value.bytes([UInt8](repeating: 7, count: 600_000))
    try await a.put("big", ["start": 1])
    try await a.sync()
    try await b.sync()
    try await a.update("big", ["a": half])
    try await a.sync()
    try await b.update("big", ["b": half])
    var changes = b.store.changes(matching: "c.big.b").makeAsyncIterator()
    #expect(try await b.sync().refused == 1)
    let change = try #require(try await changes.next())
    #expect(change.origin == .remote)
    #expect(change.fields == [FieldChange(name: "b", before: half, after: nil)])
    #expect(try b.store.problems() == [])
  }

  /// Two devices and their server, at random: readers of changes and live results of both are at every step
  /// what a read shows.
  @Test func `are what a read shows, whatever is delivered, taken in and decided`() async throws {
    let seed = testSeed(or: UInt64.random(in: 0..<1_000_000))
    var random = SeededRandom(seed: seed)
    let world = try World()
    let devices = [try await world.device("a"), try await world.device("b")]
    let query = Query(
      "c", where: [.init("a", .less, 700)], sort: .init("b", descending: true), limit: 4)
    var results = devices.map { $0.store.observe(query).makeAsyncIterator() }
    var changes = devices.map { $0.store.changes().makeAsyncIterator() }
    var shown: [[UntypedRecord]] = []
    var known: [[String: Fields]] = [[:], [:]]
    for index in devices.indices { shown.append(try #require(try await results[index].next())) }
    for step in 0..<200 {
      let device = try #require(devices.randomElement(using: &random))
      let key = "\(Int.random(in: 0..<8, using: &random))"
      let number = Value.integer(Int64.random(in: 0..<1_000, using: &random))
      let exists = try device.get(key) != nil
      switch Int.random(in: 0..<8, using: &random) {
      case 0, 1: try await device.sync()
      case 2 where exists: try await device.delete(key)
      case 3 where exists: try await device.update(key, ["b": number])
      case 4:
        world.remote.failNext([.lost, .answerLost].randomElement(using: &random) ?? .lost)
        _ = try? await device.sync()
        world.remote.failNext()
      case 5 where step % 4 == 0: _ = try await device.store.compact()
      default: try await device.put(key, ["a": number])
      }
      for index in devices.indices {
        let store = devices[index].store
        let fresh = try store.read { try $0.query(query) }
        let told = try results[index].available()
        #expect(told == (fresh == shown[index] ? nil : fresh), "seed \(seed), step \(step)")
        shown[index] = fresh
        while let change = try changes[index].available() {
          #expect(change.before == known[index][change.key], "seed \(seed), step \(step)")
          #expect(change.before != change.after, "seed \(seed), step \(step)")
          known[index][change.key] = change.after
        }
        let all = try store.read { try $0.query(Query("c")) }
        #expect(
          known[index] == Dictionary(uniqueKeysWithValues: all.map { ($0.key, $0.fields) }),
          "seed \(seed), step \(step)")
      }
    }
    for device in devices { #expect(try device.store.problems() == [], "seed \(seed)") }
  }
}

@Suite struct `Live results beside another process` {
  /// The command, beside the program that runs the tests.
  private func command() throws -> URL {
    let tests = Bundle.allBundles.map(\.bundleURL) + [Bundle.main.bundleURL]
    let directories =
      tests.flatMap { [$0, $0.deletingLastPathComponent()] }
      + [URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()]
    let found = directories.map { $0.appendingPathComponent("journal") }
      .first { FileManager.default.isExecutableFile(atPath: $0.path) }
    return try #require(found, "build the tests with `swift build --build-tests`")
  }

  private func append(_ line: String, to path: String) throws {
    let process = Process()
    process.executableURL = try command()
    process.arguments = ["append", path]
    let input = Pipe()
    process.standardInput = input
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    try input.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8))
    try input.fileHandleForWriting.close()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }

  @Test func `tell what it has committed, between commits of this one`() async throws {
    let scratch = try Scratch()
    var configuration = Journal.Configuration()
    configuration.pollInterval = .milliseconds(2)
    let store = try Store.create(
      at: scratch("j"), label: "laptop", isLocal: true, configuration: configuration)
    defer { store.close() }
    try await store.write { try $0.put("c", "0", ["n": 0]) }
    var results = store.observe(Query("c")).makeAsyncIterator()
    var changes = store.changes().makeAsyncIterator()
    #expect(try await results.next()?.count == 1)
    for number in 1...3 as ClosedRange<Int64> {
      try append(
        #"{"op":"put","collection":"c","id":"\#(number)","fields":{"n":\#(number)},"actor":"bob"}"#,
        to: scratch("j"))
      // Noticed by looking at the file: nothing is written here.
      let change = try #require(try await changes.next())
      #expect(change.after == ["n": .integer(number)] && change.actor == "bob")
      #expect(try await results.next()?.count == Int(number) + 1)
      try await store.write { try $0.put("c", "0", ["n": .integer(number)]) }
      let own = try #require(try await changes.next())
      let expected = FieldChange(name: "n", before: .integer(number - 1), after: .integer(number))
      #expect(own.fields == [expected])
      #expect(try await results.next()?.first?.fields == ["n": .integer(number)])
    }
    #expect(try store.problems() == [])
  }
}
