import Foundation
import Testing

@testable import Journal

/// A full or failing disk: what a commit is said to have come to is what a new handle finds.
@Suite struct DiskFailureTests {
  let directory: StorageDirectory

  init() throws {
    directory = try StorageDirectory()
  }

  @Test func aFileThatMayNotGrowLosesNothingAndGoesOnLater() throws {
    #expect(
      try Probe.run("limit-file", directory.path, "\(4 << 20)") == [
        "refused storage", "stored false", "before true", "again done", "present true",
        "structure []",
      ])
  }

  #if os(Linux)
    private static let pages = "1"
    private static let meta = "2"
    private static let sync = "3"
    private static let late = "4"
    private static let noSpace = "28"
    private static let ioError = "5"

    @Test(arguments: [(pages, noSpace), (pages, ioError), (sync, ioError), (meta, ioError)])
    func aCommitThatFailedOnceIsNotStoredAndTheNextOneIs(
      _ kind: String, _ code: String
    ) throws {
      #expect(
        try Probe.run("fail", directory.path, kind, "0", "1", code) == [
          "commit storage", "next done", "healed done", "row 1 true", "row 2 true", "row 3 true",
          "row 4 false", "row 5 true", "row 6 true", "structure []",
        ])
    }

    @Test(arguments: [(pages, noSpace), (pages, ioError), (sync, ioError), (meta, ioError)])
    func aDiskThatKeepsFailingIsRefusedUntilItHeals(_ kind: String, _ code: String) throws {
      let said = try Probe.run("fail", directory.path, kind, "0", "1000000", code)
      // Where the file cannot even be synced, nobody can tell what is stored.
      let answer = kind == Self.sync ? "unknown-outcome" : "storage"
      #expect(said.prefix(3) == ["commit \(answer)", "next storage", "healed done"])
      #expect(
        said.dropFirst(3) == [
          "row 1 true", "row 2 true", "row 3 true", "row 4 false", "row 5 false", "row 6 true",
          "structure []",
        ])
    }

    @Test func aCommitThatIsStoredThoughTheSystemSaidNoIsDone() throws {
      // The new meta page is written, and the old one cannot be put back.
      #expect(
        try Probe.run("fail", directory.path, Self.late, "0", "2", Self.ioError) == [
          "commit done", "next done", "healed done", "row 1 true", "row 2 true", "row 3 true",
          "row 4 true", "row 5 true", "row 6 true", "structure []",
        ])
    }

    @Test func aSyncThatFailedWhileCommitsWaitedForItEndsTheHandle() throws {
      let said = try Probe.run(
        "fail", directory.path, Self.sync, "0", "1", Self.ioError, "pinned")
      // The system may have dropped what it could not write and says so only once.
      #expect(
        said.prefix(4) == ["commit done", "flush storage", "next storage", "healed storage"])
    }
  #endif
}
