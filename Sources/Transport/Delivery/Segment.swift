import Crypto
import Journal

/// A sealed run of changes in flight: which edits, and the bytes that are sent on every attempt.
struct Segment: Sendable {
  /// The `sent` entry that sealed it.
  var sent: SequenceNumber
  var edits: [SequenceNumber]
  var bytes: [UInt8]
  /// Whether an earlier attempt may have reached the server.
  var isRepeated = false
}

/// Chooses, seals and re-makes segments.
enum SegmentSealer {
  /// Leaves room for the envelope within a request.
  private static let maximumBytes = HTTPLimits.requestBytes - 128 << 10

  /// The segment in flight, made again from its entries, or a newly sealed one; nil when there
  /// is nothing to send.
  ///
  /// - Throws: `JournalError.damaged` when the segment in flight cannot be made again as it was.
  static func next(
    for remote: RemoteDeclaration, in context: AppendContext, skipping: Set<SequenceNumber>,
    limit: Int
  ) throws -> Segment? {
    let reader = try context.reader()
    let forms = remote.takesEntries ? RemoteForms() : try reader.remoteForms()
    let inFlight = try resume(remote, forms, context, reader)
    if case .segment(let segment) = inFlight { return segment }
    if case .otherwise(let sent, let edits) = inFlight {
      // The remote form of records has changed since these edits were sealed: they are sealed anew.
      let segment = Segment(sent: sent, edits: edits, bytes: [])
      try context.append(segment.release(because: .formChanged, from: remote.name))
    }
    let trouble = try Trouble(of: remote.name, reader)
    let edits = try choose(
      remote, SentBodies(context, before: .max, forms), context, skipping: skipping, limit: limit)
    guard !edits.isEmpty else { return nil }
    let bytes = SegmentCodec.encode(edits)
    var body = BodyBuilder()
    body.add(.remote, text: remote.name)
    body.add(.device, data: context.identity.current.id.bytes)
    // What the edits are based on may be settled and trimmed before an answer comes.
    if edits.contains(where: { $0.base != .none }) {
      body.add(.bases) { writer in
        writer.array(count: edits.count)
        for edit in edits { SegmentCodec.write(edit.base, into: &writer) }
      }
    }
    body.add(.entries) { $0.ranges(edits.map(\.sequence)) }
    body.add(.digest, data: [UInt8](SHA256.hash(data: bytes)))
    // The collection's policy may be another one when the segment is made again.
    let strict = edits.filter(\.isStrict).map(\.sequence)
    if !strict.isEmpty { body.add(.strict) { $0.ranges(strict) } }
    let appended = try context.append(Draft(.sent, body: body.finish()))
    var segment = Segment(
      sent: appended.sequence ?? 0, edits: edits.map(\.sequence), bytes: bytes)
    if !remote.takesEntries {
      let reader = try context.reader()
      segment.isRepeated = try segment.edits.contains { try reader.edit($0)?.isInDoubt == true }
    }
    if let first = segment.edits.first, first <= trouble.doubtfulThrough {
      segment.isRepeated = true
    }
    return segment
  }

  /// What is in flight.
  private enum InFlight {
    case nothing
    case segment(Segment)
    /// What it was made of looks otherwise to the server by now.
    case otherwise(sent: SequenceNumber, edits: [SequenceNumber])
  }

  private static func resume(
    _ remote: RemoteDeclaration, _ forms: RemoteForms, _ context: AppendContext,
    _ reader: JournalReader
  ) throws -> InFlight {
    guard try reader.counts().inFlight > 0 else { return .nothing }
    var sealed: [SequenceNumber] = []
    try reader.scanEdits { _, state in
      if case .inFlight(let sent) = state.delivery, !sealed.contains(sent) { sealed.append(sent) }
      return true
    }
    for sent in sealed {
      guard let entry = try reader.entry(sent) else {
        throw JournalError.damaged("the `sent` entry \(sent) is missing; run `journal verify`")
      }
      let found = try entry.plainBody.withUnsafeBytes { bytes -> InFlight? in
        let body = try Body(bytes)
        guard try body.text(.remote) == remote.name else { return nil }
        let edits = try body.ranges(.entries).flatMap { Array($0) }
        let bases = try sealedBases(body, count: edits.count)
        let strict =
          body.raw(.strict) == nil ? [] : Set(try body.ranges(.strict).joined())
        let sealed = SentBodies(context, before: sent, forms)
        let bytes = SegmentCodec.encode(
          try changes(edits, sealed, reader, as: .made(bases: bases, strict: strict)))
        guard try body.data(.digest) == [UInt8](SHA256.hash(data: bytes)) else {
          if !remote.takesEntries { return .otherwise(sent: sent, edits: edits) }
          throw JournalError.damaged(
            "the segment sealed by entry \(sent) cannot be made again as it was sent; "
              + "run `journal verify`")
        }
        return .segment(Segment(sent: sent, edits: edits, bytes: bytes, isRepeated: true))
      }
      if let found { return found }
    }
    return .nothing
  }

