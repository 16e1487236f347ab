/// Why a new generation of base began: what the `cursor` entry says that begins it.
package enum GenerationReason: String, Sendable, Hashable {
  /// The server no longer has what followed the cursor. Its history is the same.
  case resyncRequired = "resync-required"
  /// Another history stands in the server's place.
  case epochChanged = "epoch-changed"
  /// The server lost the end of its history, as after a restore from a backup.
  case wentBack = "went-back"
  /// The app asked for the full state.
  case asked
  /// Other records are asked for than before.
  case filterChanged = "filter-changed"

  /// Whether what the server accepted before still counts, and versions it gave still compare.
  package var keepsHistory: Bool {
    switch self {
    case .resyncRequired, .asked, .filterChanged: true
    case .epochChanged, .wentBack: false
    }
  }
}
