import Journal

/// What a write does with records that refer to one it deletes.
public enum DeleteRule: Sendable, Hashable {
  /// They are deleted as well, and what refers to them by their own links' rules.
  case cascade
  /// They no longer refer to it: the field is set to nil, or the id taken out of the array.
  case clear
  /// The write is refused with `JournalError.stillReferred`.
  case deny
  /// They go on referring to a record that is not there. What a schema does not name is kept so.
  case keep
}

/// A field whose ids refer to records of another collection, and what follows when one of these is deleted.
struct Link: Sendable {
  enum Form: Sendable, Hashable {
    case one, optional, several
  }

  let field: String
  let target: String
  let rule: DeleteRule
  let form: Form
}

extension SchemaPart {
  /// A reference to one record.
  ///
  /// The rule holds for deletes that a store does which was opened with this type; what a server or another
  /// program deletes leaves references as they are. With ``DeleteRule/clear`` the property has to be optional.
  public static func link<T: Record>(
    _ path: any KeyPath<R, RecordID<T>> & Sendable, onDelete rule: DeleteRule
  ) -> SchemaPart {
    part(Field(path).name, T.self, rule, .one)
  }

  /// A reference to one record or none.
  public static func link<T: Record>(
    _ path: any KeyPath<R, RecordID<T>?> & Sendable, onDelete rule: DeleteRule
  ) -> SchemaPart {
    part(Field(path).name, T.self, rule, .optional)
  }

  /// References to several records. ``DeleteRule/clear`` takes one out of them.
  public static func link<T: Record>(
    _ path: any KeyPath<R, [RecordID<T>]> & Sendable, onDelete rule: DeleteRule
  ) -> SchemaPart {
    part(Field(path).name, T.self, rule, .several)
  }

  private static func part<T: Record>(
    _ name: @escaping @Sendable () throws -> String, _ target: T.Type, _ rule: DeleteRule,
    _ form: Link.Form
  ) -> SchemaPart {
    SchemaPart { schema in
      let field = try name()
      guard rule != .clear || form != .one else {
        throw JournalError.invalidInput(
          "\(R.self).\(field) cannot be cleared when what it refers to is deleted: make it optional, or "
            + "choose another rule")
      }
      schema.links.append(
        Link(field: field, target: T.schema.collection, rule: rule, form: form))
    }
  }
}
