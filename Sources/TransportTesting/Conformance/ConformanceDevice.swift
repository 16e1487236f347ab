import Journal
import Transport

/// A device as a server sees it: edits in sealed segments, and a tree whose heads it signs.
///
/// There is no journal behind it: what a server is shown of one are its leaves, and those can be any.
struct ConformanceDevice {
  private struct Leaves: SubtreeSource {
    var hashes: [TreeHash]

    func subtree(level: Int, index: UInt64) throws -> TreeHash {
      guard level > 0 else {
        guard let place = Int(exactly: index), hashes.indices.contains(place) else {
          throw JournalError.invalidInput("leaf \(index) is not in the tree")
        }
        return hashes[place]
      }
      return try .node(
        subtree(level: level - 1, index: index * 2), subtree(level: level - 1, index: index * 2 + 1)
      )
    }
  }

  let id: DeviceID
  private let remote: any Remote
  private let key: SigningKey
  private var leaves = Leaves(hashes: [])
  private var ids: EntryIDGenerator
  private var acknowledged: UInt64 = 0

  init(_ remote: any Remote) throws {
    self.remote = remote
    id = .random { .random(in: 0...(.max)) }
    key = try SigningKey(name: JournalIdentity.origin(of: id))
    ids = EntryIDGenerator(random: { .random(in: 0...(.max)) })
    // A journal begins with an entry that says what it is.
    grow()
  }

  private mutating func grow() {
    let content = Array("\(id) \(leaves.hashes.count)".utf8)
    leaves.hashes.append(content.withUnsafeBytes { TreeHash.leaf($0) })
  }

  // MARK: Edits

  mutating func edit(
    _ change: EditDraft.Change, _ collection: String, _ key: String,
    base: SegmentChange.Base = .none
  ) throws -> SegmentChange {
    let now = Timestamp.now
    let id = ids.next(milliseconds: now.milliseconds)
    let draft = try EditDraft(id: id).draft(change, collection: collection, key: key)
    grow()
    return SegmentChange(
      sequence: UInt64(leaves.hashes.count), id: id, kind: draft.kind, schema: 0, time: now,
      moreOfGroup: false, base: base, isStrict: false, body: draft.body)
  }

  static func fields(_ fields: Fields) throws -> [UInt8] {
    var writer = CBORWriter(reserving: 128)
    try writer.fields(fields)
    return writer.bytes
  }

  // MARK: Exchange

  /// Pushes as the engine does: once more where the server knows another size of this device's tree.
  mutating func push(
    _ changes: [SegmentChange], isRepeated: Bool = false
  ) async throws -> [Verdict] {
    let segment = SegmentCodec.encode(changes)
    for _ in 0..<3 {
      let push = Push(
        witness: remote.isWitness ? try witness() : nil, segment: segment, isRepeated: isRepeated)
      switch try await remote.push(push) {
      case .judged(let verdicts, let size):
        if remote.isWitness { acknowledged = size }
        return verdicts
      case .interrupted(_, let error): throw error
      case .failed(let failure): throw failure.error
      case .sizeDiffers(let size): acknowledged = size
      case .forked:
        throw TransportError.protocolViolation("it calls a device forked that is new to it")
      }
    }
    throw TransportError.protocolViolation("it names another size of the device's tree each time")
  }

  /// Where it is a witness: what it acknowledges.
  mutating func synchronise() async throws {
    acknowledged = try await remote.info(device: id).acknowledgedSize
  }

  private func witness() throws -> Witness {
    let size = UInt64(leaves.hashes.count)
    let checkpoint = try Checkpoint(
      origin: JournalIdentity.origin(of: id), size: size,
      root: MerkleTree.root(size: size, in: leaves))
    return Witness(
      device: id, label: "conformance", verifierKey: key.verifierKey.description,
      checkpoint: try key.sign(checkpoint), fromSize: acknowledged,
      proof: acknowledged > 0 && acknowledged <= size
        ? try MerkleTree.consistencyProof(from: acknowledged, to: size, in: leaves) : [])
  }

  /// Reads the feed to its end; at most so many pages.
  func read(
    after cursor: String? = nil, limit: Int = 1_000, pages: Int = 100
  ) async throws -> (changes: [FeedChange], cursor: String, pages: Int) {
    var (cursor, changes) = (cursor, [FeedChange]())
    for number in 1...pages {
      let page = try await remote.changes(after: cursor, limit: limit, device: id)
      changes += page.changes
      if page.hasMore, page.cursor == cursor {
        throw TransportError.protocolViolation(
          "a page with more behind it has the cursor asked for")
      }
      cursor = page.cursor
      if !page.hasMore { return (changes, page.cursor, number) }
    }
    throw TransportError.protocolViolation("the feed does not end after \(pages) pages")
  }
}
