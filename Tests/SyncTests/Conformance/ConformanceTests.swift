import Journal
import Synchronization
import TestKit
import Testing
import Transport
import TransportTesting

@Suite struct `The conformance suite` {
  private func expectConformance(
    _ report: ConformanceReport, skipping skipped: [String] = [],
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(
      report.findings.isEmpty, "\(report.findings.map(\.description))",
      sourceLocation: sourceLocation)
    #expect(report.skipped == skipped, sourceLocation: sourceLocation)
    #expect(
      report.passed.count + skipped.count == RemoteConformance.caseNames.count,
      sourceLocation: sourceLocation)
  }

  @Test(arguments: [FeedBehaviour(), .opaqueCursors, .namesEdits, .forgetsEdits, .equalStamps])
  func `finds nothing in a server in memory`(_ behaviour: FeedBehaviour) async {
    expectConformance(await RemoteConformance.run(MemoryHarness(behaviour: behaviour)))
  }

  @Test(arguments: [RESTSettings.Creates.put, .postWithID])
  func `finds nothing in a server of plain records`(_ creates: RESTSettings.Creates) async {
    expectConformance(await RemoteConformance.run(PlainHarness(creates: creates)))
  }

  @Test func `finds nothing in a server that gives ids and can be asked for them`() async {
    expectConformance(await RemoteConformance.run(PlainHarness(creates: .post)))
  }

  @Test func `finds nothing in a server that does as Kinto does`() async {
    expectConformance(
      await RemoteConformance.run(KintoHarness()), skipping: ["a restart changes nothing"])
  }

  @Test func `finds nothing in our own server`() async {
    expectConformance(
      await RemoteConformance.run(LoopbackHarness()),
      skipping: [
        "a refusal stops no other edit",
        "credentials that are not accepted have an error of their own",
        "a restart changes nothing",
      ])
  }

  // MARK: What it finds

  @Test(arguments: [FeedBehaviour.skipsEqualStamps, .repeatsEqualStamps])
  func `finds pages that lose or repeat equal stamps`(_ behaviour: FeedBehaviour) async {
    let report = await RemoteConformance.run(
      MemoryHarness(behaviour: [behaviour, .equalStamps]))
    #expect(report.findings.map(\.name).contains("equal stamps over a page's end"))
  }

  @Test func `finds a remote that says yes and does nothing`() async {
    let report = await found { broken in
      broken.push = { inner, push in
        .judged(
          verdicts: [.accepted(ServerVersion(timestamp: 1, tieBreak: 0))], size: 0)
      }
    }
    #expect(report.contains("a push is accepted and seen"))
    #expect(report.contains("a refusal stops no other edit"))
  }

  @Test func `finds a remote that keeps deletions to itself`() async {
    let report = await found { broken in
      broken.changes = { inner, cursor, limit, device in
        var page = try await inner.changes(after: cursor, limit: limit, device: device)
        page.changes.removeAll { $0.state == .deleted }
        return page
      }
    }
    #expect(report == ["what others change and delete is shown"])
  }

  @Test func `finds a remote whose cursors are all the same`() async {
    let report = await found { broken in
      broken.changes = { inner, _, limit, device in
        try await inner.changes(after: nil, limit: limit, device: device)
      }
    }
    #expect(report.isSuperset(of: ["pages resume", "equal stamps over a page's end"]))
  }

  @Test func `finds a remote whose errors nobody knows`() async {
    struct Odd: Error {}
    let report = await found { broken in
      broken.push = { inner, push in
        do { return try await inner.push(push) } catch { throw Odd() }
      }
      broken.changes = { inner, cursor, limit, device in
        do { return try await inner.changes(after: cursor, limit: limit, device: device) } catch {
          throw Odd()
        }
      }
    }
    #expect(
      report.isSuperset(of: [
        "a lost answer doubles nothing", "a cursor that is none is refused or begins anew",
        "credentials that are not accepted have an error of their own",
      ]))
  }

  @Test func `finds a create that is carried out twice`() async {
    // As a server of plain records has it that gives ids and cannot be asked.
    let report = await RemoteConformance.run(PlainHarness(creates: .post, isForgetful: true))
    #expect(report.findings.map(\.name).contains("a lost answer doubles nothing"))
  }

  @Test func `runs the cases it is asked for`() async {
    let report = await RemoteConformance.run(MemoryHarness(), only: ["info works"])
    #expect(report.passed == ["info works"] && report.skipped == [])
  }

  private func found(_ alter: @escaping @Sendable (inout BrokenRemote) -> Void) async -> Set<String>
  {
    let report = await RemoteConformance.run(MemoryHarness(alter: alter))
    return Set(report.findings.map(\.name))
  }
}
