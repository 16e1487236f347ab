import Foundation
import Journal

/// Our server's cursor: opaque to devices, checked whole when it comes back.
///
/// It names the epoch, a sequence, and the first 8 bytes of the root over that many entries, so that a
/// server restored from a backup knows a cursor from a lost future.
enum FeedCursorText: Equatable {
  /// What was read through a sequence.
  case entries(epoch: String, through: SequenceNumber, root: String)
  /// Within the full state as it stood at a sequence.
  case state(epoch: String, sequence: SequenceNumber, root: String, place: StatePlace)

  var epoch: String {
    switch self {
    case .entries(let epoch, _, _), .state(let epoch, _, _, _): epoch
    }
  }

  var sequence: SequenceNumber {
    switch self {
    case .entries(_, let sequence, _), .state(_, let sequence, _, _): sequence
    }
  }

  var root: String {
    switch self {
    case .entries(_, _, let root), .state(_, _, let root, _): root
    }
  }

  var text: String {
    switch self {
    case .entries: "e.\(epoch).\(sequence).\(root)"
    case .state(_, _, _, .records(let shown, let after)):
      "s.\(epoch).\(sequence).\(root).\(shown).\(Hex.encode(after))"
    case .state(_, _, _, .erasures(let after)): "x.\(epoch).\(sequence).\(root).\(after)"
    }
  }

  init?(_ text: String) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { String($0) }
    guard parts.count >= 4, let sequence = UInt64(parts[2]) else { return nil }
    let (epoch, root) = (parts[1], parts[3])
    switch (parts[0], parts.count) {
    case ("e", 4): self = .entries(epoch: epoch, through: sequence, root: root)
    case ("s", 6):
      guard let shown = UInt64(parts[4]), let after = Hex.decode(parts[5]) else { return nil }
      let place = StatePlace.records(shown: shown, after: after)
      self = .state(epoch: epoch, sequence: sequence, root: root, place: place)
    case ("x", 5):
      guard let after = UInt64(parts[4]) else { return nil }
      self = .state(epoch: epoch, sequence: sequence, root: root, place: .erasures(after: after))
    default: return nil
    }
    // Numbers and digits have spellings this server never writes.
    guard sequence <= Limits.sequence, self.text.utf8.elementsEqual(text.utf8) else { return nil }
  }

  static func entries(through: SequenceNumber, _ reader: JournalReader) throws -> FeedCursorText {
    .entries(
      epoch: reader.identity.journal.description, through: through,
      root: Hex.encode(try JournalTree(reader).root(size: through).bytes.prefix(8)))
  }
}

/// How far a full state has been shown: first its records by row key, then what was erased by then.
enum StatePlace: Equatable {
  /// After a record, behind so many of them; none yet.
  case records(shown: UInt64, after: [UInt8])
  /// After the erasure that stands at a sequence.
  case erasures(after: SequenceNumber)

  static let beginning = StatePlace.records(shown: 0, after: [])
}
