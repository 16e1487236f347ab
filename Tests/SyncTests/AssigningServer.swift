import Journal
import Synchronization
import TestKit
import Transport

@testable import Projection

/// A server that keeps what is created under keys of its own: over the wire's bytes, without a network.
///
/// It shows a record's newest state only, remembers verdicts, and knows what the keys it was sent mean.
final class AssigningServer: HTTPExchange {
  private struct Stored {
    var fields: [UInt8]?
    var version: ServerVersion
    var born: ServerVersion
    var origin: EntryID?
  }

  private struct State {
    var nextID = 100
    var time: UInt64 = 0
    var records: [[UInt8]: Stored] = [:]
    var given: [[UInt8]: String] = [:]
    var verdicts: [EntryID: Verdict] = [:]
    var acknowledged: UInt64 = 0
    var seen: [String] = []
    var segments: [[UInt8]] = []
    var lost = 0
    var answersLost = 0
    var alter: @Sendable ([Verdict]) -> [Verdict] = { $0 }
  }

  private let state = Mutex(State())

  /// Every change that was judged, as `kind collection/key`, in order.
  var seen: [String] { state.withLock { $0.seen } }
  /// The segments pushed, attempts whose answer was lost included.
  var segments: [[UInt8]] { state.withLock { $0.segments } }

  /// Loses so many of the next pushes, or only the answers to them.
  func lose(_ pushes: Int = 0, answers: Int = 0) {
    state.withLock { ($0.lost, $0.answersLost) = (pushes, answers) }
  }

  /// Gives other verdicts from now on than it remembers.
  func answer(_ alter: @escaping @Sendable ([Verdict]) -> [Verdict]) {
    state.withLock { $0.alter = alter }
  }

  /// Changes a record as another device would.
  func put(_ collection: String, _ key: String, _ fields: Fields?) throws {
    let rowKey = try RecordAddress(collection: collection, key: key).rowKey
    let encoded = try fields.map { fields in
      var writer = CBORWriter()
      try writer.fields(fields)
      return writer.bytes
    }
    state.withLock { _ = Self.store(encoded, rowKey, nil, &$0) }
  }

  /// Keeps what there is now; what comes back puts it in place again, with other keys to give.
  func backup() -> @Sendable (_ nextID: Int) -> Void {
    let kept = state.withLock { $0 }
    return { nextID in
      self.state.withLock { state in
        state = kept
        state.nextID = nextID
      }
    }
  }

  /// Whether there is a record under a key.
  func isLive(_ collection: String, _ key: String) throws -> Bool {
    let rowKey = try RecordAddress(collection: collection, key: key).rowKey
    return state.withLock { $0.records[rowKey]?.fields != nil }
  }

  /// Every record there is, as `Store.picture` shows a store.
  func picture() throws -> String {
    try state.withLock { state in
      var text = ""
      for (rowKey, stored) in state.records.sorted(by: {
        $0.key.lexicographicallyPrecedes($1.key)
      }) {
        guard let fields = stored.fields else { continue }
        let names = try RecordAddress(rowKey: rowKey).names
        text += "\(names.collection)/\(names.key) "
        text += JSONText.string(.object(try Snapshot.decode(fields))) + "\n"
      }
      return text
    }
  }

  func send(_ request: HTTPExchangeRequest) async throws -> HTTPExchangeResponse {
    let body = try state.withLock { state in
      let path = request.url.drop { $0 != "/" }.split(separator: "/").dropFirst(2).joined()
      switch path.prefix(while: { $0 != "?" }) {
      case "info":
        return FeedCodec.encode(RemoteInfo(epoch: "e", acknowledgedSize: state.acknowledged))
      case "checkpoint":
        let (witness, _) = try (request.body ?? []).withUnsafeBytes { try PushCodec.decode($0) }
        state.acknowledged = Self.size(witness)
        return FeedCodec.encode(size: state.acknowledged)
      case "push": return try Self.push(request.body ?? [], &state)
      default: return try Self.feed(request.url, state)
      }
    }
    return HTTPExchangeResponse(status: 200, body: body)
  }

  private static func size(_ witness: Witness) -> UInt64 {
    witness.checkpoint.split(separator: "\n").dropFirst().first.flatMap { UInt64($0) } ?? 0
  }

