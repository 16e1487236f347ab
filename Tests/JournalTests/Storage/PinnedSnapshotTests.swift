import Foundation
import Testing

@testable import Journal

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Commits that are not synced one by one, and the snapshot a power cut goes back to.
@Suite struct PinnedSnapshotTests {
  let directory: StorageDirectory
  let time = ManualTime()

  init() throws {
    directory = try StorageDirectory()
    try Environment.create(directory: directory.path).close()
  }

  private var snapshotPath: String { directory.path + "/" + SnapshotFile.name }

  private var settings: StorageSettings {
    var settings = time.settings
    settings.durability = .pinnedSnapshot(interval: .seconds(10))
    return settings
  }

  /// As after a power cut: the machine was started again.
  private func afterRestart(_ settings: StorageSettings) -> StorageSettings {
    var settings = settings
    settings.bootID = { "another running of the machine" }
    return settings
  }

  /// The newest commit the snapshot file would bring back; nil without one.
  private func savedCommit() throws -> UInt64? {
    guard let file = try SnapshotFile.open(in: directory.path, forWriting: false),
      let snapshot = try file.newest()
    else { return nil }
    return try MetaPage.both(from: snapshot.metas, place: "the snapshot")
      .map(\.transactionID).max()
  }

  private func append(_ environment: Environment, _ sequence: UInt64) throws {
    try environment.commit { try $0.put(.entries, sequence: sequence, payload: [1, 2, 3]) }
  }

  @Test func aSnapshotIsSavedBeforeTheFirstWriteAndWheneverItsTimeComes() throws {
    let environment = try Environment.open(directory: directory.path, settings: settings)
    #expect(try savedCommit() == nil)
    let before = try environment.lastTransactionID()
    try append(environment, 1)
    try append(environment, 2)
    #expect(try savedCommit() == before)
    time.advance(seconds: 9)
    try append(environment, 3)
    #expect(try savedCommit() == before)
    time.advance(seconds: 1)
    try append(environment, 4)
    #expect(try savedCommit() == before + 4)
    var status = stat()
    #expect(lstat(snapshotPath, &status) == 0 && status.st_mode & 0o777 == 0o600)
  }

  @Test func whatWaitsIsSavedThoughNobodyWrites() throws {
    let environment = try Environment.open(directory: directory.path, settings: settings)
    #expect(try environment.makeDurableIfDue() == nil)
    try append(environment, 1)
    #expect(try environment.makeDurableIfDue() == 10_000_000_000)
    time.advance(seconds: 4)
    #expect(try environment.makeDurableIfDue() == 6_000_000_000)
    time.advance(seconds: 6)
    #expect(try environment.makeDurableIfDue() == nil)
    #expect(try savedCommit() == environment.lastTransactionID())
  }

  @Test func makingDurableSavesAtOnce() throws {
    let environment = try Environment.open(directory: directory.path, settings: settings)
    try append(environment, 1)
    try append(environment, 2)
    try environment.makeDurable()
    #expect(try savedCommit() == environment.lastTransactionID())
  }

  @Test func closingEndsTheMode() throws {
    let environment = try Environment.open(directory: directory.path, settings: settings)
    try append(environment, 1)
    #expect(access(snapshotPath, F_OK) == 0)
    environment.close()
    #expect(access(snapshotPath, F_OK) != 0)
    let again = try Environment.open(
      directory: directory.path, settings: afterRestart(settings))
    #expect(try again.read { try $0.count(.entries) } == 1)
  }

  @Test func aKilledProcessLosesNothing() throws {
    let holder = try Probe("commit-pinned", directory.path, "50")
    #expect(holder.line() == "holding")
    holder.kill()
    #expect(try savedCommit() != nil)
    let reader = try PagedReader.open(directory: directory.path)
    #expect(try reader.count(.entries) == 50)
    reader.close()
    let environment = try Environment.open(directory: directory.path)
    #expect(try environment.read { try $0.count(.entries) } == 50)
    // The first commit that is synced by itself ends what the killed process began.
    try append(environment, 1)
    #expect(access(snapshotPath, F_OK) != 0)
  }

