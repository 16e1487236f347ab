import Journal

/// Edits of one record that stand side by side: one request.
///
/// Only those: such a server may have rules between records, so that nothing is sent before what was done
/// before it.
extension RESTPush {
  /// Delivers a segment's changes in their order.
  ///
  /// - Parameter versions: For each the version its record has in the journal by now; empty where that is not
  ///   known.
  /// - Throws: ``TransportError`` where the segment has to stay in flight.
  mutating func deliver(_ changes: [SegmentChange], known versions: [ServerVersion?]) async throws {
    var start = 0
    while start < changes.count {
      let version = versions.indices.contains(start) ? versions[start] : nil
      let rest = changes[start...]
      start += try await deliverRun(run(in: rest, version), of: rest, version)
    }
  }

  /// The edits that can be asked for as one: for each number of them, from one on, what they are together.
  /// Empty where the first one cannot be asked for at all.
  private func run(
    in changes: ArraySlice<SegmentChange>, _ version: ServerVersion?
  ) -> [RESTEdit] {
    var run: [RESTEdit] = []
    for change in changes {
      guard var next = try? RESTEdit(change) else { return run }
      next.known = version
      guard let last = run.last else {
        run.append(next)
        continue
      }
      guard !isUpdateOfWhatIsThere(last), let both = last.followed(by: next) else { return run }
      run.append(both)
    }
    return run
  }

  /// A create of a record that is there by now goes as an update: it cannot say what an edit after it takes
  /// away, nor that one replaces the record.
  private func isUpdateOfWhatIsThere(_ edit: RESTEdit) -> Bool {
    guard case .create = edit.what else { return false }
    return expected(edit) != nil
  }

  /// Delivers the first edits; returns how many.
  private mutating func deliverRun(
    _ run: [RESTEdit], of changes: ArraySlice<SegmentChange>, _ version: ServerVersion?
  ) async throws -> Int {
    var count = max(1, run.count)
    while let edit = run.prefix(count).last, count > 1 {
      switch try await deliverTogether(edit) {
      case .verdict(let verdict):
        verdicts += Array(repeating: verdict, count: count)
        return count
      case .contested(let state):
        // An answer was lost before the last edits were made: those it was for are found.
        let known = run.prefix(count - 1).lastIndex { shows(state, $0) }
        count = (known ?? 0) + 1
      case .separately:
        for change in changes.prefix(count) { try await deliver(change, known: version) }
        return count
      }
    }
    guard let first = changes.first else { return count }
    try await deliver(first, known: version)
    return 1
  }

  private enum Together {
    /// It holds for each of them.
    case verdict(Verdict)
    /// The record is this one by now.
    case contested(FeedChange)
    /// One of them may be why all of them were refused.
    case separately
  }

  /// Asks for edits of one record as one.
  private mutating func deliverTogether(_ edit: RESTEdit) async throws -> Together {
    guard failure == nil, !isGroupRefused, moved[edit.rowKey] == nil, !isPost(edit) else {
      return .separately
    }
    do {
      if waitsForMaking(edit) { return .separately }
      switch try await verdict(edit) {
      case .refused: return .separately
      case .conflict(let state): return .contested(state)
      case let verdict: return .verdict(verdict)
      }
    } catch let error as TransportError {
      failure = error
      return .verdict(.retry(afterMilliseconds: error.retryAfterMilliseconds ?? 0))
    } catch is RecordEdit.Unsupported {
      return .separately
    }
  }

  /// A create by POST has a key by which the server knows it again: it stays what it was. So does one of a
  /// record that is there, where that goes by POST too: only by itself may it be in doubt.
  private func isPost(_ edit: RESTEdit) -> Bool {
    let creates = server.settings.creates
    if case .create = edit.what, creates == .post { return true }
    return edit.isCreate && expected(edit) == nil && creates != .put
  }

  /// Whether a record that moved on has what an edit sends.
  private func shows(_ state: FeedChange, _ edit: RESTEdit) -> Bool {
    guard case .live(let bytes) = state.state,
      case .object(let shown)? = try? bytes.withUnsafeBytes({ bytes in
        var reader = CBORReader(bytes)
        return try reader.value(maxDepth: Limits.depth)
      })
    else { return false }
    switch edit.what {
    case .create(let fields), .put(let fields), .update(let fields): return shows(shown, fields)
    case .delete: return false
    }
  }
}
