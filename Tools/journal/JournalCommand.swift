import ArgumentParser
import Foundation
import Journal

/// The `journal` command.
@main
struct JournalCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "journal",
    abstract: "Record, sync, inspect, prove and compact journals of changes.",
    discussion: """
      A journal is a directory. Answers go to standard output, diagnostics to standard error.
      Exit codes: 0 done, 1 negative finding, 2 journal not usable, 3 exchange not completed, \
      4 below the horizon, 64 usage or input.
      """,
    version: "0.1.0",
    subcommands: [
      Init.self, Append.self, Log.self, Get.self, QueryVerb.self, Export.self, History.self,
      BlameVerb.self, Diff.self, Generate.self,
      Stats.self, Pending.self, Parked.self, Retry.self, Discard.self, Conflicts.self,
      Decide.self,
      RemoteVerb.self, Sync.self, Compact.self,
      Erase.self, Rekey.self, Verify.self, CheckpointVerb.self, Key.self, Prove.self, Leaves.self,
      Pack.self, Serve.self, ReplayVerb.self,
      Compare.self,
    ])

  static func main() async {
    FatalSignals.install()
    do {
      var command = try parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch let finding as Finding {
      if let failure = Failure(finding) {
        failure.report()
      } else if let message = finding.message {
        Diagnostics.error(message)
      }
      Foundation.exit(finding.status)
    } catch {
      let code = exitCode(for: error)
      if code == .validationFailure, Failure.isJSONWanted {
        let output = Output()
        output.line(JSONLines.text(Failure(usage: message(for: error)).object))
        output.flush()
      }
      if code == .success || code == .validationFailure || error is ExitCode {
        exit(withError: error)
      }
      guard let failure = Failure(error) else { exit(withError: error) }
      failure.report()
      Foundation.exit(failure.status)
    }
  }
}