  @Test func anotherRunningOfTheMachineGoesBackToTheSnapshot() throws {
    let first = try Environment.open(directory: directory.path)
    try append(first, 1)
    first.close()
    let holder = try Probe("commit-pinned", directory.path, "50")
    #expect(holder.line() == "holding")
    holder.kill()
    let before = try Data(contentsOf: URL(fileURLWithPath: directory.dataFile))
    // Who only reads changes nothing, and sees it already.
    let reader = try PagedReader.open(
      directory: directory.path, settings: afterRestart(time.settings))
    #expect(try reader.count(.entries) == 1)
    #expect(reader.checkStructure() == [])
    #expect(try Data(contentsOf: URL(fileURLWithPath: directory.dataFile)) == before)
    reader.close()
    let environment = try Environment.open(
      directory: directory.path, settings: afterRestart(settings))
    #expect(access(snapshotPath, F_OK) != 0)
    #expect(try environment.read { try $0.count(.entries) } == 1)
    for sequence: UInt64 in 2...80 { try append(environment, sequence) }
    environment.close()
    #expect(try PagedReader.open(directory: directory.path).checkStructure() == [])
  }

  @Test func aWriterThatSyncsEveryCommitKeepsTheSnapshotOfOthersUpToDate() throws {
    let environment = try Environment.open(directory: directory.path, settings: settings)
    try append(environment, 1)
    let before = try savedCommit()
    #expect(try Probe.run("commit", directory.path, "7") == ["done"])
    #expect(try savedCommit() == environment.lastTransactionID())
    #expect(try savedCommit() != before)
    // It also covers what this process had not synced yet.
    #expect(try environment.read { try $0.count(.entries) } == 8)
    try append(environment, 2)
    environment.close()
    #expect(access(snapshotPath, F_OK) != 0)
  }

  @Test func aWriterThatSyncsEveryCommitNoticesAModeThatBeginsLater() throws {
    let environment = try Environment.open(directory: directory.path)
    try append(environment, 1)
    let holder = try Probe("commit-pinned", directory.path, "5")
    #expect(holder.line() == "holding")
    #expect(try savedCommit() == 2)
    try append(environment, 2)
    #expect(try savedCommit() == environment.lastTransactionID())
    holder.kill()
    try append(environment, 3)
    #expect(try savedCommit() == environment.lastTransactionID())
    environment.close()
    #expect(access(snapshotPath, F_OK) != 0)
  }

  @Test func aSnapshotOfAnotherFileIsRefused() throws {
    let holder = try Probe("commit-pinned", directory.path, "5")
    #expect(holder.line() == "holding")
    holder.kill()
    let copy = try directory.copy(Data(contentsOf: URL(fileURLWithPath: directory.dataFile)))
    #expect(rename(copy, directory.dataFile) == 0)
    let error = #expect(throws: JournalError.self) {
      try Environment.open(directory: directory.path, settings: afterRestart(settings))
    }
    #expect(error?.code == "damaged" && error?.description.contains("snapshot") == true)
  }

  @Test func aSlotThatIsNotWholeIsPassedOver() throws {
    let environment = try Environment.open(directory: directory.path, settings: settings)
    try append(environment, 1)
    let first = try #require(try savedCommit())
    try environment.makeDurable()
    #expect(try savedCommit() == first + 1)
    var bytes = try Data(contentsOf: URL(fileURLWithPath: snapshotPath))
    let second = try #require(bytes.range(of: Data("SJSNAP1".utf8), options: .backwards))
    bytes[second.lowerBound + 100] ^= 1
    try bytes.write(to: URL(fileURLWithPath: snapshotPath))
    #expect(try savedCommit() == first)
    bytes.removeAll()
    try bytes.write(to: URL(fileURLWithPath: snapshotPath))
    #expect(try savedCommit() == nil)
  }

  #if os(Linux)
    @Test func noPowerCutTakesWhatWasDurableOrDamagesAnything() throws {
      let text = ProcessInfo.processInfo.environment["POWER_CUT_SEED"]
      let seed = text.flatMap { Int($0) } ?? 1
      print("POWER_CUT_SEED=\(seed)")
      let said = try Probe.run("cut-power", directory.path + "/cut", "\(seed)", "150")
      let last = try #require(said.last)
      #expect(last.hasPrefix("images 150 bad 0 "), "\(said.joined(separator: "\n"))")
    }

    @Test func withoutTheSnapshotPowerCutsDoHarm() throws {
      let said = try Probe.run(
        "cut-power", directory.path + "/cut", "1", "60", "without-snapshot")
      #expect(said.contains { $0.hasPrefix("bad ") }, "\(said.joined(separator: "\n"))")
      #expect(said.last?.hasPrefix("images 60 bad ") == true)
    }
  #endif
}
