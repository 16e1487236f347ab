import Foundation
import Journal
import Projection
import Synchronization

/// A live query and a reader of changes over many records, under a steady stream of edits.
///
/// Everything a reader is told is compared with what was written: a change that is dropped or comes twice,
/// a result that is not what a read shows, and memory that grows are faults.
public struct LiveCampaign: Sendable {
  /// What a campaign came to.
  public struct Report: Sendable {
    public var edits = 0
    public var commits = 0
    public var changes = 0
    public var emissions = 0
    /// Bytes of this process's own memory when a fifth was done, and at the end.
    public var memory = (early: 0, late: 0)
    public var faults: [String] = []
  }

  public var records: Int
  public var seed: UInt64
  /// Edits in one write, of records that differ.
  public var batch = 10
  /// Edits between two trims.
  public var trimEvery = 10_000
  /// Whether memory that grows is a fault; other work in the process makes it grow too.
  public var checksMemory = true

  public init(records: Int, seed: UInt64) {
    self.records = records
    self.seed = seed
  }

  struct Item: Record, Equatable {
    static let schema = Schema<Item>("items")
    var id: RecordID<Item>
    /// Counts the edits of all records.
    var serial: Int
    var rank: Int
    var isOpen: Bool
  }

  /// What the readers have seen so far.
  private final class Progress: Sendable {
    let changes = Atomic(0)
    let emissions = Atomic(0)
    let faults = Mutex<[String]>([])

    func fault(_ text: String) {
      faults.withLock { if $0.count < 20 { $0.append(text) } }
    }
  }

  private static let end = RecordID<Item>("end")

  /// Runs it in a directory that does not exist yet.
  ///
  /// - Parameter share: Asked before each write: the part that is done, from 0 to 1; nil ends it.
  public func run(
    in path: String, progress share: @Sendable (_ edits: Int) -> Double?
  ) async throws -> Report {
    let store = try Store.create(at: path, label: "live", isLocal: true, records: [Item.self])
    defer { store.close() }
    var random = SeededRandom(seed: seed)
    var serials: [Int: Int] = [:]
    for start in stride(from: 0, to: records, by: 500) {
      let items = (start..<min(start + 500, records)).map { item($0, 0, &random) }
      for number in start..<min(start + 500, records) { serials[number] = 0 }
      try await store.write { tx in for item in items { try tx.create(item) } }
    }
    let seen = Progress()
    let changes = store.changes(matching: "items.**")
    let request = Item.where(\.isOpen == true).sorted(by: .ascending(\.rank))
    let live = store.observe(request)
    var report = Report()
    try await withThrowingTaskGroup(of: Void.self) { group in
      let known = serials
      group.addTask { try await Self.read(changes, known, seen) }
      group.addTask { try await Self.follow(live, request, store, seen) }
      try await write(store, &serials, &random, seen, &report, share)
      try await store.write { tx in
        try tx.create(Item(id: Self.end, serial: 0, rank: -1, isOpen: true))
      }
      try await group.waitForAll()
    }
    report.changes = seen.changes.load(ordering: .relaxed)
    report.emissions = seen.emissions.load(ordering: .relaxed)
    report.memory.late = Self.ownMemory()
    report.faults = seen.faults.withLock { $0 }
    if report.changes != report.edits {
      report.faults.append("\(report.edits) edits were told as \(report.changes) changes")
    }
    if checksMemory, report.memory.late > report.memory.early / 4 * 5 + 32 << 20 {
      report.faults.append(
        "memory grew from \(report.memory.early) to \(report.memory.late) bytes")
    }
    report.faults += try store.problems()
    return report
  }

  private func item(_ number: Int, _ serial: Int, _ random: inout SeededRandom) -> Item {
    Item(
      id: RecordID("\(number)"), serial: serial, rank: Int(random.next() % 100_000),
      isOpen: random.next() % 2 == 0)
  }

  private func write(
    _ store: Store, _ serials: inout [Int: Int], _ random: inout SeededRandom, _ seen: Progress,
    _ report: inout Report, _ share: @Sendable (_ edits: Int) -> Double?
  ) async throws {
    var lastTrim = 0
    while let done = share(report.edits), seen.faults.withLock(\.isEmpty) {
      if done > 0.2, report.memory.early == 0 { report.memory.early = Self.ownMemory() }
      var numbers: Set<Int> = []
      while numbers.count < min(batch, records) {
        numbers.insert(Int(random.next() % UInt64(records)))
      }
      var puts: [Item] = []
      var deletes: [RecordID<Item>] = []
      for number in numbers.sorted() {
        report.edits += 1
        if serials[number] != nil, random.next() % 20 == 0 {
          serials[number] = nil
          deletes.append(RecordID("\(number)"))
        } else {
          serials[number] = report.edits
          puts.append(item(number, report.edits, &random))
        }
      }
      try await store.write { [puts, deletes] tx in
        for item in puts { try tx.put(item) }
        for id in deletes { try tx.delete(Item.self, id) }
      }
      report.commits += 1
      guard report.edits - lastTrim >= trimEvery else { continue }
      lastTrim = report.edits
      // A reader behind a horizon begins anew, which is another test.
      while report.edits - seen.changes.load(ordering: .relaxed) > trimEvery / 4,
        seen.faults.withLock(\.isEmpty)
      {
        await Task.yield()
      }
      _ = try await store.compact(keeping: .newest(UInt64(trimEvery / 2)))
    }
  }

  /// Follows the changes: each has to begin where the record's last one ended.
  private static func read(
    _ changes: RecordChanges, _ known: [Int: Int], _ seen: Progress
  ) async throws {
    var known = known
    for try await change in changes {
      if change.key == end.key { return }
      guard let number = Int(change.key) else { return seen.fault("a record nobody wrote") }
      let before = try change.before(as: Item.self)?.serial
      if before != known[number] {
        seen.fault(
          "\(change.sequences): item \(number) is told from \(before ?? -1), not "
            + "\(known[number] ?? -1)")
      }
      known[number] = try change.after(as: Item.self)?.serial
      seen.changes.add(1, ordering: .relaxed)
    }
  }

  /// Follows the query: no result comes twice, each is in order, and the last is what a read shows.
  private static func follow(
    _ live: Live<[Item]>, _ request: Request<Item>, _ store: Store, _ seen: Progress
  ) async throws {
    var before: [Item]?
    for try await items in live {
      seen.emissions.add(1, ordering: .relaxed)
      if items == before { seen.fault("a result came twice") }
      if !zip(items, items.dropFirst()).allSatisfy({ $0.rank <= $1.rank }) {
        seen.fault("a result is out of order")
      }
      before = items
      guard items.first?.id == end else { continue }
      if try store.read({ try $0.fetch(request) }) != items {
        seen.fault("the last result is not what a read shows")
      }
      return
    }
  }

  /// Bytes of memory this process holds for itself: the journal's mapped file is not counted.
  private static func ownMemory() -> Int {
    guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else {
      return 0
    }
    let pages = text.split(separator: " ").compactMap { Int($0) }
    return pages.count > 2 ? (pages[1] - pages[2]) * Int(getpagesize()) : 0
  }
}
