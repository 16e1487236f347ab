import Foundation
import Journal

// A process of its own for the tests of storage: to be killed, limited, forked or given a broken
// disk. It says on standard output, line by line, how it came out.

let arguments = Array(CommandLine.arguments.dropFirst())
guard arguments.count >= 2 else { fatalError("usage: StorageProbe COMMAND DIRECTORY …") }
let directory = arguments[1]

func number(_ index: Int) -> Int { arguments.count > index ? Int(arguments[index]) ?? 0 : 0 }

func say(_ line: String) {
  FileHandle.standardOutput.write(Data((line + "\n").utf8))
}

do {
  switch arguments[0] {
  case "hold-writer": try Holding.writer(directory)
  case "hold-reader": try Holding.reader(directory)
  case "commit": try Committing.commits(directory, count: number(2))
  case "fill": try Committing.fill(directory, bytes: number(2))
  case "open-close": try Committing.openAndClose(directory, times: number(2))
  case "commit-pinned": try Committing.pinned(directory, count: number(2))
  case "create-with-pages": try Committing.create(directory, pageBytes: number(2))
  case "fork": try Forking.run(directory)
  case "limit-file": try FullDisk.run(directory, bytes: number(2))
  case "fail":
    try FailingDisk.run(
      directory, kind: number(2), spared: number(3), times: number(4), code: number(5),
      isPinned: arguments.last == "pinned")
  case "cut-power":
    try PowerCuts.run(
      directory, seed: UInt64(number(2)), images: number(3),
      keepsSnapshot: arguments.last != "without-snapshot")
  default: fatalError("unknown command \(arguments[0])")
  }
} catch let error as JournalError {
  say("error \(error.code) \(error)")
  exit(1)
}
