import Journal
import Projection
import Transport

/// One account's journal as the server's store: what pushes append to and the feed reads from.
final class AccountJournal: Sendable {
  private let store: Store

  /// Opens the account's journal, or creates it.
  init(directory: String) throws {
    // An answer is a promise to the device that asked.
    do {
      store = try OpenJournal.store(directory, durability: .everyCommit)
    } catch JournalError.cannotOpen {
      var configuration = try JournalKeys.creating()
      configuration.durability = .everyCommit
      store = try Store.create(
        at: directory, label: "server", isLocal: true, configuration: configuration)
    }
    let isLocal = try store.journal.read { $0.identity.isLocal }
    guard isLocal else {
      store.close()
      throw JournalError.invalidInput(
        "\(directory) is a device's journal; a server's store needs a directory of its own")
    }
  }

  /// A server over a store that is open already.
  init(_ store: Store) {
    self.store = store
  }

  func close() {
    store.close()
  }

  func info(device: DeviceID) throws -> RemoteInfo {
    try store.journal.read { reader in
      RemoteInfo(
        epoch: reader.identity.journal.description,
        acknowledgedSize: try PeerRow.read(device, reader.storage)?.size ?? 0)
    }
  }

  func show(_ witness: Witness) async throws -> WitnessAnswer {
    let checkpoint = try Self.checkpoint(witness)
    // Signed before the transaction, shown only once the transaction has found it an extension.
    let cosigned = try cosign(witness.checkpoint)
    return try await store.journal.transact { context in
      let known = try PeerRow.read(witness.device, context.transaction)
      switch WitnessRule.judge(witness, checkpoint, known: known) {
      case .forked: return .forked
      case .sizeDiffers(let size): return .sizeDiffers(size: size)
      case .extends(let checkpoint):
        var row = WitnessRule.row(witness, checkpoint, known: known)
        row.note = cosigned.note
        try context.put(.peers, witness.device.bytes, row.encoded)
        return .acknowledged(size: checkpoint.size, cosigned: cosigned)
      }
    }
  }

  /// The server's own witness to a device's checkpoint.
  private func cosign(_ note: String) throws -> CosignedCheckpoint {
    let key = try store.journal.signingKey()
    return CosignedCheckpoint(
      note: try key.cosign(note, at: .now), key: try key.cosignerKey.description)
  }

  func push(_ witness: Witness, segment: [UInt8]) async throws -> PushAnswer {
    let checkpoint = try Self.checkpoint(witness)
    let changes: [SegmentChange]
    do {
      changes = try segment.withUnsafeBytes { try SegmentCodec.decode($0) }
    } catch {
      throw ServerError.badRequest("the segment cannot be read: \(error)")
    }
    do {
      return try await store.journal.transact { context in
        let known = try PeerRow.read(witness.device, context.transaction)
        switch WitnessRule.judge(witness, checkpoint, known: known) {
        case .forked: return .forked
        case .sizeDiffers(let size): return .sizeDiffers(size: size)
        case .extends(let checkpoint):
          let verdicts = try PushJudge(device: witness.device, context: context).judge(changes)
          let row = WitnessRule.row(witness, checkpoint, known: known)
          try context.put(.peers, witness.device.bytes, row.encoded)
          return .judged(verdicts: verdicts, size: checkpoint.size)
        }
      }
    } catch is PushJudge.Forked {
      return .forked
    }
  }

  /// A page of the feed; a cursor that comes back says what the device has booked.
  func feed(
    after cursor: String?, limit: Int, filters: [RemoteFilter] = [], device: DeviceID?
  ) async throws -> FeedPage {
    let page = try store.journal.read { reader in
      try FeedReader(reader: reader, asked: AskedRecords(filters)).page(after: cursor, limit: limit)
    }
    guard let device else { return page }
    var booked: SequenceNumber = 0
    if let cursor, case .entries(_, let through, _) = FeedCursorText(cursor) { booked = through }
    // Only a device that has shown a checkpoint is held back for: anybody can name a device.
    let known = try store.journal.read { try PeerRow.read(device, $0.storage)?.cursor }
    if let known, booked > known {
      try await store.journal.transact { [booked] context in
        guard var row = try PeerRow.read(device, context.transaction) else { return }
        row.cursor = max(row.cursor, booked)
        try context.put(.peers, device.bytes, row.encoded)
      }
    }
    return page
  }

  /// What the digests of the records at a cursor are asked for.
  func digest<R>(
    at cursor: String, filters: [RemoteFilter] = [], _ body: (DigestReader) throws -> R
  ) throws -> R {
    try store.journal.read(span: .long) { reader in
      try body(DigestReader(reader: reader, asked: AskedRecords(filters), cursor: cursor))
    }
  }

  private static func checkpoint(_ witness: Witness) throws -> Checkpoint {
    do { return try WitnessRule.open(witness) } catch let error as JournalError {
      throw ServerError.badRequest("the checkpoint does not verify: \(error)")
    }
  }
}
