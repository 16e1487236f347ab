import Journal
import Synchronization
import Transport

@testable import JournalTool

/// Our server with a will of its own: it refuses what a test says, and judges the rest as it does.
final class RefusingRemote: Remote {
  typealias Rule =
    @Sendable (_ change: SegmentChange, _ key: String) -> (
      code: String, message: String
    )?

  /// What a push fails with as a whole that has a change of this key.
  typealias Failing = @Sendable (_ key: String) -> PushFailure?

  let inner: Loopback
  private let rule: Mutex<Rule>
  private let failing = Mutex<Failing>({ _ in nil })
  private let dropping = Mutex<@Sendable (SegmentChange) -> ServerVersion?>({ _ in nil })
  private let counted = Mutex<[[SequenceNumber]]>([])

  init(_ inner: Loopback, _ rule: @escaping Rule = { _, _ in nil }) {
    self.inner = inner
    self.rule = Mutex(rule)
  }

  /// The edits of each push so far.
  var pushes: [[SequenceNumber]] { counted.withLock { $0 } }

  func refuse(_ rule: @escaping Rule) { self.rule.withLock { $0 = rule } }

  /// Has changes dropped without a word of why: the answer is that they changed nothing at a version.
  func drop(_ rule: @escaping @Sendable (SegmentChange) -> ServerVersion?) {
    dropping.withLock { $0 = rule }
  }

  func fail(_ rule: @escaping Failing) { failing.withLock { $0 = rule } }

  func info(device: DeviceID) async throws -> RemoteInfo { try await inner.info(device: device) }

  func push(_ push: Push) async throws -> PushAnswer {
    let changes = try push.segment.withUnsafeBytes { try SegmentCodec.decode($0) }
    counted.withLock { $0.append(changes.map(\.sequence)) }
    var refused = [(code: String, message: String)?](repeating: nil, count: changes.count)
    var first = 0
    for (index, change) in changes.enumerated() {
      let key = try change.body.withUnsafeBytes { try Body($0).record()?.names.key } ?? ""
      if let failure = failing.withLock({ $0 })(key) { return .failed(failure) }
      if let refusal = rule.withLock({ $0 })(change, key) {
        for member in first...index { refused[member] = refusal }
      } else if index > first {
        refused[index] = refused[index - 1]
      }
      if !change.moreOfGroup { first = index + 1 }
    }
    let verdicts = zip(changes, refused).map { change, refusal -> Verdict? in
      if let refusal { return .refused(code: refusal.code, message: refusal.message) }
      return dropping.withLock { $0 }(change).map { .absorbed($0) }
    }
    var inner = push
    inner.segment = SegmentCodec.encode(
      changes.indices.filter { verdicts[$0] == nil }.map { changes[$0] })
    guard case .judged(let judged, let size) = try await self.inner.push(inner) else {
      throw TransportError.protocolViolation("not judged")
    }
    var rest = judged[...]
    return .judged(verdicts: verdicts.map { $0 ?? rest.removeFirst() }, size: size)
  }

  func changes(after cursor: String?, limit: Int, device: DeviceID) async throws -> FeedPage {
    try await inner.changes(after: cursor, limit: limit, device: device)
  }

  func show(_ witness: Witness) async throws -> WitnessAnswer { try await inner.show(witness) }
}
