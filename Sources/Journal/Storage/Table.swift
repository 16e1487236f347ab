/// The named tables of a journal, each a sub-database of one environment.
///
/// The raw value enters the checksum of every row, so a row moved to another table is found; it
/// never changes between releases.
package enum Table: UInt8, CaseIterable, Sendable {
  case meta = 1
  case entries
  case ids
  case edits
  case records
  case baseline
  case tree
  case gaps
  case origins
  case peers
  case indexes

  /// The name of the sub-database on disk.
  package var name: String {
    switch self {
    case .meta: "meta"
    case .entries: "entries"
    case .ids: "ids"
    case .edits: "edits"
    case .records: "records"
    case .baseline: "baseline"
    case .tree: "tree"
    case .gaps: "gaps"
    case .origins: "origins"
    case .peers: "peers"
    case .indexes: "indexes"
    }
  }

  /// Whether files may stand that were made before there was such a table: it is empty there.
  var mayBeMissing: Bool { self == .indexes }

  /// The position in arrays that hold one element per table.
  var index: Int { Int(rawValue) - 1 }
}
