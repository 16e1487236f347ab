import Journal

/// Delivers the changes of one segment in batches.
///
/// An answer that was lost leaves nothing in doubt for long: what is asked again names the version it
/// stands on, and the state that answers a failed precondition shows whether the first attempt was
/// carried out.
struct KintoPush {
  private let server: KintoServer
  private var units: [KintoUnit] = []
  private var settled: [Int: Verdict]
  private let count: Int
  /// Most requests sent at once, and how many about a collection in which others are busy.
  private let batch: Int
  private var sizes: [String: Int] = [:]
  /// Batches in a row that came to nothing.
  private var fruitless = 0
  /// Why the exchange ended early.
  private(set) var failure: TransportError?
  /// The same, where it may be the doing of an edit in the batch.
  private var poison: PushFailure?
  private var retryAfter: UInt64 = 0

  private static let fruitlessLimit = 16
  /// Leaves room for what a proxy adds.
  private static let maximumBytes = HTTPLimits.requestBytes - 64 << 10

  init(server: KintoServer, changes: [SegmentChange], batch: Int) throws {
    self.server = server
    self.batch = batch
    count = changes.count
    let (requests, verdicts) = try CoalescedEdit.requests(of: changes, refusal: KintoCodec.refusal)
    settled = verdicts
    units = requests.map { KintoUnit($0, path: server.path($0.collection, $0.key)) }
  }

  /// One for each change, in the segment's order; what was not answered is to be sent again.
  var verdicts: [Verdict] {
    var all = settled
    for unit in units { all.merge(unit.verdicts) { first, _ in first } }
    return (0..<count).map { all[$0] ?? .retry(afterMilliseconds: retryAfter) }
  }

  /// What the push came to.
  var answer: PushAnswer {
    guard let failure else { return .judged(verdicts: verdicts, size: 0) }
    let verdicts = verdicts
    let isUntouched = verdicts.allSatisfy { if case .retry = $0 { true } else { false } }
    // What the server has judged is written down first; what it fails for leads the next push.
    if isUntouched, let poison { return .failed(poison) }
    return .interrupted(verdicts: verdicts, by: failure)
  }

  mutating func deliver() async throws {
    while failure == nil {
      var open: [(unit: Int, request: KintoRequest)] = []
      for index in units.indices {
        if let request = try units[index].request() { open.append((index, request)) }
      }
      guard !open.isEmpty else { return }
      // One busy collection must not take back what was done in another.
      var byCollection: [String: [(unit: Int, request: KintoRequest)]] = [:]
      var order: [String] = []
      for one in open {
        let collection = units[one.unit].collection
        if byCollection[collection] == nil { order.append(collection) }
        byCollection[collection, default: []].append(one)
      }
      for collection in order {
        var rest = (byCollection[collection] ?? [])[...]
        while !rest.isEmpty, failure == nil { try await sendFirst(of: &rest, collection) }
      }
    }
  }

  /// Sends as many of the requests as go in one batch, and takes what they were answered.
  private mutating func sendFirst(
    of rest: inout ArraySlice<(unit: Int, request: KintoRequest)>, _ collection: String
  ) async throws {
    var chunk = Array(rest.prefix(sizes[collection] ?? batch))
    var body = KintoServer.encode(chunk.map(\.request))
    while body.count > Self.maximumBytes, chunk.count > 1 {
      chunk = Array(chunk.prefix((chunk.count + 1) / 2))
      body = KintoServer.encode(chunk.map(\.request))
    }
    rest = rest.dropFirst(chunk.count)
    do {
      switch try await server.send(chunk.map(\.request), encoded: body) {
      case .answers(let answers):
        fruitless = 0
        for (one, answer) in zip(chunk, answers) {
          try units[one.unit].take(answer, to: one.request)
        }
      case .unknown: cutDown(collection, chunk.count)
      case .tooLarge(let answer):
        guard chunk.count == 1 else { return cutDown(collection, chunk.count) }
        let said = String(decoding: answer.body.prefix(400), as: UTF8.self)
        for one in chunk {
          units[one.unit].refuse(code: "http-\(answer.status)", message: said)
        }
      case .failed(let error, let poison):
        (failure, self.poison) = (error, poison)
        retryAfter = error.retryAfterMilliseconds ?? 0
      }
    } catch let error as TransportError {
      failure = error
    }
  }

  /// Fewer at once: they are asked for again, and meet less of what others do.
  private mutating func cutDown(_ collection: String, _ size: Int) {
    sizes[collection] = max(1, size / 2)
    fruitless += 1
    if fruitless >= Self.fruitlessLimit {
      failure = .unavailable(
        "\(server.url) could not carry out a batch in \(fruitless) attempts: others write to the same "
          + "collection. Sync again later")
    }
  }
}
