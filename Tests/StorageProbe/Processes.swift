import FaultySystemCalls
import Foundation
import Journal

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Processes that are killed while they hold something.
enum Holding {
  static func writer(_ directory: String) throws {
    let environment = try Environment.open(directory: directory)
    try environment.write { transaction in
      try transaction.put(.entries, sequence: 999_999, payload: [1])
      say("holding")
      while true { sleep(1000) }
    }
  }

  static func reader(_ directory: String) throws {
    let environment = try Environment.open(directory: directory)
    try environment.read(span: .long) { transaction in
      _ = try transaction.count(.entries)
      say("holding")
      while true { sleep(1000) }
    }
  }
}

enum Committing {
  /// Commits, and is ended by the system when that takes longer than four seconds.
  static func commits(_ directory: String, count: Int) throws {
    alarm(4)
    let environment = try Environment.open(directory: directory)
    for index in 0..<UInt64(count) { try environment.commit(1_000_000 + index) }
    environment.close()
    say("done")
  }

  static func fill(_ directory: String, bytes: Int) throws {
    let environment = try Environment.open(directory: directory)
    for part in 0..<UInt64(bytes >> 20) {
      try environment.commit(2_000_000 + part, bytes: 1 << 20)
    }
    environment.close()
    say("done")
  }

  static func openAndClose(_ directory: String, times: Int) throws {
    for _ in 0..<times {
      let environment = try Environment.open(directory: directory)
      _ = try environment.has(1)
      environment.close()
    }
    say("done")
  }

  /// Commits without syncing and waits to be killed.
  static func pinned(_ directory: String, count: Int) throws {
    let settings = StorageSettings(durability: .pinnedSnapshot(interval: .seconds(3600)))
    let environment = try Environment.open(directory: directory, settings: settings)
    for index in 0..<UInt64(count) { try environment.commit(3_000_000 + index) }
    say("holding")
    while true { sleep(1000) }
  }

  /// A file as a machine with other pages makes it.
  static func create(_ directory: String, pageBytes: Int) throws {
    faulty_page_bytes(pageBytes)
    let environment = try Environment.create(directory: directory)
    for sequence in 1...500 as ClosedRange<UInt64> {
      try environment.commit(sequence, bytes: Int(sequence) * 20)
    }
    say("pages \(environment.pageBytes)")
    environment.close()
  }
}

enum Forking {
  static func run(_ directory: String) throws {
    alarm(4)
    let environment = try Environment.open(directory: directory)
    try environment.commit(1)
    // Swift does not offer `fork`, because little works in the child; some programs do it all the
    // same.
    guard let symbol = dlsym(dlopen(nil, RTLD_NOW), "fork") else { fatalError("no fork") }
    let fork = unsafeBitCast(symbol, to: (@convention(c) () -> Int32).self)
    let child = fork()
    if child == 0 {
      alarm(4)
      say("child read \(outcome { _ = try environment.has(1) })")
      say("child write \(outcome { try environment.commit(2) })")
      environment.close()
      say("child reopened \(outcome { try Environment.open(directory: directory).commit(3) })")
      _exit(0)
    }
    var status: Int32 = 0
    waitpid(child, &status, 0)
    say("child status \(status)")
    say("parent \(outcome { try environment.commit(4) })")
    say("rows \(try (1...4 as ClosedRange<UInt64>).filter { try environment.has($0) })")
    environment.close()
  }
}
