import Journal
import Transport

/// What is taken in.
extension RemoteConformance {
  static let feedCases: [Case] = [
    Case(name: "pages resume") { run in
      let expected = try await run.fill(11)
      let device = try run.makeDevice()
      let read = try await device.read(limit: 3)
      run.expect(read.changes.live == expected, "in pages of 3 the feed shows \(read.changes.live)")
      // From the cursor of each page on nothing is missed.
      var cursor: String?
      var seen: [FeedChange] = []
      for _ in 0..<20 {
        let page = try await run.remote.changes(after: cursor, limit: 3, device: device.id)
        seen += page.changes
        let rest = try await run.makeDevice().read(after: page.cursor, limit: 100).changes
        let whole = (seen + rest).live
        run.expect(whole == expected, "behind \(seen.count) changes the rest comes to \(whole)")
        cursor = page.cursor
        if !page.hasMore { break }
      }
    },
    Case(name: "the same page twice is the same") { run in
      _ = try await run.fill(5)
      let device = try run.makeDevice()
      let first = try await run.remote.changes(after: nil, limit: 3, device: device.id)
      let again = try await run.remote.changes(after: nil, limit: 3, device: device.id)
      run.expect(first.changes == again.changes, "the same page shows other changes")
      let second = try await device.read(after: first.cursor).changes
      let other = try await device.read(after: again.cursor).changes
      run.expect(second.live == other.live, "behind the same page other changes come")
    },
    Case(name: "a quiet feed stays where it is") { run in
      _ = try await run.fill(3)
      let device = try run.makeDevice()
      // The first look from a cursor may show once more what a server cannot be sure of.
      var read = try await device.read()
      let known = Set(read.changes.map { "\($0.key) \($0.version)" })
      read = try await device.read(after: read.cursor)
      run.expect(
        read.changes.allSatisfy { known.contains("\($0.key) \($0.version)") },
        "changes come that nobody made")
      let again = try await device.read(after: read.cursor)
      run.expect(again.cursor == read.cursor, "the cursor moves though nothing happens")
    },
    Case(name: "equal stamps over a page's end") { run in
      try run.need(try await run.subject.stopClock())
      let expected = try await run.fill(8)
      let device = try run.makeDevice()
      let live = try await device.read(limit: 3).changes.live
      run.expect(live == expected, "of \(expected.count) records \(live.count) are shown")
    },
    Case(name: "what others change and delete is shown") { run in
      _ = try await run.fill(3)
      let device = try run.makeDevice()
      let read = try await device.read()
      try await run.subject.write("r0", nil)
      try await run.subject.write("r1", ["n": "changed"])
      try await run.subject.write("new", ["n": "new"])
      let rest = try await device.read(after: read.cursor).changes
      let live = (read.changes + rest).live
      let expected: [String: Fields] = [
        "r1": ["n": "changed"], "r2": ["n": 2], "new": ["n": "new"],
      ]
      run.expect(live == expected, "after others' changes the feed comes to \(live)")
      run.expect(
        rest.contains { $0.key == "r0" && $0.state == .deleted }, "the deletion is not shown")
    },
    Case(name: "versions of a record grow") { run in
      let device = try run.makeDevice()
      var last: ServerVersion?
      var cursor: String?
      for number in 0..<4 {
        try await run.subject.write("one", ["n": .integer(Int64(number))])
        let read = try await device.read(after: cursor)
        let newest = read.changes.map(\.version).max()
        run.expect(
          newest != nil && newest ?? .zero > last ?? .zero,
          "change \(number) has version \(newest ?? .zero) after \(last ?? .zero)")
        (last, cursor) = (newest, read.cursor)
      }
    },
    Case(name: "a restart changes nothing") { run in
      let expected = try await run.fill(5)
      let device = try run.makeDevice()
      let before = try await run.remote.info(device: device.id).epoch
      let page = try await run.remote.changes(after: nil, limit: 2, device: device.id)
      try run.need(try await run.subject.restart())
      let rest = try await device.read(after: page.cursor).changes
      run.expect(
        (page.changes + rest).live == expected, "over a restart the feed comes to \(rest.live)")
      let after = try await run.remote.info(device: device.id).epoch
      run.expect(before == after, "after a restart the server's history has another name")
    },
    Case(name: "a cursor that is none is refused or begins anew") { run in
      let expected = try await run.fill(3)
      for cursor in ["", "nonsense", "\u{1F9E8}", String(repeating: "x", count: 10_000)] {
        await run.expectRefusedOrWhole(cursor, expected)
      }
    },
    Case(name: "a cursor of another server is refused or begins anew") { run in
      let expected = try await run.fill(3)
      let other = try await run.harness.makeSubject()
      for number in 0..<3 { try await other.write("o\(number)", ["n": "other"]) }
      let cursor = try await ConformanceDevice(other.remote).read().cursor
      await other.close()
      await run.expectRefusedOrWhole(cursor, expected)
    },
    Case(name: "a page has no more than was asked for") { run in
      _ = try await run.fill(7)
      let device = try run.makeDevice()
      let page = try await run.remote.changes(after: nil, limit: 2, device: device.id)
      run.expect(
        page.changes.count <= 2 || !page.hasMore,
        "asked for 2 changes it gives \(page.changes.count) and says there is more")
    },
  ]
}

extension ConformanceRun {
  /// Records somebody else writes.
  func fill(_ count: Int) async throws -> [String: Fields] {
    var expected: [String: Fields] = [:]
    for number in 0..<count {
      let fields: Fields = ["n": .integer(Int64(number))]
      try await subject.write("r\(number)", fields)
      expected["r\(number)"] = fields
    }
    return expected
  }

  /// Expects a cursor the server did not give to be refused in words the engine knows, or to lead to
  /// everything there is.
  mutating func expectRefusedOrWhole(_ cursor: String, _ expected: [String: Fields]) async {
    let name = cursor.count > 40 ? "a cursor of \(cursor.count) characters" : "cursor \"\(cursor)\""
    do {
      let live = try await makeDevice().read(after: cursor).changes.live
      expect(live == expected, "\(name) leads to \(live.count) of \(expected.count) records")
    } catch let error as TransportError {
      expect(
        ["cursor-unknown", "resync-required"].contains(error.code),
        "\(name) fails as \(error.code)")
    } catch {
      messages.append("\(name) fails with \(type(of: error)), which is no TransportError")
    }
  }
}

extension ServerVersion {
  fileprivate static let zero = ServerVersion(timestamp: 0, tieBreak: 0)
}
