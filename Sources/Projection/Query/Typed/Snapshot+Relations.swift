import Journal

// Relations are ids in fields: to one record, to several by an array, from several by the reverse of either. A
// record that refers to one which is not there yet, or no more, simply finds nothing: the order in which records
// arrive does not matter.
extension Snapshot {
  /// The records under some ids, in the order of the ids.
  ///
  /// Ids of records that do not exist are left out; an id given twice gives its record twice.
  ///
  /// - Throws: as ``fetch(_:_:)`` does.
  public func fetch<R: Record>(_ type: R.Type, ids: some Sequence<RecordID<R>>) throws -> [R] {
    let ids = Array(ids)
    let found = try records(type, Set(ids))
    return ids.compactMap { found[$0] }
  }

  /// The records that others refer to by one field, by their ids. Each is read once.
  ///
  /// ```swift
  /// let todos = try snapshot.fetch(Todo.where(\.isDone == false))
  /// let lists = try snapshot.targets(of: todos, by: \.list)
  /// for todo in todos { print(lists[todo.list]?.title ?? "–", todo.title) }
  /// ```
  public func targets<R: Record, T: Record>(
    of records: some Sequence<R>, by path: KeyPath<R, RecordID<T>>
  ) throws -> [RecordID<T>: T] {
    try self.records(T.self, Set(records.map { $0[keyPath: path] }))
  }

  /// The same by a field that may be nil.
  public func targets<R: Record, T: Record>(
    of records: some Sequence<R>, by path: KeyPath<R, RecordID<T>?>
  ) throws -> [RecordID<T>: T] {
    try self.records(T.self, Set(records.compactMap { $0[keyPath: path] }))
  }

  /// The same by a field with several ids.
  public func targets<R: Record, T: Record>(
    of records: some Sequence<R>, byEach path: KeyPath<R, [RecordID<T>]>
  ) throws -> [RecordID<T>: T] {
    try self.records(T.self, Set(records.flatMap { $0[keyPath: path] }))
  }

  private func records<R: Record>(
    _ type: R.Type, _ ids: Set<RecordID<R>>
  ) throws -> [RecordID<R>: R] {
    var found: [RecordID<R>: R] = [:]
    found.reserveCapacity(ids.count)
    // In the order they are stored in: neighbours lie on the same pages.
    for id in ids.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
      found[id] = try fetch(type, id)
    }
    return found
  }

  /// The records that refer to some others by one field, by the ids they refer to, each in the order of keys.
  ///
  /// ```swift
  /// let todos = try snapshot.sources(to: lists.map(\.id), by: \Todo.list)
  /// ```
  ///
  /// An index on the field finds them; without one the collection is read, once.
  public func sources<R: Record, T: Record>(
    to ids: some Sequence<RecordID<T>>, by path: any KeyPath<R, RecordID<T>> & Sendable
  ) throws -> [RecordID<T>: [R]] {
    let ids = Array(Set(ids))
    let asked = try asked(ids)
    var found: [RecordID<T>: [R]] = [:]
    for record in try sources(R.where(.isIn(path, ids)), among: ids) {
      for id in asked[record[keyPath: path]] ?? [] { found[id, default: []].append(record) }
    }
    return found
  }

  /// The same by a field that may be nil.
  public func sources<R: Record, T: Record>(
    to ids: some Sequence<RecordID<T>>, by path: any KeyPath<R, RecordID<T>?> & Sendable
  ) throws -> [RecordID<T>: [R]] {
    let ids = Array(Set(ids))
    let asked = try asked(ids)
    var found: [RecordID<T>: [R]] = [:]
    for record in try sources(R.where(.isIn(path, ids.map { .some($0) })), among: ids) {
      for id in record[keyPath: path].flatMap({ asked[$0] }) ?? [] {
        found[id, default: []].append(record)
      }
    }
    return found
  }

  /// The same by a field with several ids: a record stands under each of them that is asked for.
  public func sources<R: Record, T: Record>(
    to ids: some Sequence<RecordID<T>>, byEach path: any KeyPath<R, [RecordID<T>]> & Sendable
  ) throws -> [RecordID<T>: [R]] {
    let ids = Set(ids)
    var found: [RecordID<T>: [R]] = [:]
    let isIndexed = try ids.first.map {
      try explain(R.where(.contains(path, $0))).index != nil
    }
    guard isIndexed == true else {
      let asked = try asked(Array(ids))
      try forEach(Request<R>()) { record in
        for id in Set(record[keyPath: path].flatMap { asked[$0] ?? [] }) {
          found[id, default: []].append(record)
        }
      }
      return found
    }
    for id in ids {
      let records = try fetch(R.where(.contains(path, id)))
      if !records.isEmpty { found[id] = records }
    }
    return found
  }

  /// Reads the collection where there is no index or there are too many ids for one.
  private func sources<R: Record, T: Record>(
    _ request: Request<R>, among ids: [RecordID<T>]
  ) throws -> [R] {
    try ids.isEmpty ? [] : fetch(request)
  }

  /// The records of one type that have a field in common with records of another, by the values of the field.
  ///
  /// ```swift
  /// let orders = try snapshot.matches(of: customers, on: \.number, equal: \Order.customerNumber)
  /// ```
  public func matches<R: Record, S: Record, V: Codable & Hashable & Sendable>(
    of records: some Sequence<S>, on own: KeyPath<S, V>, equal path: any KeyPath<R, V> & Sendable
  ) throws -> [V: [R]] {
    let values = Array(Set(records.map { $0[keyPath: own] }))
    guard !values.isEmpty else { return [:] }
    let records = try fetch(R.where(.isIn(path, values)))
    guard V.self is any ReferenceField.Type else {
      return Dictionary(grouping: records) { $0[keyPath: path] }
    }
    var found: [V: [R]] = [:]
    let asked = try Dictionary(grouping: values) { try current($0) }
    for record in records {
      for value in try asked[current(record[keyPath: path])] ?? [] {
        found[value, default: []].append(record)
      }
    }
    return found
  }
}
