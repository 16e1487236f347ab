import Journal
import Projection
import Transport

func keepNotes(at path: String, server: String?) async throws -> [String] {
  // A journal is a directory. Writes are durable when they return, and all or nothing.
  let store = try Store.create(at: path, label: "laptop")
  defer { store.close() }
  try await store.write(by: "mia", because: "shopping") { tx in
    try tx.create("notes", "n1", ["title": "Milk", "done": false])
    try tx.create("notes", "n2", ["title": "Bread", "done": false])
  }
  let bought = try await store.write(by: "mia") { tx in
    try tx.update("notes", "n1", set: ["done": true])
  }

  // Reads see one moment: the present, or any earlier one.
  let open = try store.read { try $0.query(Query("notes", where: [.init("done", .equal, false)])) }
  let before = try store.read(at: .sequence(bought.sequences[0] - 1)) { try $0.get("notes", "n1") }
  print(open.map(\.key), before?["done"] ?? .null)

  // One call delivers and takes in; it may fail at any instant and loses nothing.
  if let server {
    try await store.journal.declare(.init(name: "main", kind: "journal", url: server))
    try await HTTPExchanges.withDefault { exchange in
      let remote = try JournalServer(url: server, exchange: exchange)
      let report = try await SyncEngine(journal: store.journal, remote: "main", over: remote).sync()
      print(report.accepted, report.pulled, report.pending)
    }
  }

  // Who did what, and a signed head that proves nobody changed it since.
  for entry in try store.read({ try $0.entries(about: "notes", "n1") }) {
    print(entry.kind, entry.members)
  }
  print(try store.journal.checkpoint(), try store.verify().problems)
  return open.map(\.key)
}
