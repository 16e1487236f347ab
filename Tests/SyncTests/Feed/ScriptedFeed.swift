import Journal
import Projection
import Synchronization
import TestKit
import Testing

@testable import JournalTool
@testable import Transport

/// A server that shows what a test wrote down, page by page, and takes nothing.
final class ScriptedFeed: Remote {
  struct State: Sendable {
    var pages: [FeedPage] = []
    /// Which page follows a cursor, by its bytes; the first one without.
    var places: [[UInt8]?: Int] = [nil: 0]
    /// Pages that follow a cursor once, before what follows it else.
    var detours: [[UInt8]: Int] = [:]
    var asked: [String?] = []
  }

  let state: Mutex<State>

  init(_ pages: [FeedPage]) {
    var state = State()
    state.pages = pages
    for (index, page) in pages.enumerated() { state.places[Array(page.cursor.utf8)] = index + 1 }
    self.state = Mutex(state)
  }

  /// Pages of `limit` changes; the cursors are texts of a test's choice.
  convenience init(
    _ changes: [FeedChange], by limit: Int, cursor: (Int) -> String = { "page \($0)" }
  ) {
    var pages: [FeedPage] = []
    for start in stride(from: 0, to: changes.count, by: limit) {
      let part = Array(changes[start..<min(start + limit, changes.count)])
      pages.append(
        FeedPage(
          epoch: "epoch", cursor: cursor(pages.count),
          through: part.last?.version ?? ServerVersion(timestamp: 1, tieBreak: 0),
          hasMore: start + limit < changes.count, changes: part))
    }
    self.init(pages)
  }

  var isWitness: Bool { false }

  func info(device: DeviceID) async throws -> RemoteInfo {
    RemoteInfo(epoch: "epoch", acknowledgedSize: 0)
  }

  func push(_ push: Push) async throws -> PushAnswer {
    throw TransportError.unavailable("this server takes nothing")
  }

  func changes(after cursor: String?, limit: Int, device: DeviceID) async throws -> FeedPage {
    try state.withLock { state in
      state.asked.append(cursor)
      let bytes = cursor.map { Array($0.utf8) }
      let detour = bytes.flatMap { state.detours.removeValue(forKey: $0) }
      guard let place = detour ?? state.places[bytes] else {
        throw TransportError.cursorUnknown("no page gave the cursor \(cursor ?? "")")
      }
      if place < state.pages.count { return state.pages[place] }
      var end = try #require(state.pages.last)
      end.changes = []
      return end
    }
  }

  func show(_ witness: Witness) async throws -> WitnessAnswer {
    throw TransportError.unavailable("this server keeps no checkpoints")
  }
}

extension FeedChange {
  /// A record of the collection `c` as it is at a version.
  static func live(
    _ key: String, at timestamp: UInt64, _ tieBreak: UInt64 = 0, _ fields: Fields = [:]
  ) throws -> FeedChange {
    var writer = CBORWriter()
    try writer.fields(fields)
    let version = ServerVersion(timestamp: timestamp, tieBreak: tieBreak)
    return FeedChange(
      collection: "c", key: key, version: version, born: version, state: .live(writer.bytes))
  }

  static func deleted(_ key: String, at timestamp: UInt64, _ tieBreak: UInt64 = 0) -> FeedChange {
    let version = ServerVersion(timestamp: timestamp, tieBreak: tieBreak)
    return FeedChange(collection: "c", key: key, version: version, born: version, state: .deleted)
  }
}

/// The server of a test, its requests and the bytes of its answers counted.
final class CountedRemote: Remote, ReconcilingRemote {
  struct Count: Sendable, Equatable {
    var requests = 0
    var bytes = 0
  }

  private let inner: Loopback
  private let counted = Mutex<[String: Count]>([:])

  init(_ inner: Loopback) {
    self.inner = inner
  }

  /// What was asked for and answered since the last time, by kind.
  func take() -> [String: Count] {
    counted.withLock { counted in
      defer { counted = [:] }
      return counted
    }
  }

  private func count(_ kind: String, _ bytes: [UInt8]) -> [UInt8] {
    counted.withLock { counted in
      counted[kind, default: Count()].requests += 1
      counted[kind, default: Count()].bytes += bytes.count
    }
    return bytes
  }

  var reconciling: (any ReconcilingRemote)? { self }

  func info(device: DeviceID) async throws -> RemoteInfo { try await inner.info(device: device) }

  func push(_ push: Push) async throws -> PushAnswer { try await inner.push(push) }

  func show(_ witness: Witness) async throws -> WitnessAnswer { try await inner.show(witness) }

  func changes(after cursor: String?, limit: Int, device: DeviceID) async throws -> FeedPage {
    let page = try await inner.changes(after: cursor, limit: limit, device: device)
    return try count("feed", FeedCodec.encode(page)).withUnsafeBytes { try FeedCodec.decode($0) }
  }

  func digests(at cursor: String, device: DeviceID) async throws -> [CollectionDigest] {
    let answer = try inner.server.digest(at: cursor, filters: inner.filters) { reader in
      DigestCodec.encode(epoch: reader.epoch, try reader.collections())
    }
    return try count("digest", answer).withUnsafeBytes {
      try DigestCodec.decodeCollections($0).digests
    }
  }

  func digest(
    of collection: String, bits: Int, at cursor: String, device: DeviceID
  ) async throws -> [UInt8] {
    let answer = try inner.server.digest(at: cursor, filters: inner.filters) { reader in
      DigestCodec.encode(
        epoch: reader.epoch, buckets: try reader.buckets(of: collection, bits: bits))
    }
    return try count("digest", answer).withUnsafeBytes {
      try DigestCodec.decodeBuckets($0).buckets
    }
  }

  func records(
    of collection: String, in buckets: [UInt16], bits: Int, at cursor: String, from place: String?,
    limit: Int, device: DeviceID
  ) async throws -> FeedPage {
    let asked = try #require(DigestCodec.buckets(DigestCodec.text(buckets), bits: bits))
    let page = try inner.server.digest(at: cursor, filters: inner.filters) { reader in
      try reader.records(of: collection, in: asked, bits: bits, from: place, limit: limit)
    }
    return try count("records", FeedCodec.encode(page)).withUnsafeBytes {
      try FeedCodec.decode($0)
    }
  }
}
