import TestKit
import Testing

@Suite struct `A live query under a steady stream of edits` {
  /// The small size of `Tests/LiveSoak`, which runs it for as long as asked and looks at memory too.
  @Test func `drops nothing and tells nothing twice in 20,000 edits`() async throws {
    let seed = testSeed(or: UInt64.random(in: 0..<1_000_000))
    var campaign = LiveCampaign(records: 2_000, seed: seed)
    campaign.batch = 40
    campaign.checksMemory = false
    let scratch = try Scratch()
    let report = try await campaign.run(in: scratch("j")) { edits in
      edits < 20_000 ? Double(edits) / 20_000 : nil
    }
    #expect(report.faults == [], "seed \(seed)")
    #expect(report.edits == 20_000 && report.changes == 20_000)
    #expect(report.emissions > 1)
  }
}
