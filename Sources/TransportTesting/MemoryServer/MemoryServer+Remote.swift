public import Journal
import Synchronization
public import Transport

/// The direct form: without HTTP between.
extension MemoryServer: Remote {
  public var isWitness: Bool { false }

  public var changesPerPush: Int { 100 }

  public func info(device: DeviceID) async throws -> RemoteInfo {
    try await answer("info") { state in
      RemoteInfo(epoch: state.memory.epoch, acknowledgedSize: 0)
    }
  }

  public func show(_ witness: Witness) async throws -> WitnessAnswer { .acknowledged(size: 0) }

  /// Carries edits out one by one, as a server without groups does.
  public func push(_ push: Push) async throws -> PushAnswer {
    let edits: [MemoryEdit]
    do { edits = try MemoryEdit.edits(of: push.segment) } catch {
      throw TransportError.protocolViolation("the segment cannot be read: \(error)")
    }
    let verdicts = try await answer("push \(edits.count)") { state in
      try edits.map { try $0.carryOut(in: &state, at: self.clock.milliseconds) }
    }
    state.withLock { state in
      for (edit, verdict) in zip(edits, verdicts) {
        switch verdict {
        case .applied, .missed: state.acknowledged.append(edit.id)
        default: break
        }
      }
    }
    return .judged(verdicts: verdicts, size: 0)
  }

  public func changes(
    after cursor: String?, limit: Int, device: DeviceID
  ) async throws -> FeedPage {
    let limit = max(1, limit)
    var (page, reader) = try await answer("changes") { state in
      try Self.page(after: cursor, limit, device, &state)
    }
    return try state.withLock { state in
      if state.behaviour.contains(.watermarkAfterQuery), !page.hasMore {
        // What was changed since the query is below it, and was not shown.
        let newest = state.memory.rows.values.map(\.version).max()
        reader.newest = max(reader.newest, newest ?? reader.newest)
      }
      page.cursor = try Self.cursor(reader, &state)
      return page
    }
  }

  // MARK: Requests

  /// One request: as a fault has it, with whatever goes on before its answer.
  private func answer<R: Sendable>(
    _ request: String, _ body: (inout State) throws -> R
  ) async throws -> R {
    let fault = state.withLock { state in
      state.requests.append(request)
      return state.faults.isEmpty ? nil : state.faults.removeFirst()
    }
    switch fault {
    case .requestLost: throw TransportError.unreachable("the request was lost")
    case .unauthorized: throw TransportError.unauthorized("the server knows no such user")
    case .unavailable: throw TransportError.unavailable("the server asks to come back later")
    case .answerLost, nil: break
    }
    let (result, meanwhile) = try state.withLock { state in
      (try body(&state), state.meanwhile)
    }
    await meanwhile?(request)
    if fault == .answerLost { throw TransportError.unreachable("the answer was lost") }
    return result
  }

  // MARK: The feed

  private static func page(
    after text: String?, _ limit: Int, _ device: DeviceID, _ state: inout State
  ) throws -> (FeedPage, MemoryCursor) {
    let (memory, behaviour) = (state.memory, state.behaviour)
    var cursor = try text.map { try Self.cursor($0, state) }
    try cursor?.check(memory, behaviour)
    if cursor == nil || cursor?.last == nil {
      // A pull begins.
      var begun = MemoryCursor(epoch: memory.epoch, commit: memory.commits)
      begun.isByOffset = !behaviour.isDisjoint(with: [.newestFirst, .pagedByOffset])
      if let cursor, !behaviour.contains(.repeatsEverything) {
        let time = cursor.newest.timestamp
        begun.from = ServerVersion(timestamp: time - min(state.overlap, time), tieBreak: 0)
        begun.newest = cursor.newest
      }
      cursor = begun
    }
    guard var cursor else { throw TransportError.cursorUnknown("there is no cursor") }
    let all = memory.shown(to: device, behaviour).filter { record in
      // In the full state nothing is said of what was deleted before it began to be read.
      guard let from = cursor.from else {
        return text != nil && behaviour.contains(.repeatsEverything) || record.fields != nil
          || record.commit > cursor.commit
      }
      return record.version >= from
    }
    let rest = cursor.rest(of: all, behaviour)
    let shown = rest.prefix(limit)
    cursor.offset += shown.count
    cursor.newest = max(cursor.newest, shown.map(\.version).max() ?? cursor.newest)
    let hasMore = rest.count > shown.count
    if hasMore, let last = shown.last {
      cursor.last = (last.version, last.name)
    } else {
      cursor.last = nil
    }
    let namesEdits = behaviour.contains(.namesEdits)
    let changes = try shown.map { try $0.feedChange(namingEdit: namesEdits) }
    let page = FeedPage(
      epoch: memory.epoch, cursor: "", through: ServerVersion(timestamp: 0, tieBreak: 0),
      hasMore: hasMore, changes: changes)
    return (page, cursor)
  }

