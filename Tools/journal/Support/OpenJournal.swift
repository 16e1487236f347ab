import ArgumentParser
import Foundation
import Journal
import Projection

/// Ways the verbs open a journal.
enum OpenJournal {
  /// A view for reading only: page by page with every byte checked, never mapped, so that no
  /// damage can end the process. Works while another process writes.
  static func reader(_ path: String) throws -> JournalReader {
    try JournalReader(PagedReader.open(directory: path))
  }

  static func snapshot(_ path: String, at moment: MomentArgument?) throws -> Snapshot {
    let reader = try reader(path)
    guard let moment else { return Snapshot(reader) }
    return try Snapshot(reader, at: moment.moment.sequence(in: reader))
  }

  /// A handle for writing.
  static func store(_ path: String) throws -> Store {
    try Store.open(at: path)
  }
}

/// `--at`: all digits are a sequence, anything else a time.
struct MomentArgument: ExpressibleByArgument {
  let moment: Moment

  init?(argument: String) {
    if !argument.isEmpty, argument.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
      guard let sequence = UInt64(argument) else { return nil }
      moment = .sequence(sequence)
    } else if let time = Timestamp(argument) {
      moment = .time(time)
    } else {
      return nil
    }
  }

  static var allValueStrings: [String] { [] }
  static var defaultCompletionKind: CompletionKind { .default }
}

/// The directory a verb works on.
struct JournalDirectory: ParsableArguments {
  @Argument(help: "The journal's directory.", completion: .directory)
  var directory: String
}

struct JSONFlag: ParsableArguments {
  @Flag(name: .customLong("json"), help: "Print JSON for programs.")
  var isJSON = false
}
