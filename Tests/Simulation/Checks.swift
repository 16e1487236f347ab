import Journal
import Projection
import TestKit
import Transport

/// What has to hold, said in dictionaries and lists.
@Simulated enum Checks {
  /// After every step: what a device shows, says was accepted and has taken in.
  ///
  /// - Parameter isComplete: A sync in both directions has just ended well.
  static func check(
    _ device: SimulatedDevice, _ server: SimulatedServer, isComplete: Bool = false
  ) async throws {
    try checkAcceptances(device, server)
    try checkSetAside(device, refused: server.everRefused)
    if isComplete, device.knownIncarnation != server.incarnation { try forgetLost(device, server) }
    guard device.knownIncarnation == server.incarnation else { return }
    let cursor = try device.store.journal.read { try $0.cursor(of: "server") }
    guard cursor?.isTaking != true else { return }
    let shown = try device.store.visibleRecords()
    if let moment = cursor.flatMap({ stateMoment($0.cursor) }) {
      // Each record stands as it did at that moment, or is not shown yet.
      let (whole, none) = (
        expectation(device, server, through: moment), Records.of(device.folded.map(\.intent))
      )
      var expected = whole
      for (name, fields) in none.live where shown.live[name] == fields {
        expected.live[name] = fields
      }
      for name in whole.live.keys where none.live[name] == nil && shown.live[name] == nil {
        expected.live[name] = nil
      }
      try compare(shown, expected, "\(device.name) within the state at \(moment)")
      return
    }
    let through = cursor?.through.tieBreak ?? 0
    try compare(
      shown, expectation(device, server, through: through),
      "\(device.name) with its cursor at \(through)")
  }

  /// The sequence a full state is read as of, where the cursor stands within one.
  private static func stateMoment(_ cursor: String) -> UInt64? {
    let parts = cursor.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count > 3, parts[0] == "s" || parts[0] == "x" else { return nil }
    return UInt64(parts[2])
  }

  /// What the server had at a sequence, with everything on top that is not part of it.
  private static func expectation(
    _ device: SimulatedDevice, _ server: SimulatedServer, through: UInt64
  ) -> Records {
    var expected = server.records(through: through)
    let taken = Set(server.history.filter { $0.sequence <= through }.map(\.id))
    // An edit whose answer was lost stays on top until it has one, though the feed shows it already.
    for edit in device.folded
    where !taken.contains(edit.id) || !device.acknowledged.contains(edit.id) {
      expected.apply(edit.intent)
    }
    return expected
  }

  private static func compare(_ shown: Records, _ expected: Records, _ who: String) throws {
    guard shown == expected else {
      throw Violation("visible", "\(who) shows \(shown.difference(from: expected))")
    }
  }

  /// What a device says was accepted has been at the server.
  private static func checkAcceptances(
    _ device: SimulatedDevice, _ server: SimulatedServer
  ) throws {
    let ledger = Dictionary(
      device.ledger.map { ($0.sequence, $0) }, uniquingKeysWith: { first, _ in first })
    for sequence in try device.store.acceptances(from: device.checkedAcceptances + 1) {
      guard let edit = ledger[sequence] else { continue }
      guard server.everHeld.contains(edit.id) else {
        throw Violation(
          "acceptance",
          "\(device.name) says that edit \(sequence) (\(edit.intent)) was accepted, which the "
            + "server never had")
      }
      device.acknowledged.insert(edit.id)
    }
    device.checkedAcceptances = try device.store.journal.lastSequence
  }

  /// After the server went back: what it lost has been delivered again, or cannot be any more.
  private static func forgetLost(_ device: SimulatedDevice, _ server: SimulatedServer) throws {
    let now = Set(server.history.map(\.id))
    // What it never had was written while the sync was on its way.
    for edit in device.folded where !now.contains(edit.id) && server.lost.contains(edit.id) {
      // What had changed nothing there is not delivered again by itself.
      let mayBeGone =
        device.hasTrimmed || server.replacements > 0 || server.everAbsorbed.contains(edit.id)
      guard mayBeGone else {
        throw Violation(
          "loss", "\(device.name) did not deliver \(edit.intent) again, which the server lost")
      }
    }
    device.ledger.removeAll {
      !now.contains($0.id) && server.lost.contains($0.id) && !device.setAside.contains($0.id)
    }
    device.acknowledged.subtract(server.lost)
    device.knownIncarnation = server.incarnation
  }