  private static func cursor(_ text: String, _ state: State) throws -> MemoryCursor {
    guard state.behaviour.contains(.opaqueCursors) else { return try MemoryCursor(text) }
    guard let meant = state.words[text] else {
      throw TransportError.cursorUnknown("this server has given no cursor \"\(text)\"")
    }
    return try MemoryCursor(meant)
  }

  private static func cursor(_ cursor: MemoryCursor, _ state: inout State) throws -> String {
    guard state.behaviour.contains(.opaqueCursors) else { return cursor.text }
    // The same place has the same word: a poll that shows nothing new is no news.
    if let word = state.words.first(where: { $0.value == cursor.text })?.key { return word }
    var random = SeededWords(state: state.seed)
    let word = String(random.next(), radix: 36) + String(random.next(), radix: 36)
    state.seed = random.state
    state.words[word] = cursor.text
    return word
  }
}

extension MemoryCursor {
  /// - Throws: `TransportError` where the server's history is not the cursor's, as a good server says.
  func check(_ memory: MemoryState, _ behaviour: FeedBehaviour) throws(TransportError) {
    guard epoch == memory.epoch else {
      throw .cursorUnknown("the cursor is of \(epoch), this is \(memory.epoch)")
    }
    guard commit <= memory.commits || behaviour.contains(.restoresSilently) else {
      throw .cursorUnknown("the cursor is ahead of this server")
    }
    guard memory.purged <= commit || behaviour.contains(.purgesSilently) else {
      throw .resyncRequired("what was deleted since the cursor is no longer known")
    }
  }

  /// What is left to show of a pull, in the order it is shown in.
  func rest(
    of all: [MemoryState.Shown], _ behaviour: FeedBehaviour
  ) -> ArraySlice<MemoryState.Shown> {
    if behaviour.contains(.newestFirst) {
      return Array(all.reversed()).dropFirst(last == nil ? 0 : offset)
    }
    guard let last else { return all[...] }
    if behaviour.contains(.repeatsEqualStamps) {
      return all.drop { $0.version < last.version }
    }
    if behaviour.contains(.pagedByOffset) { return all.dropFirst(offset) }
    return all.drop { record in
      if behaviour.contains(.skipsEqualStamps) { return record.version <= last.version }
      return (record.version, record.name) <= (last.version, last.name)
    }
  }
}

extension MemoryState.Shown {
  func feedChange(namingEdit: Bool) throws -> FeedChange {
    let (collection, key) = name.texts
    var change = FeedChange(
      collection: collection, key: key, version: version, born: version, state: .deleted,
      originID: namingEdit ? edit : nil)
    if let fields {
      var writer = CBORWriter(reserving: 128)
      try writer.fields(fields)
      change.state = .live(writer.bytes)
    }
    return change
  }
}

/// Small, seeded, and the same on every machine (SplitMix64, Steele, Lea and Flood 2014).
struct SeededWords: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
