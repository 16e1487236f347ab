import ArgumentParser
import Foundation
import Journal
import Projection

/// Ways the verbs open a journal.
enum OpenJournal {
  /// A view for reading only: page by page with every byte checked, never mapped, so that no
  /// damage can end the process. Works while another process writes.
  static func reader(_ path: String) throws -> JournalReader {
    try unlock(headers(path))
  }

  /// The same, without a key: of an encrypted journal only headers, hashes and counts can be read.
  static func headers(_ path: String) throws -> JournalReader {
    if let pack = pack(path) { return try JournalReader(PackReader(path: pack)) }
    return try JournalReader(PagedReader.open(directory: path))
  }

  /// The file a path leads to, symbolic links resolved; nil where it is no file.
  static func pack(_ path: String) -> String? {
    let resolved = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: resolved, isDirectory: &isDirectory),
      !isDirectory.boolValue
    else { return nil }
    return resolved
  }

  /// Makes a view of an encrypted journal readable by the keys this run was given.
  static func unlock(_ reader: JournalReader) throws -> JournalReader {
    if try JournalKeys.areNeeded(isSealed: reader.identity.isSealed) {
      try KeyRing(JournalKeys.encryption()).unlock(reader)
    }
    return reader
  }

  static func snapshot(_ path: String, at moment: MomentArgument?) throws -> Snapshot {
    let reader = try reader(path)
    if moment == nil, reader.storage.holdsFold { return Snapshot(reader) }
    let sequence = try moment?.moment.sequence(in: reader) ?? reader.head.lastSequence
    return try Snapshot(reader, at: sequence)
  }

  /// Folds what a pack holds; nil for a journal, whose folded rows are stored.
  static func fold(_ reader: JournalReader) throws -> MemoryFoldState? {
    if reader.storage.holdsFold { return nil }
    return try Replay.fold(reader, through: reader.head.lastSequence, with: RecordFolder())
  }

  /// A handle for writing.
  static func store(_ path: String) throws -> Store {
    try Store.open(at: path, configuration: JournalKeys.opening(path))
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

/// The journal's directory, or the pack, that a verb reads.
struct JournalOrPack: ParsableArguments {
  @Argument(help: "The journal's directory, or a pack or archive made of it.", completion: .file())
  var directory: String
  @OptionGroup var keys: KeyOption
}

/// The directory a verb works on.
struct JournalDirectory: ParsableArguments {
  @Argument(help: "The journal's directory.", completion: .directory)
  var directory: String
  @OptionGroup var key: KeyOption
}

struct JSONFlag: ParsableArguments {
  @Flag(name: .customLong("json"), help: "Print JSON for programs.")
  var isJSON = false
}
