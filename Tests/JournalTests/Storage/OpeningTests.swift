import Foundation
import Testing

@testable import Journal

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite(.serialized) struct OpeningTests {
  let directory: StorageDirectory

  init() throws {
    directory = try StorageDirectory()
  }

  @Test func aSecondOpenInTheProcessIsBusyUntilTheFirstIsClosed() throws {
    let environment = try Environment.create(directory: directory.path)
    try environment.commit { _ in }
    #expect(code { try Environment.open(directory: directory.path) } == "busy")
    let link = directory.path + "-link"
    #expect(symlink(directory.path, link) == 0)
    defer { unlink(link) }
    #expect(code { try Environment.open(directory: link) } == "busy")
    environment.close()
    let again = try Environment.open(directory: link)
    #expect(again.directory == directory.path)
  }

  @Test func aClosedEnvironmentRefusesAndCloseMayRepeat() throws {
    let environment = try Environment.create(directory: directory.path)
    environment.close()
    environment.close()
    #expect(code { try environment.read { _ in } } == "cannot-open")
    #expect(code { try environment.write { _ in } } == "cannot-open")
    #expect(code { try environment.makeDurable() } == "cannot-open")
  }

  @Test func closingWaitsForTheTransactionThatRuns() throws {
    let environment = try Environment.create(directory: directory.path)
    try environment.commit { try $0.put(.peers, key: [1], payload: [2]) }
    try environment.read { transaction throws in
      environment.close()
      #expect(code { try Environment.open(directory: directory.path) } == "busy")
      #expect(try transaction.value(.peers, [1]) == [2])
    }
    _ = try Environment.open(directory: directory.path)
  }

  @Test func creatingTwiceIsRefused() throws {
    try Environment.create(directory: directory.path).close()
    #expect(code { try Environment.create(directory: directory.path) } == "already-exists")
  }

  @Test func whatIsNotThereCannotBeOpened() throws {
    #expect(code { try Environment.open(directory: directory.path) } == "cannot-open")
    #expect(code { try Environment.open(directory: directory.path + "/no") } == "cannot-open")
    #expect(code { try PagedReader.open(directory: directory.path) } == "cannot-open")
    #expect(code { try PagedReader.open(file: directory.path) } == "cannot-open")
  }

  @Test func aSymbolicLinkInsteadOfAFileIsRefused() throws {
    let other = try StorageDirectory()
    try Environment.create(directory: other.path).close()
    #expect(symlink(other.dataFile, directory.dataFile) == 0)
    #expect(code { try Environment.open(directory: directory.path) } == "cannot-open")
    #expect(code { try PagedReader.open(directory: directory.path) } == "cannot-open")
    #expect(code { try Environment.create(directory: directory.path) } == "already-exists")
    unlink(directory.dataFile)
    #expect(rename(other.dataFile, directory.dataFile) == 0)
    #expect(symlink(other.path + "/lock.mdb", directory.path + "/lock.mdb") == 0)
    #expect(code { try Environment.open(directory: directory.path) } == "cannot-open")
  }

  @Test func modesDoNotFollowTheUmask() throws {
    let place = directory.path + "/journal"
    // Only this mask does no harm to tests that run at the same time.
    let before = umask(0)
    defer { umask(before) }
    try Environment.create(directory: place).close()
    #expect(try mode(place) == 0o700)
    #expect(try mode(place + "/data.mdb") == 0o600)
    #expect(try mode(place + "/lock.mdb") == 0o600)
    unlink(place + "/lock.mdb")
    try Environment.open(directory: place).close()
    #expect(try mode(place + "/lock.mdb") == 0o600)
  }

  #if os(Linux)
    @Test func noDescriptorOfTheFilesOutlivesAnExec() throws {
      let environment = try Environment.create(directory: directory.path)
      let reader = try PagedReader.open(directory: directory.path)
      var seen = 0
      for name in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
        let target = try? FileManager.default.destinationOfSymbolicLink(
          atPath: "/proc/self/fd/" + name)
        guard let target, target.hasPrefix(directory.path), let descriptor = Int32(name) else {
          continue
        }
        seen += 1
        #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0, "\(target)")
      }
      #expect(seen >= 4)
      withExtendedLifetime((environment, reader)) {}
    }
  #endif

  #if os(Linux)
    @Test func networkFileSystemsAreKnownByTheirNumber() throws {
      #expect(FileSystem.networkName(type: 0x6969) == "nfs")
      #expect(FileSystem.networkName(type: 0xFF53_4D42) == "cifs")
      #expect(FileSystem.networkName(type: 0xEF53) == nil, "ext4")
      #expect(FileSystem.networkName(type: 0x0102_1994) == nil, "tmpfs")
      #expect(try FileSystem.networkName(of: directory.path) == nil)
    }

    @Test func networkFileSystemsBehindFUSEAreKnownByTheTableOfMounts() {
      let mounts = Array(
        """
        25 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
        80 25 0:44 / /net rw shared:7 master:2 - fuse.sshfs user@server: rw
        81 25 0:45 / /disk rw - fuseblk /dev/sdb1 rw

        """.utf8)
      #expect(FileSystem.networkName(device: 8 << 8 | 1, mounts: mounts) == nil)
      #expect(FileSystem.networkName(device: 44, mounts: mounts) == "fuse.sshfs")
      #expect(FileSystem.networkName(device: 45, mounts: mounts) == nil)
      #expect(FileSystem.networkName(device: 46, mounts: mounts) == nil)
    }

    @Test func aFailedOpenGivesEverythingBack() throws {
      func descriptors() throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").filter {
          let target = try? FileManager.default.destinationOfSymbolicLink(
            atPath: "/proc/self/fd/" + $0)
          return target?.hasPrefix(directory.path) == true
        }.count
      }
      try Environment.create(directory: directory.path).close()
      var settings = StorageSettings()
      // More than any processor addresses: LMDB fails once, then takes less.
      settings.mapBytes = 1 << 60
      let environment = try Environment.open(directory: directory.path, settings: settings)
      let open = try descriptors()
      environment.close()
      #expect(try descriptors() == 0)
      let usual = try Environment.open(directory: directory.path)
      #expect(try descriptors() == open)
      usual.close()
      // A file of LMDB's without our tables opens, and is given up afterwards.
      let other = try StorageDirectory()
      try Environment.create(directory: other.path).close()
      var bytes = try Data(contentsOf: URL(fileURLWithPath: other.dataFile))
      while let name = bytes.range(of: Data("peers".utf8)) {
        bytes.replaceSubrange(name, with: Data("pears".utf8))
      }
      try bytes.write(to: URL(fileURLWithPath: directory.dataFile))
      for _ in 0..<3 {
        #expect(code { try Environment.open(directory: directory.path) } == "damaged")
      }
      #expect(try descriptors() == 0)
    }
  #endif

  @Test func aReaderSharesThePinOfAnOpenEnvironment() throws {
    let environment = try Environment.create(directory: directory.path)
    try environment.commit { try $0.put(.ids, key: [1], payload: [1]) }
    let reader = try PagedReader.open(directory: directory.path)
    #expect(reader.isPinned)
    for round: UInt8 in 2...60 {
      try environment.commit { transaction throws in
        for key: UInt8 in 0...50 { try transaction.put(.ids, key: [key], payload: [round]) }
      }
    }
    #expect(try reader.value(.ids, [1]) == [1])
    #expect(reader.checkStructure() == [])
    environment.close()
    #expect(code { try Environment.open(directory: directory.path) } == "busy")
    reader.close()
    _ = try Environment.open(directory: directory.path)
  }

  @Test func readersAloneShareOnePinAndKeepWritersOfTheProcessOut() throws {
    let environment = try Environment.create(directory: directory.path)
    try environment.commit { _ in }
    environment.close()
    let first = try PagedReader.open(directory: directory.path)
    let second = try PagedReader.open(directory: directory.path)
    #expect(first.isPinned && second.isPinned)
    first.close()
    #expect(code { try Environment.open(directory: directory.path) } == "busy")
    second.close()
    _ = try Environment.open(directory: directory.path)
  }

  @Test func aCopyWithoutALockFileIsReadAndNothingIsCreated() throws {
    let environment = try Environment.create(directory: directory.path)
    try environment.commit { try $0.put(.ids, key: [1], payload: [1]) }
    environment.close()
    unlink(directory.path + "/lock.mdb")
    let reader = try PagedReader.open(directory: directory.path)
    #expect(!reader.isPinned)
    #expect(try reader.value(.ids, [1]) == [1])
    #expect(access(directory.path + "/lock.mdb", F_OK) != 0)
    #expect(try PagedReader.open(file: directory.dataFile).value(.ids, [1]) == [1])
  }

  private func code<R>(_ body: () throws -> R) -> String? {
    do {
      _ = try body()
      return nil
    } catch {
      return (error as? JournalError)?.code
    }
  }

  private func mode(_ path: String) throws -> mode_t {
    var status = stat()
    try #require(lstat(path, &status) == 0)
    return status.st_mode & 0o777
  }
}
