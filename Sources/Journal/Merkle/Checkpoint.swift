/// What a journal commits to: the root of its Merkle tree at a size, under its own name.
///
/// Its text is a C2SP tlog-checkpoint, and means nothing until signed: see ``SigningKey`` and
/// ``SignedNote``.
public struct Checkpoint: Sendable {
  /// The name of the journal that commits, unique among all journals.
  public let origin: String
  /// The number of leaves.
  public let size: UInt64
  /// The root over these leaves.
  public let root: TreeHash

  /// A checkpoint; throws `invalidInput` for an origin that is empty, above 1,024 bytes or has
  /// control characters, and for a tree without leaves whose root is not ``TreeHash/empty``.
  public init(origin: String, size: UInt64, root: TreeHash) throws(JournalError) {
    guard NoteRules.isOrigin(origin.utf8) else {
      throw .invalidInput(
        "a checkpoint's origin needs 1 to \(NoteRules.nameLimit) bytes without control characters")
    }
    guard size > 0 || root == .empty else {
      throw .invalidInput(
        "a checkpoint of no leaves has the root of the empty tree, which \(root) is not")
    }
    self.origin = origin
    self.size = size
    self.root = root
  }

  /// The text that is signed: origin, size and root, each on its own line.
  public var text: String {
    "\(origin)\n\(size)\n\(root)\n"
  }

  /// Reads the text of a note; throws `invalidInput` when it is not a checkpoint's, and
  /// `unsupported` for extension lines, which would otherwise be lost.
  init(parsing text: ArraySlice<UInt8>) throws(JournalError) {
    guard text.last == NoteRules.newline else {
      throw .invalidInput("a checkpoint's last line does not end")
    }
    let lines = text.dropLast().split(
      separator: NoteRules.newline, omittingEmptySubsequences: false)
    guard lines.count >= 3 else {
      throw .invalidInput(
        "a checkpoint has three lines, origin, size and root; here stand \(lines.count)")
    }
    guard lines.count == 3 else {
      throw .unsupported("a checkpoint with extension lines (\(lines.count - 3)) is not known here")
    }
    guard let size = Self.decimal(lines[1]) else {
      throw .invalidInput("line 2 of a checkpoint is a size below 2^64 without leading zeros")
    }
    guard let bytes = Base64.decode(lines[2]), let root = TreeHash(bytes: bytes) else {
      throw .invalidInput("line 3 of a checkpoint is the base64 of a 32-byte root")
    }
    try self.init(origin: String(decoding: lines[0], as: UTF8.self), size: size, root: root)
  }

  private static func decimal(_ digits: ArraySlice<UInt8>) -> UInt64? {
    guard let first = digits.first, first != UInt8(ascii: "0") || digits.count == 1 else {
      return nil
    }
    var value: UInt64 = 0
    for digit in digits {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
      let (shifted, didOverflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, didCarry) = shifted.addingReportingOverflow(UInt64(digit - UInt8(ascii: "0")))
      guard !didOverflow, !didCarry else { return nil }
      value = sum
    }
    return value
  }
}

extension Checkpoint: Equatable {
  // Origins are the same when their bytes are: what was signed is bytes.
  public static func == (left: Checkpoint, right: Checkpoint) -> Bool {
    left.size == right.size && left.root == right.root
      && left.origin.utf8.elementsEqual(right.origin.utf8)
  }
}
