import Foundation
import Journal

/// Our server's cursor: opaque to devices, checked whole when it comes back.
///
/// It names the epoch, the last sequence read, and the first 8 bytes of the root over that many
/// entries, so that a server restored from a backup knows a cursor from a lost future.
enum FeedCursorText: Equatable {
  case entries(epoch: String, through: SequenceNumber, root: String)
  /// Within the full state at a horizon: the row key to go on after.
  case snapshot(epoch: String, horizon: SequenceNumber, after: [UInt8])

  var text: String {
    switch self {
    case .entries(let epoch, let through, let root): "e.\(epoch).\(through).\(root)"
    case .snapshot(let epoch, let horizon, let after):
      "s.\(epoch).\(horizon).\(Hex.encode(after))"
    }
  }

  init?(_ text: String) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4, let number = UInt64(parts[2]) else { return nil }
    switch parts[0] {
    case "e":
      self = .entries(epoch: String(parts[1]), through: number, root: String(parts[3]))
    case "s":
      guard let after = Hex.decode(String(parts[3])) else { return nil }
      self = .snapshot(epoch: String(parts[1]), horizon: number, after: after)
    default: return nil
    }
    // Numbers and digits have spellings this server never writes.
    guard self.text.utf8.elementsEqual(text.utf8) else { return nil }
  }

  static func entries(through: SequenceNumber, _ reader: JournalReader) throws -> FeedCursorText {
    .entries(
      epoch: reader.identity.journal.description, through: through,
      root: Hex.encode(try JournalTree(reader).root(size: through).bytes.prefix(8)))
  }
}
