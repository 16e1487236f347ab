import ArgumentParser
import Journal
import Projection

struct Erase: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Erase all content of one record: bodies, salts, rows, copies.",
    discussion: """
      Proofs of everything stay valid. The erasure is an entry; the server and the other devices \
      follow at their next sync. The file is made anew, so that no free page holds what was erased; \
      while another process has the journal open that waits for `compact --rewrite`, and `stats` \
      says so.
      """)

  @OptionGroup var journal: JournalDirectory
  @Argument(help: "The record's collection.") var collection: String
  @Argument(help: "The record's id.") var id: String
  @Option(help: "Why; without personal data, for it stays.") var reason: String
  @Option(
    parsing: .singleValue, help: "An archive to erase it from as well; may be repeated.",
    completion: .file())
  var archive: [String] = []
  @Flag(help: "Do not tell the server that has the record, nor other devices.")
  var onlyHere = false
  @OptionGroup var json: JSONFlag

  func run() async throws {
    let address = try RecordAddress(collection: collection, key: id)
    let store = try OpenJournal.store(journal.directory)
    let erased: (erasure: Erasure, archives: [ErasedArchive])?
    do {
      defer { store.close() }
      erased = try await store.journal.erase(
        address, reason: reason, archives: archive,
        archiveKeys: try KeyRing(JournalKeys.encryption()), isOnlyHere: onlyHere)
    }
    guard let erased else {
      // An erasure that was cut short may have left the file to be made anew.
      if try OpenJournal.headers(journal.directory).meta(MetaKey.rewriteWanted) != nil {
        _ = try rewrite()
      }
      throw Finding.negative("nothing is known of \(collection)/\(id)")
    }
    let isRewritten = try rewrite()
    let unreached = erased.archives.filter { $0.digest == nil }.map(\.path)
    let fields: Fields = [
      "erased": JSONLines.number(erased.erasure.sequences.count),
      "archives": .array(
        erased.archives.filter { $0.digest != nil }.map { .string($0.path) }),
      "unreached": .array(unreached.map { .string($0) }), "rewritten": .bool(isRewritten),
    ]
    let output = Output()
    if json.isJSON {
      output.line(JSONLines.text(fields))
    } else {
      output.line("erased \(erased.erasure.sequences.count) entries")
      for path in unreached {
        output.line("not reached: the archive \(path); name it with --archive".terminalSafe)
      }
      if !isRewritten {
        output.line(
          "the journal is open elsewhere: free pages still hold what was erased, until "
            + "`journal compact --rewrite`")
      }
    }
    output.flush()
  }

  /// False while another process has the journal open.
  private func rewrite() throws -> Bool {
    do {
      try Store.rewrite(at: journal.directory)
      return true
    } catch JournalError.busy {
      return false
    }
  }
}