  private static func push(_ request: [UInt8], _ state: inout State) throws -> [UInt8] {
    let (witness, segment) = try request.withUnsafeBytes { try PushCodec.decode($0) }
    state.segments.append(segment ?? [])
    if state.lost > 0 {
      state.lost -= 1
      throw TransportError.unreachable("the request was lost")
    }
    let changes = try (segment ?? []).withUnsafeBytes { try SegmentCodec.decode($0) }
    var verdicts: [Verdict] = []
    for change in changes {
      let verdict = try state.verdicts[change.id] ?? judge(change, &state)
      state.verdicts[change.id] = verdict
      verdicts.append(verdict)
    }
    state.acknowledged = size(witness)
    if state.answersLost > 0 {
      state.answersLost -= 1
      throw TransportError.unreachable("the answer was lost")
    }
    return PushCodec.encode(state.alter(verdicts), size: state.acknowledged)
  }

  private static func judge(_ change: SegmentChange, _ state: inout State) throws -> Verdict {
    try change.body.withUnsafeBytes { bytes in
      let body = try Body(bytes)
      guard let sent = try body.record() else {
        return .accepted(ServerVersion(timestamp: state.time, tieBreak: 0))
      }
      let names = try sent.names
      state.seen.append("\(change.kind) \(names.collection)/\(names.key)")
      var rowKey = sent.rowKey
      var id = state.given[rowKey]
      // What stands under a key of the device's own is new.
      if id == nil, state.records[rowKey]?.fields == nil,
        change.kind == .create || change.kind == .put
      {
        id = "\(state.nextID)"
        state.nextID += 1
        state.given[rowKey] = id
      }
      if let id { rowKey = try RecordAddress(collection: names.collection, key: id).rowKey }
      let effect = try EditRule.apply(change.kind, body, to: state.records[rowKey]?.fields)
      guard effect.hasEffect else {
        return .absorbed(ServerVersion(timestamp: state.time, tieBreak: 0))
      }
      let version = store(effect.fields, rowKey, change.id, &state)
      return .accepted(version, id: id)
    }
  }

  @discardableResult
  private static func store(
    _ fields: [UInt8]?, _ rowKey: [UInt8], _ origin: EntryID?, _ state: inout State
  ) -> ServerVersion {
    state.time += 1
    let version = ServerVersion(timestamp: state.time, tieBreak: 0)
    state.records[rowKey] = Stored(
      fields: fields, version: version, born: state.records[rowKey]?.born ?? version,
      origin: origin)
    return version
  }

  private static func feed(_ url: String, _ state: State) throws -> [UInt8] {
    let cursor = url.split(separator: "=").last.flatMap { UInt64($0) } ?? 0
    let after = url.contains("cursor=") ? cursor : 0
    let changes = try state.records.filter { $0.value.version.timestamp > after }
      .sorted { $0.value.version < $1.value.version }
      .map { rowKey, stored in
        let names = try RecordAddress(rowKey: rowKey).names
        return FeedChange(
          collection: names.collection, key: names.key, version: stored.version,
          born: stored.born, state: stored.fields.map { .live($0) } ?? .deleted,
          originID: stored.origin)
      }
    return FeedCodec.encode(
      FeedPage(
        epoch: "e", cursor: "\(state.time)",
        through: ServerVersion(timestamp: state.time, tieBreak: 0), hasMore: false,
        changes: changes))
  }
}

extension Store {
  /// An engine for a server of ids, which is declared under a name.
  func engine(
    to server: AssigningServer, named name: String = "main", collections: [String] = []
  ) async throws -> SyncEngine {
    let declared = try journal.read { try $0.remotes() }.contains { $0.name == name }
    if !declared {
      try await journal.declare(
        RemoteDeclaration(
          name: name, kind: "journal", url: "http://localhost", collections: collections))
    }
    return try SyncEngine(
      journal: journal, remote: name,
      over: JournalServer(url: "http://localhost", exchange: server))
  }

  /// Every derived row, byte for byte.
  func derivedRows() throws -> [[UInt8]: [UInt8]] {
    var rows: [[UInt8]: [UInt8]] = [:]
    try journal.read { reader in
      for table in [Table.records, .edits, .indexes] {
        try reader.storage.scan(table, from: nil) { key, payload in
          rows[[table.rawValue] + key] = [UInt8](payload)
          return true
        }
      }
    }
    return rows
  }

  /// Asserts that a rebuild gives the rows that are there, and that nothing else is wrong.
  func isSound() async throws -> Bool {
    let (rows, found) = (try derivedRows(), try problems())
    try await rebuild()
    return try rows == derivedRows() && found == [] && problems() == []
  }
}
