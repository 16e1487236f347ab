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
    do {
      return try JournalReader(PagedReader.open(directory: path))
    } catch JournalError.cannotOpen(let reason) {
      throw JournalError.cannotOpen(reason + journalsInside(path))
    }
  }

  /// Where a directory is no journal but holds some, as that of a server with accounts does, which ones.
  static func journalsInside(_ path: String) -> String {
    let inside: [String]
    // What cannot be listed was said to be unreadable already.
    do { inside = try FileManager.default.contentsOfDirectory(atPath: path) } catch { return "" }
    let names = inside.sorted().filter {
      FileManager.default.fileExists(atPath: "\(path)/\($0)/data.mdb")
    }
    guard let first = names.first else { return "" }
    let rest = names.count > 1 ? " and \(names.count - 1) more" : ""
    return ". There are journals inside it: \(path)/\(first)\(rest)"
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

  /// Makes durable what a view has shown, before anybody sees it: a writer may be at work that does
  /// not sync every commit. The view cannot be used afterwards.
  static func endShowing(_ reader: JournalReader, _ path: String) throws {
    guard let pages = reader.storage as? PagedReader else { return }
    pages.close()
    try Journal.makeDurable(at: path)
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
  static func store(_ path: String, durability: Durability = .standard) throws -> Store {
    var configuration = try JournalKeys.opening(path)
    configuration.durability = durability
    return try Store.open(at: path, configuration: configuration)
  }
}

/// `--durability`: `every-commit`, `pinned`, or `pinned:` and the seconds a power cut may take.
struct DurabilityArgument: ExpressibleByArgument {
  let durability: Durability

  init(durability: Durability) {
    self.durability = durability
  }

  init?(argument: String) {
    let parts = argument.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    switch (parts[0], parts.count) {
    case ("every-commit", 1): durability = .everyCommit
    case ("pinned", 1): durability = .pinnedSnapshot(interval: .seconds(1))
    case ("pinned", 2):
      guard let seconds = Double(parts[1]), seconds > 0, seconds <= 3600 else { return nil }
      durability = .pinnedSnapshot(interval: .seconds(seconds))
    default: return nil
    }
  }

  var defaultValueDescription: String {
    durability == .everyCommit ? "every-commit" : "pinned:1"
  }

  static var allValueStrings: [String] { [] }
  static var defaultCompletionKind: CompletionKind { .list(["every-commit", "pinned"]) }
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
