import Journal
import Transport

/// What is pushed.
extension RemoteConformance {
  static let deliveryCases: [Case] = [
    Case(name: "info works") { run in
      let device = try run.makeDevice()
      let first = try await run.remote.info(device: device.id)
      let second = try await run.remote.info(device: device.id)
      run.expect(!first.epoch.isEmpty, "the server's history has no name")
      run.expect(first.epoch == second.epoch, "the server's history has another name at once")
      run.expect(
        first.acknowledgedSize == 0, "it acknowledges \(first.acknowledgedSize) of a new device")
    },
    Case(name: "a push is accepted and seen") { run in
      var device = try run.makeDevice()
      let fields: Fields = ["n": 1, "text": "é", "list": [1, 1.5, .null]]
      _ = try await run.create(&device, "first", fields)
      try await run.expectRecords([fields], "after a create")
      let live = try await device.read().changes.live
      run.expect(Array(live.values) == [fields], "after a create the feed shows \(live)")
    },
    Case(name: "the same push twice is the same") { run in
      var device = try run.makeDevice()
      let edit = try device.edit(
        .put(fields: ConformanceDevice.fields(["n": 1])), run.collection, "first")
      let first = try await device.push([edit])
      let second = try await device.push([edit], isRepeated: true)
      run.expect(
        first.allSatisfy(\.isAcknowledged) && second.allSatisfy(\.isAcknowledged),
        "the push is answered with \(first), the same again with \(second)")
      try await run.expectRecords([["n": 1]], "after the same push twice")
      let live = try await device.read().changes.live
      run.expect(live.count == 1, "after the same push twice the feed shows \(live)")
    },
    Case(name: "two edits of one record") { run in
      var device = try run.makeDevice()
      guard let (key, version) = try await run.create(&device, "first", ["a": 1, "b": 1]) else {
        return
      }
      let first = try device.edit(
        .update(set: ConformanceDevice.fields(["a": 2]), unset: []), run.collection, key,
        base: .version(version))
      let second = try device.edit(
        .update(set: ConformanceDevice.fields(["b": 3]), unset: []), run.collection, key,
        base: .entry(first.id))
      let verdicts = try await run.pushAll(&device, [first, second])
      run.expect(
        verdicts.allSatisfy(\.isAcknowledged), "two edits are answered with \(verdicts)")
      try await run.expectRecords([["a": 2, "b": 3]], "after two edits")
    },
    Case(name: "a field can be taken away") { run in
      var device = try run.makeDevice()
      guard let (key, version) = try await run.create(&device, "first", ["a": 1, "b": 1]) else {
        return
      }
      let edit = try device.edit(
        .update(set: nil, unset: ["b"]), run.collection, key, base: .version(version))
      _ = try await device.push([edit])
      try await run.expectRecords([["a": 1]], "after a field was taken away")
    },
    Case(name: "a missing record can be deleted") { run in
      var device = try run.makeDevice()
      guard let (key, version) = try await run.create(&device, "first", ["n": 1]) else { return }
      for attempt in ["a deletion", "another deletion"] {
        let edit = try device.edit(.delete, run.collection, key, base: .version(version))
        let verdicts = try await device.push([edit])
        run.expect(
          verdicts.allSatisfy(\.isAcknowledged), "\(attempt) is answered with \(verdicts)")
      }
      try await run.expectRecords([], "after two deletions")
    },
    Case(name: "a refusal stops no other edit") { run in
      try run.need(try await run.subject.refuse("bad"))
      var device = try run.makeDevice()
      let edits = try ["good", "bad", "better"].map { key in
        try device.edit(
          .put(fields: ConformanceDevice.fields(["is": .string(key)])), run.collection, key)
      }
      let verdicts = try await run.pushAll(&device, edits)
      run.expect(
        verdicts.map(\.isAcknowledged) == [true, false, true],
        "an edit between two others that is to be refused is answered with \(verdicts)")
      if verdicts.count == 3, case .refused(let code, let message) = verdicts[1] {
        run.expect(!code.isEmpty && !message.isEmpty, "the refusal gives no reason")
      }
      try await run.expectRecords([["is": "better"], ["is": "good"]], "after a refusal")
    },
    Case(name: "a lost answer doubles nothing") { run in
      var device = try run.makeDevice()
      try await device.synchronise()
      let edit = try device.edit(
        .create(fields: ConformanceDevice.fields(["n": 1])), run.collection, "first")
      try run.need(try await run.subject.loseNextAnswer())
      await run.expectFailure(["unreachable", "unavailable"], "a lost answer") {
        var device = device
        _ = try await device.push([edit])
      }
      let verdicts = try await device.push([edit], isRepeated: true)
      run.expect(
        verdicts.allSatisfy(\.isAcknowledged), "the repeated push is answered with \(verdicts)")
      try await run.expectRecords([["n": 1]], "after a lost answer and a repeated push")
    },
    Case(name: "credentials that are not accepted have an error of their own") { run in
      try run.need(try await run.subject.rejectCredentials())
      let device = try run.makeDevice()
      let remote = run.remote
      await run.expectFailure(["unauthorized"], "a feed read without credentials") {
        _ = try await remote.changes(after: nil, limit: 10, device: device.id)
      }
    },
  ]
}

extension ConformanceRun {
  /// A record that is there afterwards: the server's key for it, and its version.
  mutating func create(
    _ device: inout ConformanceDevice, _ key: String, _ fields: Fields
  ) async throws -> (key: String, version: ServerVersion)? {
    let edit = try device.edit(
      .create(fields: ConformanceDevice.fields(fields)), collection, key)
    let verdicts = try await device.push([edit])
    guard verdicts.count == 1, let key = verdicts[0].key(or: key), let version = verdicts[0].version
    else {
      messages.append("a create is answered with \(verdicts)")
      return nil
    }
    return (key, version)
  }

  /// Pushes no more at once than the remote takes.
  func pushAll(
    _ device: inout ConformanceDevice, _ edits: [SegmentChange]
  ) async throws -> [Verdict] {
    var verdicts: [Verdict] = []
    let size = max(1, remote.changesPerPush)
    for start in stride(from: 0, to: edits.count, by: size) {
      verdicts += try await device.push(Array(edits[start..<min(start + size, edits.count)]))
    }
    return verdicts
  }
}
