import ArgumentParser
import Foundation
import Journal
import Projection
import Transport

struct RemoteVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remote", abstract: "Add, list, filter and remove servers.",
    subcommands: [Add.self, List.self, FilterVerb.self, Remove.self])

  struct Add: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Declare a server.")

    @OptionGroup var journal: JournalDirectory
    @Argument(help: "A name for it here.") var name: String
    @Option(help: "What it speaks: journal, kinto, or rest for plain records.") var kind: String
    @Option(help: "Its address: https, or http on this machine.") var url: String
    @Option(help: "A collection it owns; without any it owns what no other names.")
    var collection: [String] = []
    @Option(help: "The environment variable that holds the Authorization header's value.")
    var authEnv: String?
    @OptionGroup var filters: FilterOptions

    @OptionGroup(title: "Options of kind rest") var rest: RESTOptions
    @OptionGroup(title: "Options of kind kinto") var kinto: KintoOptions

    func run() async throws {
      let options: Fields
      switch kind {
      case "journal":
        guard rest.isEmpty else {
          throw Finding.usage("a remote of kind journal has no options of kind rest")
        }
        options = Fields()
      case "kinto":
        guard rest.onlyOverlap else {
          throw Finding.usage("a remote of kind kinto has no options of kind rest but --overlap")
        }
        guard !collection.isEmpty else {
          throw Finding.usage("a remote of kind kinto has to name its collections: --collection C")
        }
        options = try kinto.settings(overlap: rest.overlap).options
      case "rest":
        guard !collection.isEmpty else {
          throw Finding.usage("a remote of kind rest has to name its collections: --collection C")
        }
        options = try rest.settings().options
      default:
        throw Finding.usage(
          "no kind of remote is called \"\(kind)\"; this release has: journal, kinto, rest")
      }
      guard kind == "kinto" || kinto.isEmpty else {
        throw Finding.usage("--bucket is an option of kind kinto")
      }
      try RemoteURL.check(url)
      let declaration = try RemoteDeclaration(
        name: name, kind: kind, url: url, collections: collection,
        authorizationVariable: authEnv, options: options, filters: try filters.filters())
      let store = try OpenJournal.store(journal.directory)
      defer { store.close() }
      try await store.journal.declare(declaration)
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print the declared servers.")

    @OptionGroup var journal: JournalDirectory
    @OptionGroup var json: JSONFlag

    func run() throws {
      let output = Output()
      for remote in try OpenJournal.reader(journal.directory).remotes() {
        var fields: Fields = [
          "name": .string(remote.name), "kind": .string(remote.kind), "url": .string(remote.url),
          "collections": .array(remote.collections.map { .string($0) }),
        ]
        if let variable = remote.authorizationVariable { fields["authEnv"] = .string(variable) }
        for (name, value) in remote.options { fields[name] = value }
        if !remote.filters.isEmpty { fields["filters"] = try FilterOptions.shown(remote.filters) }
        var parts = [remote.name, remote.kind, remote.url]
        parts.append(
          remote.collections.isEmpty
            ? "(all other collections)" : remote.collections.joined(separator: ", "))
        if let variable = remote.authorizationVariable {
          parts.append("authorization from \(variable)")
        }
        if !remote.filters.isEmpty { parts.append(try FilterOptions.text(remote.filters)) }
        json.isJSON ? output.line(JSONLines.text(fields)) : output.show(parts)
      }
      output.flush()
    }
  }

  struct FilterVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "filter",
      abstract: "Ask a server for other records than before; without --filter for all of them.",
      discussion: """
        The next sync reads what is asked for now. Records outside of it go from here and stay at the server; edits \
        that wait are delivered all the same.
        """)

    @OptionGroup var journal: JournalDirectory
    @Argument(help: "Its name here.") var name: String
    @OptionGroup var filters: FilterOptions

    func run() async throws {
      let store = try OpenJournal.store(journal.directory)
      defer { store.close() }
      try await store.journal.filter(name, by: filters.filters())
    }
  }

  struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Remove a server; what is not delivered stays pending.")

    @OptionGroup var journal: JournalDirectory
    @Argument(help: "Its name here.") var name: String

    func run() async throws {
      let store = try OpenJournal.store(journal.directory)
      defer { store.close() }
      try await store.journal.removeRemote(name)
    }
  }
}
