import Journal
import Transport

/// An edit as a server of records reads it from a segment.
struct MemoryEdit: Sendable {
  enum Change: Sendable {
    case create(Fields)
    case put(Fields)
    case update(Fields, unset: [String])
    case delete
    case unsupported
  }

  let id: EntryID
  let name: RecordName
  let base: SegmentChange.Base
  let change: Change

  static func edits(of segment: [UInt8]) throws -> [MemoryEdit] {
    try segment.withUnsafeBytes { try SegmentCodec.decode($0) }.map { try MemoryEdit($0) }
  }

  private init(_ change: SegmentChange) throws {
    (id, base) = (change.id, change.base)
    (name, self.change) = try change.body.withUnsafeBytes { bytes in
      let body = try Body(bytes)
      guard let names = try body.record()?.names, body.raw(.operations) == nil else {
        return (RecordName("", ""), .unsupported)
      }
      let name = RecordName(names.collection, names.key)
      switch change.kind {
      case .create: return (name, .create(try Self.fields(body, .fields)))
      case .put: return (name, .put(try Self.fields(body, .fields)))
      case .delete: return (name, .delete)
      case .update:
        var unset: [String] = []
        if body.raw(.unset) != nil {
          var reader = try body.reader(.unset)
          for _ in 0..<(try reader.arrayCount()) { unset.append(try reader.string()) }
        }
        return (name, .update(try Self.fields(body, .set), unset: unset))
      default: return (name, .unsupported)
      }
    }
  }

  private static func fields(_ body: Body, _ key: BodyKey) throws -> Fields {
    guard let raw = body.raw(key) else { return Fields() }
    var reader = CBORReader(raw)
    guard case .object(let fields) = try reader.value(maxDepth: Limits.depth) else {
      throw JournalError.invalidInput("the fields of an edit are not a map")
    }
    return fields
  }

  // MARK: Judging

  /// What the record is to become; nil changes nothing.
  private func result(on old: Fields?) -> Fields?? {
    switch (change, old) {
    case (.put(let fields), _), (.create(let fields), nil): return .some(fields)
    case (.create(let fields), let old?): return .some(old.merging(fields))
    case (.update(let set, let unset), let old?): return .some(old.merging(set, without: unset))
    case (.delete, .some): return .some(nil)
    case (.update, nil), (.delete, nil), (.unsupported, _): return nil
    }
  }

  func carryOut(in state: inout MemoryServer.State, at now: UInt64) throws -> Verdict {
    let behaviour = state.behaviour
    if case .unsupported = change {
      return .refused(code: "unsupported", message: "this server knows plain edits of records only")
    }
    if !behaviour.contains(.forgetsEdits) {
      if state.memory.remembered[id] != nil { return .applied(try shown(state.memory)) }
      if state.memory.missed.contains(id) { return .missed(try shown(state.memory)) }
    }
    let result = result(on: state.memory.live(name))
    let (collection, key) = name.texts
    if let reason = state.refusal?(collection, key, result ?? nil) {
      return .refused(code: reason.code, message: reason.message)
    }
    if behaviour.contains(.checksBases), isBehind(state.memory) {
      return .conflict(try shown(state.memory))
    }
    guard let fields = result else {
      state.memory.missed.insert(id)
      return .missed(try shown(state.memory))
    }
    state.memory.write(name, fields, at: now, behaviour, edit: id)
    state.memory.carriedOut.append(id)
    if let version = state.memory.rows[name]?.version {
      state.memory.remembered[id] = (name, version)
    }
    return .applied(try shown(state.memory))
  }

  private func isBehind(_ memory: MemoryState) -> Bool {
    guard let row = memory.rows[name] else { return false }
    switch base {
    case .none: return row.fields != nil
    case .version(let version): return version < row.version
    case .entry(let earlier):
      return memory.remembered[earlier].map { $0.version < row.version } ?? false
    }
  }

  /// The record's state; of one that never was, a deletion as old as anything can be.
  private func shown(_ memory: MemoryState) throws -> FeedChange {
    let row = memory.rows[name]
    return try MemoryState.Shown(
      name: name, fields: row?.fields,
      version: row?.version ?? ServerVersion(timestamp: 0, tieBreak: 0), edit: nil,
      commit: row?.commit ?? 0
    ).feedChange(namingEdit: false)
  }
}

extension Fields {
  func merging(_ others: Fields, without unset: [String] = []) -> Fields {
    var merged = self
    for (name, value) in others { merged[name] = value }
    for name in unset { merged[name] = .none }
    return merged
  }
}
