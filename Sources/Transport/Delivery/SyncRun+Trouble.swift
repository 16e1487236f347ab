import Journal

/// Requests that fail as a whole: the edit a server fails for is found by halving, and set aside.
extension SyncRun {
  /// The only edits a server was seen to fail for, left out to see whether it fails for others too.
  struct Suspect: Sendable {
    var segment: Segment
    var failure: PushFailure
  }

  /// - Throws: The failure, where nothing is to be done about it now.
  mutating func search(_ segment: Segment, _ failure: PushFailure) async throws {
    let (name, isControl) = (declaration.name, suspect != nil)
    let step = try await journal.transact { context in
      let reader = try context.reader()
      var trouble = try Trouble(of: name, reader)
      let step = trouble.step(
        after: failure, of: segment, units: try segment.unitCount(reader), isControl: isControl)
      switch step {
      case .giveUp: break
      case .split:
        try context.append(
          segment.release(because: failure.isInDoubt ? .splitInDoubt : .split, from: name))
      case .setBack: try context.append(segment.release(because: .setBackInDoubt, from: name))
      case .park: try Self.park(segment, failure, name, context)
      }
      try trouble.store(name, context)
      return step
    }
    if step != .giveUp { hasAppended = true }
    switch step {
    case .giveUp: throw failure.error
    case .split, .park: break
    case .setBack:
      suspect = Suspect(segment: segment, failure: failure)
      postponed.formUnion(segment.edits)
    }
  }

  /// What was sent before, and is let go of without an answer once more, may have been carried out the first time.
  func noteDoubt(about segment: Segment) async throws {
    guard segment.isRepeated, !declaration.takesEntries else { return }
    let name = declaration.name
    try await journal.transact { context in
      var trouble = try Trouble(of: name, context.reader())
      trouble.noteDoubt(about: segment)
      try trouble.store(name, context)
    }
  }

  /// The server has judged a request: a suspect that was left out for it is set aside.
  mutating func noteSuccess() async throws {
    let (name, suspect) = (declaration.name, suspect)
    guard try journal.read({ try $0.meta(MetaKey.trouble(name)) }) != nil else { return }
    try await journal.transact { context in
      var trouble = try Trouble(of: name, context.reader())
      trouble.noteSuccess()
      if let suspect { try Self.park(suspect.segment, suspect.failure, name, context) }
      try trouble.store(name, context)
    }
    self.suspect = nil
  }

  private static func park(
    _ segment: Segment, _ failure: PushFailure, _ remote: String, _ context: AppendContext
  ) throws {
    try context.append(
      .parking(
        poison: segment.edits, message: failure.parkingMessage, remote: remote,
        sent: segment.sent))
  }
}
