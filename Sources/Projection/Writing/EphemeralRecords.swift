import Journal
import Synchronization

/// The collections a store keeps in its memory alone.
///
/// Writes to them follow one another, each from its preconditions to its end: a write that also
/// changes the journal holds the turn until the commit is known, and readers see the state before.
final class EphemeralRecords: Sendable {
  private struct State {
    /// The records there are. Who has read one that is deleted since finds none, and none is not what
    /// was expected.
    var rows: [[UInt8]: LayeredRecords.Row] = [:]
    /// The largest number there was among the keys of a collection, by its prefix.
    var largestNumbers: [[UInt8]: UInt64] = [:]
    /// Counts the changes, beyond every sequence of a journal: none of its entries is meant.
    var last: SequenceNumber = Limits.sequence
    var isTaken = false
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  /// The beginnings of the row keys of its collections.
  let prefixes: [[UInt8]]
  private let state = Mutex(State())

  init(_ collections: [String]) throws {
    prefixes = try collections.map { try Snapshot.prefix($0) }
  }

  var isEmpty: Bool { prefixes.isEmpty }

  func holds(_ rowKey: [UInt8]) -> Bool {
    prefixes.contains { rowKey.starts(with: $0) }
  }

  /// The rows of its collections on top of what the journal has.
  func layered(over source: any RecordSource) -> any RecordSource {
    guard !prefixes.isEmpty else { return source }
    return LayeredRecords(
      below: source, rows: state.withLock { $0.rows }, hidden: prefixes)
  }

  /// The largest number there was among the keys of a collection; 0 where there was none.
  func largestNumber(_ prefix: [UInt8]) -> UInt64 {
    state.withLock { $0.largestNumbers[prefix] ?? 0 }
  }

  /// Makes changes of its records all or none together with what a closure does.
  ///
  /// - Throws: `JournalError.unexpectedVersion` where a record was changed since it was read, and what
  ///   the closure throws; nothing was changed then.
  func write<R: Sendable>(
    _ drafts: [Draft], with commit: () async throws -> R
  ) async throws -> R {
    await takeTurn()
    defer { endTurn() }
    let changed = try folded(drafts)
    let result = try await commit()
    state.withLock { state in
      for (rowKey, fields) in changed {
        state.last += 1
        state.rows[rowKey] = fields.map { LayeredRecords.Row(fields: $0, last: state.last) }
        guard let prefix = prefixes.first(where: { rowKey.starts(with: $0) }),
          let number = SequentialID.number(rowKey.dropFirst(prefix.count))
        else { continue }
        state.largestNumbers[prefix] = max(state.largestNumbers[prefix] ?? 0, number)
      }
    }
    return result
  }

  /// What the drafts leave, by the one table, with what the journal would check.
  private func folded(_ drafts: [Draft]) throws -> [[UInt8]: [UInt8]?] {
    let rows = state.withLock { $0.rows }
    var changed: [[UInt8]: [UInt8]?] = [:]
    for draft in drafts {
      guard let record = draft.record else { continue }
      let fields = changed[record.rowKey] ?? rows[record.rowKey]?.fields
      try check(draft.precondition, record, exists: fields != nil, rows[record.rowKey]?.last ?? 0)
      let effect = try draft.body.withUnsafeBytes {
        try EditRule.apply(draft.kind, try Body($0), to: fields)
      }
      guard effect.fields?.count ?? 0 <= Limits.recordBytes else {
        throw JournalError.invalidInput(
          "the record would have \(effect.fields?.count ?? 0) bytes, over the limit of 1 MiB - 16 KiB"
        )
      }
      if effect.hasEffect { changed.updateValue(effect.fields, forKey: record.rowKey) }
    }
    return changed
  }

  private func check(
    _ precondition: Draft.Precondition, _ record: RecordAddress, exists: Bool,
    _ last: SequenceNumber
  ) throws {
    let names = try record.names
    if let expected = precondition.last, expected != last {
      throw JournalError.unexpectedVersion(
        "\(names.collection)/\(names.key) was changed meanwhile; read it again and decide anew")
    }
    guard let expected = precondition.exists, expected != exists else { return }
    throw JournalError.invalidInput(
      exists
        ? "create of \(names.collection)/\(names.key), which exists; use put or update"
        : "\(names.collection)/\(names.key) does not exist; create it or use put")
  }

  private func takeTurn() async {
    await withCheckedContinuation { continuation in
      let isFree = state.withLock { state in
        guard state.isTaken else {
          state.isTaken = true
          return true
        }
        state.waiting.append(continuation)
        return false
      }
      if isFree { continuation.resume() }
    }
  }

  private func endTurn() {
    let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
      guard !state.waiting.isEmpty else {
        state.isTaken = false
        return nil
      }
      return state.waiting.removeFirst()
    }
    next?.resume()
  }
}

extension Store {
  /// Appends what belongs into the journal and changes what is kept in memory, all or none.
  ///
  /// - Parameter last: The entry after which none may have come; nil where any may.
  func commit(
    _ drafts: [Draft], on last: SequenceNumber?, discarding discarded: [SequenceNumber] = [],
    because reason: String? = nil
  ) async throws -> [SequenceNumber] {
    let inMemory =
      ephemeral.isEmpty
      ? [] : drafts.filter { $0.record.map { ephemeral.holds($0.rowKey) } ?? false }
    guard !inMemory.isEmpty else {
      return try await append(drafts, on: last, discarded, reason)
    }
    let durable = drafts.filter { !($0.record.map { ephemeral.holds($0.rowKey) } ?? false) }
    return try await ephemeral.write(inMemory) {
      durable.isEmpty && discarded.isEmpty
        ? [] : try await append(durable, on: last, discarded, reason)
    }
  }

  private func append(
    _ drafts: [Draft], on last: SequenceNumber?, _ discarded: [SequenceNumber], _ reason: String?
  ) async throws -> [SequenceNumber] {
    try await journal.transact { context in
      if let last, last != context.head.lastSequence {
        throw JournalError.unexpectedVersion(
          "others have written since the links of a deleted record were followed; write again")
      }
      if !discarded.isEmpty { _ = try context.discard(discarded, because: reason) }
      return try context.appendGroup(drafts).compactMap(\.sequence)
    }
  }

  /// The present state, with the collections that are kept in memory.
  func present(_ reader: JournalReader) -> Snapshot {
    let snapshot = Snapshot(reader)
    snapshot.source = ephemeral.layered(over: snapshot.source)
    return snapshot
  }
}