  /// When nothing is left to exchange.
  ///
  /// - Parameter givenUp: What any device has given up at any time.
  static func checkSettled(
    _ device: SimulatedDevice, _ server: SimulatedServer, givenUp: Set<String>
  ) async throws {
    let name = device.name
    let counts = try device.store.journal.read { try $0.counts() }
    // A copy that has pushed and never pulled knows no history: what another server's accepted stays so
    // until the clock of this one has passed it.
    let mayWait = device.isCopied && server.replacements > 0
    let open =
      counts.pending + counts.inFlight + counts.parked + (mayWait ? 0 : counts.accepted)
    guard open == 0 else {
      throw Violation("pending", "\(name) has \(open) edits that are not settled")
    }
    let (shown, expected) = (try device.store.visibleRecords(), server.records())
    guard shown == expected else {
      throw Violation("convergence", "\(name) shows \(shown.difference(from: expected))")
    }
    try checkDelivery(device, server, givenUp)
    try checkConflicts(device, server)
    let problems = try device.store.problems()
    guard problems.isEmpty else {
      throw Violation("verify", "\(name): \(problems.joined(separator: "; "))")
    }
    try await device.store.rebuild()
    guard try device.store.visibleRecords() == shown else {
      throw Violation("rebuild", "\(name) shows other records when they are folded anew")
    }
  }

  /// Every edit of a device is at the server: once, as it was written, in order and with its group.
  private static func checkDelivery(
    _ device: SimulatedDevice, _ server: SimulatedServer, _ givenUp: Set<String>
  ) throws {
    let name = device.name
    var places: [String: Int] = [:]
    for (place, edit) in server.history.enumerated() { places[edit.id] = place }
    var lastOfRecord: [String: Int] = [:]
    var lastOfGroup: (group: SequenceNumber, place: Int)?
    if let id = places.keys.first(where: { device.discarded.contains($0) }),
      !device.isCopied, !device.hadLate
    {
      throw Violation("discard", "\(name) gave edit \(id) up, and the server has it")
    }
    for edit in device.ledger {
      guard let place = places[edit.id] else {
        throw Violation("loss", "\(name)'s edit \(edit.intent) is not at the server")
      }
      guard server.history[place].intent == edit.intent else {
        throw Violation(
          "content",
          "\(name)'s edit \(edit.intent) is at the server as \(server.history[place].intent)"
        )
      }
      // What was set aside, or refused though nobody heard it, arrives behind what was written later; so does what one
      // copy gave up and another did not; and what a copy that has trimmed the earlier edits delivers comes before what
      // the other copy delivers again.
      let mayBeLater =
        device.everSetAside.contains(edit.id) || server.everRefused.contains(edit.id)
        || (device.isCopied && givenUp.contains(edit.id))
        || (device.isCopied && server.incarnation > 0 && server.isSomeDeviceTrimmed)
      if !mayBeLater {
        if let last = lastOfRecord[edit.intent.record], last >= place {
          throw Violation("order", "\(name)'s edit \(edit.intent) came before an earlier one")
        }
        lastOfRecord[edit.intent.record] = place
      }
      if edit.group != 0, let lastOfGroup, lastOfGroup.group == edit.group,
        place != lastOfGroup.place + 1
      {
        throw Violation("group", "\(name)'s group of \(edit.intent) is not together at the server")
      }
      lastOfGroup = (edit.group, place)
    }
  }

  /// The server's journal agrees with the list of what it took in, which has everything once.
  static func check(_ server: SimulatedServer) throws {
    let ids = server.history.map(\.id)
    guard Set(ids).count == ids.count else {
      throw Violation("duplicate", "the server has an edit twice")
    }
    for (edit, next) in zip(server.history, server.history.dropFirst())
    where next.time < edit.time || next.sequence <= edit.sequence {
      throw Violation("order", "the server's version of \(next.intent) is not above the one before")
    }
    let (shown, expected) = (try server.store.visibleRecords(), server.records())
    guard shown == expected else {
      throw Violation("server", "the server shows \(shown.difference(from: expected))")
    }
    let problems = try server.store.problems()
    guard problems.isEmpty else {
      throw Violation("verify", "server: \(problems.joined(separator: "; "))")
    }
  }
}
