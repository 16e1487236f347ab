/// Under which keys a journal's rows may lie, and how far a rotation has come: the row `encryption`
/// of `meta`, there while anything in the journal is encrypted.
struct SealingState: Equatable {
  /// The key id under which rows are written; 0 is plain, while encryption is being taken off.
  var current: UInt32
  /// Salt of the keys derived for this journal.
  var salt: [UInt8]
  /// Every id under which rows may lie, 0 for plain, ascending.
  var keyIDs: [UInt32]
  /// Where a rotation goes on: table number ‖ key; empty at its beginning and without one.
  var position: [UInt8] = []

  static let purpose = "sync-journal rows 1"
  private static let knownText = [UInt8]("sync-journal key check".utf8)

  /// Whether rows may lie under another key than the current one.
  var isRotating: Bool { keyIDs != [current] }
  var allowsPlain: Bool { keyIDs.contains(0) }

  /// A key check sealed under each key: it tells a wrong key, and that the row was not changed by
  /// anybody without one.
  struct Check: Equatable {
    var keyID: UInt32
    var box: [UInt8]
  }

  func encoded(with ciphers: [UInt32: BodyCipher]) throws(JournalError) -> [UInt8] {
    var writer = CBORWriter()
    writer.map(count: 6)
    write(into: &writer)
    writer.unsigned(6)
    let ids = keyIDs.filter { $0 != 0 }
    writer.array(count: ids.count)
    for id in ids {
      guard let cipher = ciphers[id] else { throw Self.malformed }
      let box = try Self.knownText.withUnsafeBufferPointer { text throws(JournalError) in
        try cipher.seal(UnsafeRawBufferPointer(text), authenticating: context)
      }
      writer.array(count: 2)
      writer.unsigned(UInt64(id))
      writer.data(box)
    }
    return writer.bytes
  }

  private func write(into writer: inout CBORWriter) {
    writer.unsigned(1)
    writer.unsigned(1)
    writer.unsigned(2)
    writer.unsigned(UInt64(current))
    writer.unsigned(3)
    writer.data(salt)
    writer.unsigned(4)
    writer.array(count: keyIDs.count)
    for id in keyIDs { writer.unsigned(UInt64(id)) }
    writer.unsigned(5)
    writer.data(position)
  }

  /// What a check binds: the rest of the row.
  private var context: [UInt8] {
    var writer = CBORWriter()
    writer.map(count: 5)
    write(into: &writer)
    return writer.bytes
  }

  /// The cipher for this journal's rows under a key.
  func cipher(_ key: EncryptionKey) -> BodyCipher {
    BodyCipher(key, salt: salt, purpose: Self.purpose)
  }

  /// The row of a view; nil when nothing is encrypted.
  static func read(
    _ storage: any StorageReader
  ) throws -> (state: SealingState, checks: [Check])? {
    try storage.withValue(.meta, [UInt8](MetaKey.encryption.utf8)) { try decode($0) }
  }

  /// Whether `cipher` is that of the key a check was sealed under.
  func fits(_ cipher: BodyCipher, _ check: Check) -> Bool {
    check.box.withUnsafeBytes { cipher.open($0, authenticating: context) } == Self.knownText
  }

  /// - Throws: ``JournalError/damaged(_:)``, or ``JournalError/unsupported(_:)`` for a layout of a
  ///   later release.
  static func decode(
    _ payload: UnsafeRawBufferPointer
  ) throws(JournalError) -> (SealingState, checks: [Check]) {
    var reader = CBORReader(payload)
    func expect(_ key: UInt64) throws(JournalError) {
      guard try reader.unsigned() == key else { throw malformed }
    }
    func id() throws(JournalError) -> UInt32 {
      guard let id = UInt32(exactly: try reader.unsigned()) else { throw malformed }
      return id
    }
    guard try reader.mapCount() == 6 else { throw malformed }
    try expect(1)
    guard try reader.unsigned() == 1 else {
      throw .unsupported("the journal is encrypted in a later release's way; use that release")
    }
    try expect(2)
    var state = SealingState(current: try id(), salt: [], keyIDs: [])
    try expect(3)
    state.salt = [UInt8](payload[try reader.data()])
    try expect(4)
    for _ in 0..<(try reader.arrayCount()) { state.keyIDs.append(try id()) }
    try expect(5)
    state.position = [UInt8](payload[try reader.data()])
    try expect(6)
    var checks: [Check] = []
    for _ in 0..<(try reader.arrayCount()) {
      guard try reader.arrayCount() == 2 else { throw malformed }
      checks.append(Check(keyID: try id(), box: [UInt8](payload[try reader.data()])))
    }
    guard state.keyIDs.contains(state.current), !checks.isEmpty,
      checks.map(\.keyID) == state.keyIDs.filter({ $0 != 0 })
    else { throw malformed }
    return (state, checks)
  }

  static var malformed: JournalError {
    .damaged("the journal's row `encryption` is malformed; run `journal verify`")
  }
}
