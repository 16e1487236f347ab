import Journal
import Synchronization
import Testing

@testable import JournalTool

@Suite struct `Trouble with a server's journal` {
  @Test func `is said to whoever runs it, the same one not with each request`() {
    let heard = Mutex<[String]>([])
    let troubles = ServerTroubles { message in heard.withLock { $0.append(message) } }
    let start = ContinuousClock.now
    troubles.note(.storage("disk full: writing"), at: start)
    troubles.note(.storage("disk full: writing"), at: start + .seconds(59))
    troubles.note(.damaged("row 7"), at: start + .seconds(59))
    troubles.note(.damaged("row 7"), at: start + .seconds(120))
    let told = heard.withLock { $0 }
    #expect(told.count == 3)
    #expect(told.first?.contains("disk full: writing") == true)
    #expect(told.last?.contains("row 7") == true)
  }
}
