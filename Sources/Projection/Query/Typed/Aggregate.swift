import Journal

/// One value out of many records.
///
/// ```swift
/// let hours = try snapshot.aggregate(.sum(\.hours), of: Entry.where(\.isBilled == false))
/// let byPerson = try snapshot.aggregate(.sum(\.hours), of: Request<Entry>(), by: \.person)
/// ```
public struct Aggregate<R: Record, Result: Sendable>: Sendable {
  /// The field it is made of; nil for one that looks at no field.
  let name: (@Sendable () throws -> String)?
  let start: @Sendable () -> State
  /// Takes in one record's stored value, which is nil where it has none.
  let add: @Sendable (inout State, Value?) throws -> Void
  let finish: @Sendable (State) throws -> Result

  /// What has come together so far.
  enum State {
    case result(Result)
    case best(Value?)
  }

  /// The sum of a field; a missing one adds nothing.
  ///
  /// Throws `JournalError.invalidInput` where it does not fit the type. Doubles are added one after the
  /// other, in the order of keys.
  public static func sum(_ path: any KeyPath<R, Result> & Sendable) -> Aggregate
  where Result: OrderedField & Numeric {
    let name = Field(path).name
    return adding(name, from: .zero) { result, value in
      guard let value: Result = try Alone.read(value) else { return }
      guard let sum = result.adding(value) else {
        throw JournalError.invalidInput(
          "the sum of `\(try name())` does not fit \(Result.self); store it as a larger type, or sum "
            + "the records in a loop")
      }
      result = sum
    }
  }

  private static func adding(
    _ name: (@Sendable () throws -> String)?, from zero: Result,
    _ add: @escaping @Sendable (inout Result, Value?) throws -> Void
  ) -> Aggregate {
    Aggregate(
      name: name, start: { .result(zero) },
      add: { state, value in
        guard case .result(var result) = state else { return }
        try add(&result, value)
        state = .result(result)
      },
      finish: { state in
        guard case .result(let result) = state else { return zero }
        return result
      })
  }

  /// The smallest value of a field; nil where there is none.
  public static func min<V: OrderedField>(
    _ path: any KeyPath<R, V> & Sendable
  ) -> Aggregate where Result == V? {
    extreme(Field(path).name) { $0 < 0 }
  }

  /// The smallest value of a field; nil where there is none.
  public static func min<V: OrderedField>(
    _ path: any KeyPath<R, V?> & Sendable
  ) -> Aggregate where Result == V? {
    extreme(Field(path).name) { $0 < 0 }
  }

  /// The largest value of a field; nil where there is none.
  public static func max<V: OrderedField>(
    _ path: any KeyPath<R, V> & Sendable
  ) -> Aggregate where Result == V? {
    extreme(Field(path).name) { $0 > 0 }
  }

  /// The largest value of a field; nil where there is none.
  public static func max<V: OrderedField>(
    _ path: any KeyPath<R, V?> & Sendable
  ) -> Aggregate where Result == V? {
    extreme(Field(path).name) { $0 > 0 }
  }

  /// Compared as stored values, so that the largest is also the last of a sort.
  private static func extreme<V: OrderedField>(
    _ name: @escaping @Sendable () throws -> String, isBetter: @escaping @Sendable (Int) -> Bool
  ) -> Aggregate where Result == V? {
    Aggregate(
      name: name, start: { .best(nil) },
      add: { state, value in
        guard case .best(let best) = state, let value, value != .null else { return }
        if best.map({ isBetter(SortOrder.compare(value, $0)) }) ?? true { state = .best(value) }
      },
      finish: { state in
        guard case .best(let best) = state else { return nil }
        return try Alone<V>.read(best)
      })
  }
}

extension Aggregate where Result == Int {
  /// How many records there are.
  public static var count: Aggregate {
    adding(nil, from: 0) { result, _ in result += 1 }
  }
}

/// What records with one value of a field in common come to.
public struct AggregateGroup<V: Sendable, Result: Sendable>: Sendable {
  /// The value they have in common.
  public let value: V
  public let result: Result
}

extension Snapshot {
  /// What an aggregate comes to over the records a request means, its limit and offset included.
  ///
  /// Reads the collection and decodes one field of every record that is meant.
  ///
  /// - Throws: as ``fetch(_:)`` does.
  public func aggregate<R: Record, Result>(
    _ aggregate: Aggregate<R, Result>, of request: Request<R>
  ) throws -> Result {
    let name = try aggregate.name?()
    var state = aggregate.start()
    try forward(R.self).select(request.query()) { match in
      try aggregate.add(&state, name.flatMap { try Self.value($0, in: match.fields) })
    }
    return try aggregate.finish(state)
  }

  /// The same for each value that a field has, in the order of the values; holds one result per value.
  ///
  /// - Throws: as ``fetch(_:)`` does.
  public func aggregate<R: Record, V: Codable & Sendable, Result>(
    _ aggregate: Aggregate<R, Result>, of request: Request<R>,
    by path: any KeyPath<R, V> & Sendable
  ) throws -> [AggregateGroup<V, Result>] {
    let (name, common) = (try aggregate.name?(), try Field(path).name())
    var states: [Value: Aggregate<R, Result>.State] = [:]
    try forward(R.self).select(request.query()) { match in
      let value = try Self.value(common, in: match.fields)?.plainNumber ?? .null
      try aggregate.add(
        &states[value, default: aggregate.start()],
        name.flatMap { try Self.value($0, in: match.fields) })
    }
    return try states.sorted { SortOrder.compare($0.key, $1.key) < 0 }.map { value, state in
      AggregateGroup(value: try Alone<V>.decoded(value), result: try aggregate.finish(state))
    }
  }
}

extension Alone {
  /// The value of a stored form; nil of none and of `null`.
  static func read(_ stored: Value?) throws -> V? {
    guard let stored, stored != .null else { return nil }
    return try decoded(stored)
  }

  static func decoded(_ stored: Value) throws -> V {
    try FieldDecoder().decode(Alone.self, from: ["value": stored]).value
  }
}

extension Value {
  /// The same number in one form: what compares as equal is one group.
  fileprivate var plainNumber: Value {
    guard case .double(let double) = self else { return self }
    if let integer = Int64(exactly: double) { return .integer(integer) }
    if let integer = UInt64(exactly: double) { return .unsigned(integer) }
    return self
  }
}

extension Numeric {
  /// The sum, or nil where the type has no such value.
  fileprivate func adding(_ other: Self) -> Self? {
    guard let self = self as? any FixedWidthInteger else { return self + other }
    return self.checkedSum(other) as? Self
  }
}

extension FixedWidthInteger {
  fileprivate func checkedSum(_ other: some Numeric) -> Any? {
    guard let other = other as? Self else { return nil }
    let (sum, isOver) = addingReportingOverflow(other)
    return isOver ? nil : sum
  }
}
