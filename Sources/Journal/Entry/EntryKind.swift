/// A position in the journal: dense from 1, in commit order. 0 stands for "before the first entry".
public typealias SequenceNumber = UInt64

/// What an entry says; the raw values are part of the format.
public struct EntryKind: RawRepresentable, Sendable, Hashable {
  public let rawValue: UInt8

  public init(rawValue: UInt8) {
    self.rawValue = rawValue
  }

  public static let opened = EntryKind(rawValue: 1)
  public static let declared = EntryKind(rawValue: 2)
  public static let create = EntryKind(rawValue: 3)
  public static let update = EntryKind(rawValue: 4)
  public static let put = EntryKind(rawValue: 5)
  public static let delete = EntryKind(rawValue: 6)
  public static let sent = EntryKind(rawValue: 7)
  public static let accepted = EntryKind(rawValue: 8)
  public static let refused = EntryKind(rawValue: 9)
  public static let retried = EntryKind(rawValue: 10)
  public static let parked = EntryKind(rawValue: 11)
  public static let discarded = EntryKind(rawValue: 12)
  public static let remoteChange = EntryKind(rawValue: 13)
  public static let cursor = EntryKind(rawValue: 14)
  public static let idAssigned = EntryKind(rawValue: 15)
  public static let conflict = EntryKind(rawValue: 16)
  public static let migration = EntryKind(rawValue: 17)
  public static let checkpoint = EntryKind(rawValue: 18)
  public static let trimmed = EntryKind(rawValue: 19)
  public static let erased = EntryKind(rawValue: 20)
  public static let deviceChanged = EntryKind(rawValue: 21)

  /// The kinds by name, in the order of their raw values from 1.
  static let names = [
    "opened", "declared", "create", "update", "put", "delete", "sent", "accepted", "refused",
    "retried", "parked", "discarded", "remote change", "cursor", "id assigned", "conflict",
    "migration", "checkpoint", "trimmed", "erased", "device changed",
  ]

  /// The kind with this name; case, spaces and dashes do not count.
  public init?(name: String) {
    func plain(_ name: String) -> String {
      name.lowercased().filter { $0 != " " && $0 != "-" }
    }
    guard let index = Self.names.firstIndex(where: { plain($0) == plain(name) }) else {
      return nil
    }
    self.init(rawValue: UInt8(index + 1))
  }

  /// Whether entries of this kind change a record by the user's will.
  public var isEdit: Bool { rawValue >= 3 && rawValue <= 6 }

  /// Whether ids of this kind are remembered: what is sent and may come again.
  package var hasRememberedID: Bool { isEdit || self == .erased }

  /// Whether this release gives the kind a meaning when folding.
  package var isFoldable: Bool {
    switch self {
    case .opened, .declared, .create, .update, .put, .delete, .sent, .accepted, .refused,
      .retried, .parked, .discarded, .remoteChange, .cursor, .idAssigned, .conflict, .migration,
      .trimmed, .erased, .deviceChanged:
      true
    default: false
    }
  }
}

extension EntryKind: CustomStringConvertible {
  public var description: String {
    rawValue >= 1 && Int(rawValue) <= Self.names.count
      ? Self.names[Int(rawValue) - 1] : "unknown(\(rawValue))"
  }
}
