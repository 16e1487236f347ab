extension Journal {
  /// Makes a journal out of a pack, as a device of its own, in a directory that does not exist yet or
  /// is empty.
  ///
  /// Entries, proofs and records are those of the pack. What is pending there is pending here, under
  /// the same entry ids. The journal is built in a temporary directory beside its place, synced and
  /// renamed: it exists whole or not at all. Linear in the pack; the fold is made in one transaction.
  ///
  /// - Parameters:
  ///   - label: A name for the new device; at most 128 bytes.
  ///   - configuration: Its key opens an encrypted pack, and encrypts the journal.
  /// - Throws: ``JournalError/alreadyExists(_:)``, ``JournalError/cannotOpen(_:)`` for a file that is
  ///   missing or no pack, ``JournalError/damaged(_:)``, ``JournalError/unsupported(_:)`` for a redacted
  ///   pack, ``JournalError/storage(_:)``.
  package static func install(
    seed: String, at path: String, label: String, configuration: Configuration,
    folder: any InlineFolder
  ) throws {
    guard label.utf8.count <= RecordAddress.maximumNameBytes else {
      throw JournalError.invalidInput("a device's label has at most 128 bytes")
    }
    let place = DirectoryPlace(path)
    try place.checkIsFree()
    let keys = KeyRing(configuration.encryption)
    let reader = try JournalReader(PackReader(path: seed))
    try keys.unlock(reader)
    guard try !reader.isRedacted else {
      throw JournalError.unsupported(
        "\(seed) was made without bodies and cannot be a seed; pack it without --redact")
    }
    let report = try Verifier.verify(pack: seed, folder: folder, keys: keys)
    if let problem = report.problems.first {
      throw JournalError.damaged("the seed \(seed) is damaged: \(problem); use another copy")
    }
    let temporary = try place.makeTemporary(random: configuration.random())
    do {
      let device = try makeDevice(label: label, in: temporary, configuration: configuration)
      let installation = try SeedInstallation(reader, device, configuration, folder)
      try installation.run(in: temporary)
      try place.moveIn(temporary)
    } catch {
      place.discard(temporary)
      throw error
    }
  }
}

/// Writes the rows of a pack into a new data file.
private struct SeedInstallation {
  private static let sliceBytes = 4 << 20

  let source: JournalReader
  let device: JournalIdentity.Device
  let configuration: Journal.Configuration
  let folder: any InlineFolder
  private let sealing: (state: SealingState, ciphers: [UInt32: BodyCipher])?

  init(
    _ source: JournalReader, _ device: JournalIdentity.Device,
    _ configuration: Journal.Configuration, _ folder: any InlineFolder
  ) throws {
    self.source = source
    self.device = device
    self.configuration = configuration
    self.folder = folder
    sealing = try configuration.encryption.map { try Rekey.firstState(of: $0) }
  }

  func run(in directory: String) throws {
    let environment = try Environment.create(directory: directory)
    defer { environment.close() }
    try write(environment) { try putIdentity($0) }
    for table in [Table.entries, .baseline, .gaps] {
      var next: [UInt8]? = []
      while let from = next {
        next = try write(environment) { try copySlice(table, from, $0) }
      }
    }
    try writeNodes(environment)
    try finish(environment)
  }

  /// Every commit needs a head row of its own.
  private func write<R>(
    _ environment: Environment, _ body: (WriteTransaction) throws -> R
  ) throws -> R {
    try environment.write { transaction in
      transaction.sealer = sealing.map { RowCipher($0.state, $0.ciphers) }
      let result = try body(transaction)
      var head = source.head
      head.transactionID = transaction.transactionID
      head.fileBytes = try transaction.prepareCommit()
      try transaction.put(.meta, key: HeadRow.key, payload: head.encoded)
      return result
    }
  }

  private func putIdentity(_ transaction: WriteTransaction) throws {
    func putMeta(_ key: String, _ payload: [UInt8]) throws {
      try transaction.put(.meta, key: [UInt8](key.utf8), payload: payload)
    }
    var identity = source.identity
    // A pack holds no secret: each journal has its own.
    identity.secret = (0..<4).flatMap { _ in [UInt8](sequence: configuration.random()) }
    if let sealing {
      try putMeta(MetaKey.encryption, sealing.state.encoded(with: sealing.ciphers))
      try putMeta(MetaKey.secret, [AppendContext.secretLayout] + identity.secret)
      identity.secret = []
    }
    try putMeta(MetaKey.journal, identity.encoded)
    if source.horizon != Horizon() { try putMeta(MetaKey.horizon, source.horizon.encoded) }
  }

  /// Copies rows from a key on; the key to go on from, nil at the end.
  private func copySlice(
    _ table: Table, _ from: [UInt8], _ transaction: WriteTransaction
  ) throws -> [UInt8]? {
    var end: [UInt8]?
    var bytes = 0
    try source.storage.scan(table, from: from) { key, payload in
      guard bytes < Self.sliceBytes else {
        end = [UInt8](key)
        return false
      }
      try transaction.putLast(table, key: key, payload: payload)
      bytes += key.count + payload.count
      if table == .entries { try remember(key, payload, transaction) }
      return true
    }
    return end
  }

  private func remember(
    _ key: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer,
    _ transaction: WriteTransaction
  ) throws {
    let header = try StoredEntry.decode(
      payload, sequence: JournalReader.sequence(ofKey: key), devices: source.devices
    ).header
    guard header.kind.hasRememberedID else { return }
    try transaction.put(.ids, key: header.id.bytes, payload: RememberedID(header).encoded)
  }

  /// The tree's inner nodes, which a pack leaves to whoever reads it.
  private func writeNodes(_ environment: Environment) throws {
    var stack = SubtreeStack()
    var nodes: [(key: [UInt8], hash: TreeHash)] = []
    func push(_ hash: TreeHash, level: Int) {
      stack.push(hash, level: level) { level, index, hash in
        guard level > 0, level % 8 == 0 else { return }
        nodes.append((JournalTree.nodeKey(level: level, index: index), hash))
      }
    }
    var next: SequenceNumber = 1
    func skipGaps(to sequence: SequenceNumber) throws {
      while next < sequence, let gap = try JournalTree(source).gap(at: next - 1) {
        push(gap.hash, level: gap.level)
        next += 1 << UInt64(gap.level)
      }
    }
    try source.scanHeld(from: 1) { entry in
      try skipGaps(to: entry.header.sequence)
      push(entry.header.leafHash, level: 0)
      next += 1
      return true
    }
    try skipGaps(to: source.head.lastSequence + 1)
    guard !nodes.isEmpty else { return }
    try write(environment) { transaction in
      for node in nodes {
        try transaction.put(.tree, key: node.key, payload: node.hash.bytes)
      }
    }
  }

  /// Folds what was copied, and becomes a device of its own.
  private func finish(_ environment: Environment) throws {
    var ids = EntryIDGenerator(random: configuration.random)
    let now = configuration.now()
    let changedID = ids.next(milliseconds: now.milliseconds)
    try environment.write { transaction in
      let context = try AppendContext(
        transaction,
        WriterEnvironment(
          folder: folder, now: { now }, makeID: { _ in changedID },
          keys: KeyRing(configuration.encryption)))
      try context.rebuildFold()
      var body = BodyBuilder()
      body.add(.reason, text: "installed from a seed")
      body.add(.device, data: device.id.bytes)
      body.add(.label, text: device.label)
      body.add(.verifierKey, text: device.verifierKey)
      try context.append(Draft(.deviceChanged, body: body.finish()))
      try context.changeDevice(to: device)
      try context.finish()
    }
  }
}
