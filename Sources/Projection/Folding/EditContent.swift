package import Journal

/// What an edit says about the fields of its record, located in its body. Borrows the body's bytes.
package struct EditContent {
  package let kind: EntryKind
  /// The fields of a create or put, the fields an update sets.
  let fields: UnsafeRawBufferPointer?
  /// The encoded array of names an update unsets.
  let unset: UnsafeRawBufferPointer?

  /// Takes the content out of a body that was parsed.
  package init(_ kind: EntryKind, _ body: Body) {
    self.kind = kind
    fields = body.raw(kind == .update ? .set : .fields)
    unset = kind == .update ? body.raw(.unset) : nil
  }

  /// The content of a draft whose maker noted where it put it: nothing is parsed again.
  init(_ draft: Draft, _ body: UnsafeRawBufferPointer, _ content: Range<Int>) {
    kind = draft.kind
    fields = content.isEmpty ? nil : UnsafeRawBufferPointer(rebasing: body[content])
    unset = nil
  }
}
