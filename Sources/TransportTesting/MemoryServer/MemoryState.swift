import Journal

/// A record's name as bytes, in the order a server sorts equal stamps.
struct RecordName: Hashable, Comparable, Sendable {
  let collection: [UInt8]
  let key: [UInt8]

  init(_ collection: String, _ key: String) {
    (self.collection, self.key) = (Array(collection.utf8), Array(key.utf8))
  }

  var texts: (collection: String, key: String) {
    (String(decoding: collection, as: UTF8.self), String(decoding: key, as: UTF8.self))
  }

  static func < (left: Self, right: Self) -> Bool {
    left.collection == right.collection
      ? left.key.lexicographicallyPrecedes(right.key)
      : left.collection.lexicographicallyPrecedes(right.collection)
  }
}

/// One record of a server in memory, deleted ones included.
struct MemoryRow: Sendable {
  /// Nil where it is deleted.
  var fields: Fields?
  var version: ServerVersion
  /// Which change of the server's it was, counted in the order in which changes became visible.
  var commit: UInt64
  var edit: EntryID?
}

/// What a reader may or may not see since when.
struct MemoryPermission: Sendable {
  var isVisible: Bool
  var version: ServerVersion
  var commit: UInt64
}

/// Everything a server in memory has. A value: what happens to it is decided by its clock and its seed.
struct MemoryState: Sendable {
  var rows: [RecordName: MemoryRow] = [:]
  var epoch: String
  var commits: UInt64 = 0
  var lastStamp: UInt64 = 0
  /// The last change that was purged.
  var purged: UInt64 = 0
  /// The latest decision of each reader about each record; nil is every reader.
  var permissions: [DeviceID?: [RecordName: MemoryPermission]] = [:]
  /// The edits carried out, once for each time.
  var carriedOut: [EntryID] = []
  var remembered: [EntryID: (name: RecordName, version: ServerVersion)] = [:]
  /// Edits that came and changed nothing.
  var missed: Set<EntryID> = []

  init(epoch: String) {
    self.epoch = epoch
  }

  // MARK: Writing

  /// The stamp of a change made now.
  mutating func stamp(
    _ name: RecordName, at now: UInt64, _ behaviour: FeedBehaviour
  ) -> ServerVersion {
    let isCoarse = behaviour.contains(.equalStamps)
    var time = isCoarse ? now - now % 1_000 : now
    if !behaviour.contains(.stampsByClock) {
      time = max(time, isCoarse ? lastStamp : lastStamp &+ 1)
      if let old = rows[name]?.version, old.timestamp >= time { time = old.timestamp &+ 1 }
    }
    lastStamp = max(lastStamp, time)
    return ServerVersion(timestamp: time, tieBreak: 0)
  }

  /// Makes a change visible.
  mutating func publish(
    _ name: RecordName, _ fields: Fields?, at version: ServerVersion, edit: EntryID? = nil
  ) {
    commits += 1
    rows[name] = MemoryRow(fields: fields, version: version, commit: commits, edit: edit)
  }

  mutating func write(
    _ name: RecordName, _ fields: Fields?, at now: UInt64, _ behaviour: FeedBehaviour,
    edit: EntryID? = nil
  ) {
    publish(name, fields, at: stamp(name, at: now, behaviour), edit: edit)
  }

  func live(_ name: RecordName) -> Fields? { rows[name]?.fields }

  /// Forgets what is left of records deleted before a time; how many.
  mutating func purge(before time: UInt64) -> Int {
    let gone = rows.filter { $0.value.fields == nil && $0.value.version.timestamp < time }
    for (name, row) in gone {
      purged = max(purged, row.commit)
      rows[name] = nil
    }
    return gone.count
  }

  mutating func permit(
    _ name: RecordName, _ isVisible: Bool, _ reader: DeviceID?, at now: UInt64,
    _ behaviour: FeedBehaviour
  ) {
    commits += 1
    permissions[reader, default: [:]][name] = MemoryPermission(
      isVisible: isVisible, version: stamp(name, at: now, behaviour), commit: commits)
  }

  // MARK: Reading

  /// A record as a reader sees it.
  struct Shown: Sendable {
    var name: RecordName
    var fields: Fields?
    var version: ServerVersion
    var edit: EntryID?
    /// When it came to be so.
    var commit: UInt64

    var change: FeedChangeParts {
      let (collection, key) = name.texts
      return (collection, key, version, fields, edit)
    }
  }

  typealias FeedChangeParts = (
    collection: String, key: String, version: ServerVersion, fields: Fields?, edit: EntryID?
  )

  /// What a reader sees, oldest first, of equal stamps by name. Sorts everything.
  func shown(to reader: DeviceID?, _ behaviour: FeedBehaviour) -> [Shown] {
    var shown: [Shown] = []
    for (name, row) in rows {
      var record = Shown(
        name: name, fields: row.fields, version: row.version, edit: row.edit, commit: row.commit)
      if let permission = permission(name, reader) {
        if behaviour.contains(.hidesSilently) {
          guard permission.isVisible else { continue }
        } else if permission.version > row.version || !permission.isVisible {
          record.version = max(row.version, permission.version)
          record.commit = max(row.commit, permission.commit)
          if !permission.isVisible { record.fields = nil }
          record.edit = nil
        }
      }
      shown.append(record)
    }
    return shown.sorted { ($0.version, $0.name) < ($1.version, $1.name) }
  }

  private func permission(_ name: RecordName, _ reader: DeviceID?) -> MemoryPermission? {
    let general = permissions[DeviceID?.none]?[name]
    guard let reader, let own = permissions[reader]?[name] else { return general }
    guard let general else { return own }
    return own.commit > general.commit ? own : general
  }
}
