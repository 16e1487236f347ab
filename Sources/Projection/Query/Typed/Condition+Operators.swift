// One operator for key paths and one for fields, since a key path literal needs its type from the place
// where it stands; orders also for optional properties.

/// The field has this value; nil means that there is none.
public func == <R: Record, V: Codable & Equatable & Sendable>(
  path: any KeyPath<R, V> & Sendable, value: V
) -> Condition<R> {
  Condition(Field(path), .equal, value)
}

/// The field has this value; nil means that there is none.
public func == <R: Record, V: Codable & Equatable & Sendable>(
  field: Field<R, V>, value: V
) -> Condition<R> {
  Condition(field, .equal, value)
}

/// The field has another value or none; not nil means that there is one.
public func != <R: Record, V: Codable & Equatable & Sendable>(
  path: any KeyPath<R, V> & Sendable, value: V
) -> Condition<R> {
  Condition(Field(path), .notEqual, value)
}

/// The field has another value or none; not nil means that there is one.
public func != <R: Record, V: Codable & Equatable & Sendable>(
  field: Field<R, V>, value: V
) -> Condition<R> {
  Condition(field, .notEqual, value)
}

/// The field is below a value; a missing one is not.
public func < <R: Record, V: OrderedField>(
  path: any KeyPath<R, V> & Sendable, value: V
) -> Condition<R> {
  Condition(Field(path), .less, value)
}

/// The field is below a value; a missing one is not.
public func < <R: Record, V: OrderedField>(
  field: Field<R, V>, value: V
) -> Condition<R> {
  Condition(field, .less, value)
}

/// The field is below a value; a missing one is not.
public func < <R: Record, V: OrderedField>(
  path: any KeyPath<R, V?> & Sendable, value: V
) -> Condition<R> {
  Condition(Field(path), .less, value)
}

/// The field is at or below a value; a missing one is not.
public func <= <R: Record, V: OrderedField>(
  path: any KeyPath<R, V> & Sendable, value: V
) -> Condition<R> {
  Condition(Field(path), .lessOrEqual, value)
}

/// The field is at or below a value; a missing one is not.
public func <= <R: Record, V: OrderedField>(
  field: Field<R, V>, value: V
) -> Condition<R> {
  Condition(field, .lessOrEqual, value)
}

/// The field is at or below a value; a missing one is not.
public func <= <R: Record, V: OrderedField>(
  path: any KeyPath<R, V?> & Sendable, value: V
) -> Condition<R> {
  Condition(Field(path), .lessOrEqual, value)
}

/// The field is above a value; a missing one is not.
public func > <R: Record, V: OrderedField>(
  path: any KeyPath<R, V> & Sendable, value: V
) -> Condition<R> {
  Condition(Field(path), .greater, value)
}

/// The field is above a value; a missing one is not.
public func > <R: Record, V: OrderedField>(
  field: Field<R, V>, value: V
) -> Condition<R> {
  Condition(field, .greater, value)
}

/// The field is above a value; a missing one is not.
public func > <R: Record, V: OrderedField>(
  path: any KeyPath<R, V?> & Sendable, value: V
) -> Condition<R> {
  Condition(Field(path), .greater, value)
}

/// The field is at or above a value; a missing one is not.
public func >= <R: Record, V: OrderedField>(
  path: any KeyPath<R, V> & Sendable, value: V
) -> Condition<R> {
  Condition(Field(path), .greaterOrEqual, value)
}

/// The field is at or above a value; a missing one is not.
public func >= <R: Record, V: OrderedField>(
  field: Field<R, V>, value: V
) -> Condition<R> {
  Condition(field, .greaterOrEqual, value)
}

/// The field is at or above a value; a missing one is not.
public func >= <R: Record, V: OrderedField>(
  path: any KeyPath<R, V?> & Sendable, value: V
) -> Condition<R> {
  Condition(Field(path), .greaterOrEqual, value)
}
