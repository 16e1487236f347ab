import ArgumentParser
import Foundation
import Journal
import Projection
import Synchronization
import Transport

struct Sync: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Deliver pending edits and take in the server's changes, once.")

  @OptionGroup var journal: JournalDirectory
  @Argument(help: "The remote; without it all, by name.") var name: String?
  @Flag(help: "Only deliver.") var pushOnly = false
  @Flag(help: "Only take in.") var pullOnly = false
  @Flag(help: "Read the server's full state anew: records it does not show are gone.") var full =
    false
  @Flag(help: "Compare with the server by digests, and repair what differs.")
  var reconcile = false
  @Flag(help: "Let a full state or a comparison take away more than half of the records.")
  var confirmDeletions = false
  @Flag(help: "Keep the records that a full state or a comparison does not show.")
  var keepRecords = false
  @OptionGroup var json: JSONFlag

  func validate() throws {
    if pushOnly, pullOnly {
      throw ValidationError("--push-only and --pull-only exclude each other")
    }
    if pushOnly, full || reconcile {
      throw ValidationError("--full and --reconcile read from the server: not with --push-only")
    }
    if confirmDeletions, keepRecords {
      throw ValidationError("--confirm-deletions and --keep-records exclude each other")
    }
  }

  func run() async throws {
    let store = try OpenJournal.store(journal.directory)
    defer { store.close() }
    let remotes = try store.journal.read { try $0.remotes() }
    let chosen = remotes.filter { name == nil || $0.name == name }
    guard !chosen.isEmpty else {
      throw Finding.usage(
        name.map { "no remote is called \"\($0)\"" }
          ?? "no remote is declared; add one with `journal remote add`")
    }
    let proxy = try HTTPProxy(environment: ProcessInfo.processInfo.environment)
    var last: SyncAnswer?
    var failed: Failure?
    try await HTTPExchanges.withDefault(proxy: proxy) { exchange in
      for remote in chosen {
        var answer = try await sync(store, remote, exchange)
        answer.isOnly = chosen.count == 1
        say(answer)
        last = answer
        failed = failed ?? answer.failure
        // A server that does not answer is no reason to leave the others alone; what ails the journal is.
        if let failure = answer.failure, failure.status != ExitStatus.exchange { break }
      }
    }
    if !json.isJSON, let last { say(last.hints(journal.directory)) }
    if let failed { throw Finding(status: failed.status) }
  }

  /// Syncs with one remote; what fails is part of the answer.
  private func sync(
    _ store: Store, _ remote: RemoteDeclaration, _ exchange: any HTTPExchange
  ) async throws -> SyncAnswer {
    var answer = SyncAnswer(remote: remote.name, comparesDigests: reconcile)
    let failed: any Error
    do {
      let progress = SharedProgress()
      defer { progress.finish() }
      let engine = SyncEngine(
        journal: store.journal, remote: remote.name, over: try Self.server(remote, exchange),
        onProgress: { progress.update($0) })
      do {
        answer.report = try await engine.sync(
          pushOnly ? .pushOnly : pullOnly ? .pullOnly : .both, options)
        answer.unowned = try store.journal.read { try $0.unownedEdits() }
        return answer
      } catch {
        answer.report = await engine.lastReport
        answer.report.retryAfterMilliseconds = max(
          answer.report.retryAfterMilliseconds, await engine.requestedPauseMilliseconds,
          (error as? TransportError)?.retryAfterMilliseconds ?? 0)
        throw error
      }
    } catch {
      failed = error
    }
    answer.failure = Failure(failed)
    if answer.failure?.code == "unauthorized" {
      answer.failure?.next =
        remote.authorizationVariable.map {
          "the server does not take the value of \($0): it is the whole header, as in `Bearer TOKEN`; look for a "
            + "spelling mistake, then sync again"
        }
        ?? "the remote names no variable: remove it and add it again with --auth-env; nothing pending is lost by that"
    }
    do {
      try store.journal.read { try answer.count($0) }
    } catch {
      // How things stand cannot be told: then what failed is all there is to say.
      throw failed
    }
    return answer
  }

  private func say(_ answer: SyncAnswer) {
    if let failure = answer.failure {
      Diagnostics.error(answer.isOnly ? failure.message : "\(answer.remote): \(failure.message)")
      if !json.isJSON { Diagnostics.note("journal: next: \(failure.next)".terminalSafe) }
    }
    guard json.isJSON else { return say(answer.lines) }
    say([JSONLines.text(answer.object)])
  }

  private func say(_ lines: [String]) {
    let output = Output()
    for line in lines { json.isJSON ? output.line(line) : output.show(line) }
    output.flush()
  }

  private var options: SyncEngine.Options {
    var options: SyncEngine.Options = []
    if full { options.insert(.fullState) }
    if reconcile { options.insert(.reconciling) }
    if confirmDeletions { options.insert(.confirmingDeletions) }
    if keepRecords { options.insert(.keepingRecords) }
    return options
  }

  private static func server(
    _ remote: RemoteDeclaration, _ exchange: any HTTPExchange
  ) throws -> any Remote {
    let authorization = try authorization(remote.authorizationVariable)
    switch remote.kind {
    case "journal":
      return try JournalServer(
        url: remote.url, exchange: exchange, filters: remote.filters, authorization: authorization)
    case "rest":
      return try RESTServer(
        url: remote.url, collections: remote.collections, settings: RESTSettings(remote.options),
        exchange: exchange, authorization: authorization)
    case "kinto":
      return try KintoServer(
        url: remote.url, collections: remote.collections, settings: KintoSettings(remote.options),
        exchange: exchange, authorization: authorization)
    default:
      throw Finding.usage(
        "remote \"\(remote.name)\" is of kind \(remote.kind), which this release does not speak")
    }
  }

  /// The value is read when the command runs, kept in memory, and written nowhere.
  private static func authorization(
    _ variable: String?
  ) throws -> @Sendable () async throws -> String? {
    guard let variable else { return { nil } }
    guard let value = ProcessInfo.processInfo.environment[variable], !value.isEmpty else {
      throw Finding(
        status: ExitStatus.usage, message: "the environment variable \(variable) is not set",
        next: "put the Authorization header's value into \(variable), then sync again")
    }
    return { value }
  }
}

/// The line of progress of a sync, from any thread.
private final class SharedProgress: Sendable {
  private let line = Mutex<(phase: SyncProgress.Phase, line: Progress)?>(nil)

  func update(_ progress: SyncProgress) {
    line.withLock { line in
      if line?.phase != progress.phase {
        line?.line.finish()
        line = (progress.phase, Progress(Self.label(progress.phase)))
      }
      line?.line.update(progress.done, of: progress.total)
    }
  }

  func finish() {
    line.withLock { line in
      line?.line.finish()
      line = nil
    }
  }

  private static func label(_ phase: SyncProgress.Phase) -> String {
    switch phase {
    case .pushing: "delivering"
    case .pulling: "taking in"
    case .fullState: "full state"
    case .reconciling: "repairing"
    }
  }
}
