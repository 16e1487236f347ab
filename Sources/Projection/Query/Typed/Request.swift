import Journal

/// Records of a type that are wanted, and their order.
///
/// ```swift
/// let next = Todo.where(\.isDone == false).sorted(by: .descending(\.rank)).limit(10)
/// let todos = try store.read { try $0.fetch(next) }
/// ```
///
/// A value: make it once, use it often, from any thread.
public struct Request<R: Record>: Sendable {
  var condition: Condition<R>?
  var orders: [Ordering<R>] = []
  var limit: Int?
  var offset = 0

  /// All records of the type.
  public init() {}

  /// Only records that a condition means as well.
  public func `where`(_ condition: Condition<R>) -> Request {
    var request = self
    request.condition = self.condition.map { $0 && condition } ?? condition
    return request
  }

  /// By the first order, ties by the next, at last by key, bytewise. Takes the place of an order before.
  public func sorted(by orders: Ordering<R>...) -> Request {
    var request = self
    request.orders = orders
    return request
  }

  /// At most so many, after `offset` were left out; neither is below 0.
  public func limit(_ limit: Int, offset: Int = 0) -> Request {
    var request = self
    request.limit = max(0, limit)
    request.offset = max(0, offset)
    return request
  }

  /// The same without types.
  func query() throws -> Query {
    Query(
      R.schema.collection, where: try condition?.filter() ?? .all([]),
      sort: try orders.map { Query.Sort(try $0.name(), descending: $0.isDescending) },
      limit: limit, offset: offset)
  }
}

extension Record {
  /// The records of the type that a condition means.
  public static func `where`(_ condition: Condition<Self>) -> Request<Self> {
    Request().where(condition)
  }

  /// All records of the type, in an order.
  public static func sorted(by orders: Ordering<Self>...) -> Request<Self> {
    var request = Request<Self>()
    request.orders = orders
    return request
  }
}

/// An order of records by one field. Missing comes first, then null, then values.
public struct Ordering<R: Record>: Sendable {
  let name: @Sendable () throws -> String
  let isDescending: Bool

  /// Small values first.
  public static func ascending<V: OrderedField>(
    _ path: any KeyPath<R, V> & Sendable
  ) -> Ordering {
    Ordering(name: Field(path).name, isDescending: false)
  }

  /// Records without a value, then small values.
  public static func ascending<V: OrderedField>(
    _ path: any KeyPath<R, V?> & Sendable
  ) -> Ordering {
    Ordering(name: Field(path).name, isDescending: false)
  }

  /// Small values first.
  public static func ascending<V: OrderedField>(_ field: Field<R, V>) -> Ordering {
    Ordering(name: field.name, isDescending: false)
  }

  /// Large values first.
  public static func descending<V: OrderedField>(
    _ path: any KeyPath<R, V> & Sendable
  ) -> Ordering {
    Ordering(name: Field(path).name, isDescending: true)
  }

  /// Large values, then small ones, then records without.
  public static func descending<V: OrderedField>(
    _ path: any KeyPath<R, V?> & Sendable
  ) -> Ordering {
    Ordering(name: Field(path).name, isDescending: true)
  }

  /// Large values first.
  public static func descending<V: OrderedField>(_ field: Field<R, V>) -> Ordering {
    Ordering(name: field.name, isDescending: true)
  }
}