  /// The pending edits to send next; what is found not to apply is set aside on the way.
  private static func choose(
    _ remote: RemoteDeclaration, _ bodies: SentBodies, _ context: AppendContext,
    skipping: Set<SequenceNumber>, limit: Int
  ) throws -> [SegmentChange] {
    let ownership = try Ownership(of: remote.name, among: context.reader().remotes())
    func units(through: SequenceNumber) throws -> [[SequenceNumber]] {
      var choice = try SegmentChoice(
        ownership, bodies, context, skipping: skipping, limit: limit, maximumBytes: maximumBytes,
        through: through)
      try choice.choose()
      if !choice.dependents.isEmpty { try choice.dependents.append() }
      return choice.units
    }
    var trouble = try Trouble(of: remote.name, context.reader())
    var chosen: [[SequenceNumber]] = []
    if trouble.suspectsThrough > 0 {
      chosen = try units(through: trouble.suspectsThrough)
      // One of them is what the server fails for: half of them are without it.
      chosen.removeLast(chosen.count / 2)
      if chosen.isEmpty, skipping.isEmpty {
        trouble = Trouble()
        try trouble.store(remote.name, context)
      }
    }
    if chosen.isEmpty { chosen = try units(through: .max) }
    let reader = try context.reader()
    if !remote.takesEntries {
      // A server that knows no entries has to be asked first about what it may have carried out, and about no other.
      let doubts = try chosen.map { unit in
        try unit.contains { try reader.edit($0)?.isInDoubt == true }
      }
      chosen = Array(chosen.prefix(doubts.prefix { $0 == doubts.first }.count))
    }
    return try changes(
      chosen.flatMap { $0 }, bodies, reader,
      as: .new(
        reader.strictCollections(), takesEntries: remote.takesEntries,
        generation: reader.cursor(of: remote.name)?.generation ?? 0))
  }

  /// Whether a segment is new, or made again as it was.
  private enum Sealing {
    case new(StrictCollections, takesEntries: Bool, generation: UInt32)
    case made(bases: [SegmentChange.Base], strict: Set<SequenceNumber>)
  }

  /// The changes of a segment. Of a group that reaches into another remote's collections only the
  /// part this remote owns is here: where a group ends is told by the neighbours, not the flag.
  private static func changes(
    _ edits: [SequenceNumber], _ bodies: SentBodies, _ reader: JournalReader, as sealing: Sealing
  ) throws -> [SegmentChange] {
    var groups: [SequenceNumber] = []
    var changes: [SegmentChange] = []
    for (index, sequence) in edits.enumerated() {
      guard let state = try reader.edit(sequence) else { throw missing(sequence) }
      let (entry, edit) = try reader.decided(sequence, state)
      let base: SegmentChange.Base
      let isStrict: Bool
      switch sealing {
      case .made(let bases, let strict):
        (base, isStrict) = (bases[index], strict.contains(sequence))
      case .new(let strict, let takesEntries, let generation):
        // Of a record that was withdrawn nobody has compared the edit with what is there now.
        let isOwn = try takesEntries || bodies.isWithdrawn(edit.body)
        base = try isOwn ? self.base(of: state, reader) : bodies.base(of: edit.body)
        isStrict =
          try edit.kind.isEdit && !isWithoutHistory(edit.kind, base, generation)
          && edit.body.withUnsafeBytes { try strict.contains(recordOf: Body($0)) }
      }
      groups.append(entry.header.group)
      changes.append(
        SegmentChange(
          sequence: sequence, id: entry.header.id, kind: edit.kind,
          schema: entry.header.schema, time: entry.header.time, moreOfGroup: false, base: base,
          isStrict: isStrict, body: try sentBody(sequence, edit, bodies)))
    }
    for index in changes.indices.dropLast() where groups[index] != 0 {
      changes[index].moreOfGroup = groups[index] == groups[index + 1]
    }
    return changes
  }

  /// The body as the server is to see it: with the keys it has given and in the form it knows, and of
  /// an erasure nothing but `born`.
  static func sentBody(
    _ sequence: SequenceNumber, _ edit: DecidedEdit, _ bodies: SentBodies
  ) throws -> [UInt8] {
    guard edit.kind == .erased else { return try bodies.body(edit.body) }
    return try edit.body.withUnsafeBytes { bytes in
      guard let born = try Body(bytes).version(.born) else { throw missing(sequence) }
      var body = BodyBuilder()
      body.add(.born, version: born)
      return body.finish()
    }
  }

  static func missing(_ sequence: SequenceNumber) -> JournalError {
    .damaged("open edit \(sequence) is missing; run `journal verify`")
  }

  private static func base(
    of state: EditState, _ reader: JournalReader
  ) throws -> SegmentChange.Base {
    switch state.base {
    case .none: .none
    case .version(let version): .version(version)
    case .earlierEdit: try earlier(state.previousOpen, reader)
    }
  }

  /// Whether an edit was made in a history of the server's that is gone: whatever is there now would come to
  /// conflict with it, and nobody did that. What creates a record stands on nothing in any history.
  private static func isWithoutHistory(
    _ kind: EntryKind, _ base: SegmentChange.Base, _ generation: UInt32
  ) -> Bool {
    guard case .none = base else { return false }
    return kind == .update || kind == .delete || (kind == .put && generation > 0)
  }

  private static func sealedBases(_ body: Body, count: Int) throws -> [SegmentChange.Base] {
    guard let raw = body.raw(.bases) else { return Array(repeating: .none, count: count) }
    var reader = CBORReader(raw)
    guard try reader.arrayCount() == count else {
      throw JournalError.damaged("a `sent` entry has not one base for each edit")
    }
    return try (0..<count).map { _ in try SegmentCodec.readBase(&reader, raw) }
  }

  private static func earlier(
    _ sequence: SequenceNumber, _ reader: JournalReader
  ) throws -> SegmentChange.Base {
    guard sequence > 0, let entry = try reader.entry(sequence) else { return .none }
    return .entry(entry.header.id)
  }
}
