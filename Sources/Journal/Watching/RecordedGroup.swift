/// What one group of entries did to the rows of records, in the order they were first touched.
///
/// A group is what was appended as one; an entry without a group is one by itself, and a conflict's
/// decision belongs to the entry it follows from.
package struct RecordedGroup: Sendable {
  /// One record's row before and after the group; nil where there was or is none.
  package struct Row: Sendable {
    package var rowKey: [UInt8]
    package var before: [UInt8]?
    package var after: [UInt8]?
    /// The entries that stored the row.
    package var sequences: [SequenceNumber]
    /// The kind of the first of them.
    package var kind: EntryKind
    /// Who made the first of them, where it is an edit.
    package var actor: String?

    var bytes: Int { rowKey.count + (before?.count ?? 0) + (after?.count ?? 0) + 128 }
  }

  package var first: SequenceNumber
  package var last: SequenceNumber
  package var rows: [Row]

  var bytes: Int { rows.reduce(64) { $0 + $1.bytes } }
}
