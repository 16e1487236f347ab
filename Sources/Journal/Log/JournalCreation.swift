import Foundation

extension Journal {
  /// Creates a journal in a directory that does not exist yet or is empty.
  ///
  /// It is built in a temporary directory beside its place, synced and renamed: after a crash at
  /// any moment it exists whole or not at all.
  ///
  /// - Parameter isLocal: Edits of this journal are never sent to a server.
  /// - Throws: ``JournalError/alreadyExists(_:)``, ``JournalError/storage(_:)``, and
  ///   ``JournalError/keyMissing(_:)`` when the configuration asks for encryption and has no key.
  package static func create(
    at path: String, label: String, isLocal: Bool, configuration: Configuration,
    folder: any InlineFolder
  ) throws {
    guard label.utf8.count <= RecordAddress.maximumNameBytes else {
      throw JournalError.invalidInput("a device's label has at most 128 bytes")
    }
    let place = DirectoryPlace(path)
    try place.checkIsFree()
    let temporary = try place.makeTemporary(random: configuration.random())
    do {
      try fill(temporary, label, isLocal, configuration, folder)
      try place.moveIn(temporary)
    } catch {
      place.discard(temporary)
      throw error
    }
  }

  private static func fill(
    _ directory: String, _ label: String, _ isLocal: Bool, _ configuration: Configuration,
    _ folder: any InlineFolder
  ) throws {
    var ids = EntryIDGenerator(random: configuration.random)
    let now = configuration.now()
    let journal = ids.next(milliseconds: now.milliseconds)
    let device = try makeDevice(label: label, in: directory, configuration: configuration)
    let identity = JournalIdentity(
      journal: journal, isLocal: isLocal,
      secret: (0..<4).flatMap { _ in [UInt8](sequence: configuration.random()) },
      devices: [device], currentIndex: 0)
    let opened = try Draft(
      .opened, body: openedBody(identity, label: label, isLocal: isLocal))
    let keys = KeyRing(configuration.encryption)
    let sealing = try configuration.encryption.map { try Rekey.firstState(of: $0) }
    let openedID = ids.next(milliseconds: now.milliseconds)
    let environment = try Environment.create(directory: directory)
    defer { environment.close() }
    try environment.write { transaction in
      func putMeta(_ key: String, _ payload: [UInt8]) throws {
        try transaction.put(.meta, key: [UInt8](key.utf8), payload: payload)
      }
      var identity = identity
      if let sealing {
        try putMeta(MetaKey.encryption, sealing.state.encoded(with: sealing.ciphers))
        transaction.sealer = RowCipher(sealing.state, sealing.ciphers)
        try putMeta(MetaKey.secret, [AppendContext.secretLayout] + identity.secret)
        identity.secret = []
      }
      try putMeta(MetaKey.journal, identity.encoded)
      try putMeta(MetaKey.head, Head().encoded)
      let context = try AppendContext(
        transaction,
        WriterEnvironment(
          folder: folder, now: { now }, makeID: { _ in openedID }, keys: keys))
      try context.append(opened)
      try context.finish()
    }
  }

  private static func openedBody(
    _ identity: JournalIdentity, label: String, isLocal: Bool
  ) -> [UInt8] {
    var body = BodyBuilder()
    body.add(.journal, data: identity.journal.bytes)
    body.add(.device, data: identity.current.id.bytes)
    body.add(.label, text: label)
    body.add(.verifierKey, text: identity.current.verifierKey)
    body.add(.local) { $0.bool(isLocal) }
    return body.finish()
  }

  /// Makes a new device with its signing key, written to its own file in `directory`.
  package static func makeDevice(
    label: String, in directory: String, configuration: Configuration
  ) throws -> JournalIdentity.Device {
    var ids = EntryIDGenerator(random: configuration.random)
    let id = ids.next(milliseconds: configuration.now().milliseconds)
    guard let device = DeviceID(bytes: id.bytes) else {
      throw JournalError.storage("a device id could not be made")
    }
    let name = JournalIdentity.origin(of: device)
    let seed = configuration.signingSeed?()
    let key = try seed.map { try SigningKey(name: name, seed: $0) } ?? SigningKey(name: name)
    try KeyFile.write(key, to: JournalFiles.key(in: directory, of: device))
    return JournalIdentity.Device(
      id: device, label: label, verifierKey: key.verifierKey.description)
  }
}
