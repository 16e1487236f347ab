import Journal
import Projection
import Synchronization
import TestKit

/// What has to hold with a server of plain records, whose order of changes nobody can see.
///
/// While all goes on, a record that one device alone has written shows what that device wrote, whatever
/// became of requests and answers. In the end each field has a value that is somebody's last word about it,
/// and everybody shows the same.
@Simulated struct PlainOracle {
  /// What somebody without a journal wrote, in order.
  private var others: [Intent] = []
  /// Whether the server lost anything by going back.
  private var hasGoneBack = false
  /// Records of which the server refused something at some time: where nobody heard of it, what was refused comes
  /// behind what was written later.
  private let refused = RefusedRecords()

  /// To be told of what the server refuses.
  var refusals: RefusedRecords { refused }

  mutating func wentBack() { hasGoneBack = true }

  /// Whoever writes without a journal writes whole records.
  static func whole(_ intent: Intent) -> Intent {
    var whole = intent
    if intent.kind != .delete { whole.kind = .put }
    whole.unset = []
    return whole
  }

  /// Something whole that somebody wrote has become part of the server's state.
  mutating func foreign(_ whole: Intent) {
    others.append(whole)
  }

  // MARK: While all goes on

  func check(_ device: SimulatedDevice, among devices: [SimulatedDevice]) throws {
    try Checks.checkSetAside(device, refused: nil)
    let accepted = Set(try device.store.acceptances(from: device.checkedAcceptances + 1))
    device.acknowledged.formUnion(device.ledger.filter { accepted.contains($0.sequence) }.map(\.id))
    device.checkedAcceptances = try device.store.journal.lastSequence
    guard !hasGoneBack else { return }
    let touched = Set(others.map(\.record)).union(
      devices.filter { $0 !== device }.flatMap {
        $0.ledger.map(\.intent.record) + $0.discardedIntents.map(\.record)
      })
    let (shown, written) = (
      try device.store.visibleRecords(), Records.of(device.folded.map(\.intent))
    )
    // What was set aside and sent again comes behind what was sent meanwhile.
    // What was given up may have been carried out, and what is refused, where the answer to an attempt before was lost.
    let doubtful = device.wasCut ? device.ledger : device.folded
    let moved = Set(
      doubtful.filter { device.everSetAside.contains($0.id) }.map(\.intent.record)
        + device.discardedIntents.map(\.record))
    for record in Set(device.ledger.map(\.intent.record)).subtracting(touched).subtracting(moved)
    where shown.live[record] != written.live[record] {
      throw Violation(
        "visible",
        "\(device.name) alone has written \(record), and shows "
          + shown.difference(from: written))
    }
  }

  // MARK: In the end

  /// Whether the server never went back.
  var isOfOneHistory: Bool { !hasGoneBack }

  /// The feed alone has told what there is, to whoever has nothing of their own on top.
  func checkTold(_ device: SimulatedDevice, _ records: Records) throws {
    let counts = try device.store.journal.read { try $0.counts() }
    guard counts.pending + counts.inFlight + counts.accepted + counts.parked == 0 else { return }
    let shown = try device.store.visibleRecords()
    guard shown == records else {
      throw Violation(
        "told",
        "\(device.name) was not told of everything, and shows " + shown.difference(from: records))
    }
  }

  func checkSettled(_ device: SimulatedDevice, _ records: Records) async throws {
    let name = device.name
    let counts = try device.store.journal.read { try $0.counts() }
    let open = counts.pending + counts.inFlight + counts.accepted + counts.parked
    guard open == 0 else {
      let reasons = try device.store.journal.parked().map { "\($0.code): \($0.message)" }
      throw Violation(
        "pending", "\(name) has \(open) edits that are not settled, of these set aside: \(reasons)")
    }
    let shown = try device.store.visibleRecords()
    guard shown == records else {
      throw Violation("convergence", "\(name) shows \(shown.difference(from: records))")
    }
    let problems = try device.store.problems()
    guard problems.isEmpty else {
      throw Violation("verify", "\(name): \(problems.joined(separator: "; "))")
    }
    try await device.store.rebuild()
    guard try device.store.visibleRecords() == shown else {
      throw Violation("rebuild", "\(name) shows other records when they are folded anew")
    }
  }

  /// Each field of the server's records is what one of its writers said last.
  func checkRegisters(_ records: Records, _ devices: [SimulatedDevice]) throws {
    let writers =
      devices.map { (intents: $0.ledger.map(\.intent), isOrdered: $0.everSetAside.isEmpty) }
      + [(intents: others, isOrdered: true)]
    // What was made on an edit that was given up, or came late, may have changed nothing.
    let mayMiss =
      hasGoneBack
      || devices.contains { !$0.everSetAside.isEmpty || !$0.discarded.isEmpty }
    let names = Set(writers.flatMap { $0.intents.map(\.record) }).union(records.live.keys)
    for record in names.sorted() {
      for field in ["a", "b", "c"] {
        var words: Set<String?> = []
        for writer in writers {
          let said = writer.intents.filter { $0.record == record }
            .compactMap { Self.word(of: $0, about: field) }
          if writer.intents.contains(where: { $0.kind == .create && $0.record == record }) {
            words.insert(nil)
          }
          let isOrdered = writer.isOrdered && !refused.contains(record)
          words.formUnion(mayMiss || !isOrdered ? said[...] : said.suffix(1))
        }
        // What was given up may have been carried out before, where the answer was lost.
        for device in devices {
          words.formUnion(
            device.discardedIntents.filter { $0.record == record }
              .compactMap { Self.word(of: $0, about: field) })
        }
        if words.isEmpty || mayMiss { words.insert(nil) }
        let value = records.live[record]?[field]
        guard words.contains(value) else {
          throw Violation(
            "loss",
            "\(record).\(field) is \(value ?? "absent") in the end; last written: "
              + words.map { $0 ?? "absent" }.sorted().joined(separator: ", "))
        }
      }
    }
  }

  /// What an edit says about a field: a value, that it is absent, or nothing.
  private static func word(of intent: Intent, about field: String) -> String?? {
    switch intent.kind {
    case .delete: .some(nil)
    // A create of a record that is there by then is an update.
    case .create: intent.fields[field].map { .some($0) }
    case .put: .some(intent.fields[field])
    case .update:
      intent.unset.contains(field) ? .some(nil) : intent.fields[field].map { .some($0) }
    }
  }
}

/// Records of which a server has refused something.
final class RefusedRecords: Sendable {
  private let records = Mutex<Set<String>>([])

  func note(_ record: String) {
    records.withLock { _ = $0.insert(record) }
  }

  func contains(_ record: String) -> Bool { records.withLock { $0.contains(record) } }
}
