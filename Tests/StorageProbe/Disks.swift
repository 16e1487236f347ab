import FaultySystemCalls
import Foundation
import Journal

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file that may not grow any more, by a limit every user can set for itself.
enum FullDisk {
  static func run(_ directory: String, bytes: Int) throws {
    let environment = try Environment.create(directory: directory)
    signal(SIGXFSZ, SIG_IGN)
    var limit = rlimit()
    #if canImport(Glibc)
      let resource = Int32(RLIMIT_FSIZE.rawValue)
    #else
      let resource = RLIMIT_FSIZE
    #endif
    getrlimit(resource, &limit)
    let before = limit
    limit.rlim_cur = rlim_t(bytes)
    setrlimit(resource, &limit)
    var sequence: UInt64 = 0
    var result = "done"
    while result == "done", sequence < 10_000 {
      sequence += 1
      result = outcome { try environment.commit(sequence, bytes: 10_000) }
    }
    say("refused \(result)")
    say("stored \(try environment.has(sequence))")
    say("before \(sequence > 1 ? try environment.has(sequence - 1) : false)")
    var raised = before
    setrlimit(resource, &raised)
    say("again \(outcome { try environment.commit(sequence, bytes: 10_000) })")
    say("present \(try environment.has(sequence))")
    environment.close()
    say("structure \(try PagedReader.open(directory: directory).checkStructure())")
  }
}

/// A disk on which one call, or every one from some point on, fails.
enum FailingDisk {
  static func run(
    _ directory: String, kind: Int, spared: Int, times: Int, code: Int, isPinned: Bool
  ) throws {
    alarm(20)
    var settings = StorageSettings()
    if isPinned { settings.durability = .pinnedSnapshot(interval: .seconds(3600)) }
    try Environment.create(directory: directory).close()
    let environment = try Environment.open(directory: directory, settings: settings)
    for sequence in 1...3 as ClosedRange<UInt64> { try environment.commit(sequence) }
    faulty_arm(Int32(kind), spared, times, Int32(code))
    say("commit \(outcome { try environment.commit(4) })")
    if isPinned { say("flush \(outcome { try environment.makeDurable() })") }
    say("next \(outcome { try environment.commit(5) })")
    faulty_arm(0, 0, 0, 0)
    say("healed \(outcome { try environment.commit(6) })")
    environment.close()
    // What a new handle finds is what the answers above have to agree with.
    let again = try Environment.open(directory: directory)
    for sequence in 1...6 as ClosedRange<UInt64> {
      say("row \(sequence) \(try again.has(sequence))")
    }
    again.close()
    say("structure \(try PagedReader.open(directory: directory).checkStructure())")
  }
}
