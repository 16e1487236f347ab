import Foundation
import Journal
import Projection
import TestKit
import Testing

@Suite struct `A collection of values` {
  struct Window: Codable, Sendable, Equatable {
    var width: Int
    var title: String?
  }

  @Test func `keeps each value under its key, of the type the caller names`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "a")
    defer { store.close() }
    let settings = store.values("settings")
    try await settings.set(true, for: "isDark")
    try await settings.set(Window(width: 800, title: "Notes"), for: "window", by: "mia")
    try await settings.set(["a", "b"], for: "tags")
    try await settings.set(Date(timeIntervalSince1970: 1.5), for: "since")
    #expect(try settings.get("isDark", as: Bool.self) == true)
    #expect(try settings.get("window") == Window(width: 800, title: "Notes"))
    #expect(try settings.get("tags") == ["a", "b"])
    #expect(try settings.get("since") == Date(timeIntervalSince1970: 1.5))
    #expect(try settings.get("missing", as: Int.self) == nil)
    let error = #expect(throws: JournalError.self) { try settings.get("tags", as: Int.self) }
    #expect(error?.description.contains("settings/tags") == true)
    #expect(try settings.keys == ["isDark", "since", "tags", "window"])
    #expect(try await settings.remove("tags"))
    #expect(try await !settings.remove("tags"))
    #expect(try settings.keys == ["isDark", "since", "window"])
    #expect(try store.problems() == [])
  }

  @Test func `lists values of one type, and is part of a larger write`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "a")
    defer { store.close() }
    try await store.write { tx in
      try tx.set(1, for: "one", in: "numbers")
      try tx.set(2, for: "two", in: "numbers")
      try tx.set(3, for: "two", in: "numbers")
      try tx.set(4, for: "gone", in: "numbers")
      try tx.removeValue(for: "gone", in: "numbers")
    }
    let all = try store.values("numbers").all(as: Int.self)
    #expect(all.map(\.key) == ["one", "two"])
    #expect(all.map(\.value) == [1, 3])
    #expect(try store.read { try $0.value("numbers", "two") } == 3)
    #expect(try store.problems() == [])
  }

  @Test
  func `S-AL-17 does not see another whose name begins alike, and keeps its rows when reopened`()
    async throws
  {
    let scratch = try Scratch()
    let path = scratch("j")
    var store = try Store.create(at: path, label: "a")
    try await store.values("a").set("first", for: "1")
    try await store.values("a-b").set("other", for: "1")
    try await store.values("a").set("b-second", for: "b-2")
    #expect(try store.values("a").keys == ["1", "b-2"])
    #expect(try store.values("a-b").keys == ["1"])
    store.close()
    store = try Store.open(at: path)
    defer { store.close() }
    // The first write after the reopening leaves the earlier rows.
    try await store.values("a").set("third", for: "3")
    #expect(
      try store.values("a").all(as: String.self).map(\.value) == ["first", "third", "b-second"])
    #expect(try store.values("a-b").all(as: String.self).map(\.value) == ["other"])
    #expect(try store.problems() == [])
  }
}
