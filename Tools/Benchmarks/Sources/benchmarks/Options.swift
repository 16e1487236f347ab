import Foundation

/// What the command line asks for.
struct Options {
  var entries = 200_000
  var records = 60_000
  var runs = 5
  /// Which rows to measure; nil is all. Rows that read need the row that appends.
  var rows: Set<String>?
  /// Whether flushes are slowed down from outside; only names the row.
  var flushDelay = ProcessInfo.processInfo.environment["FLUSH_DELAY_MICROSECONDS"] != nil
  var directory = FileManager.default.temporaryDirectory.path

  static let usage = """
    usage: benchmarks [--entries N] [--records N] [--runs N] [--rows NAME,…] [--directory PATH]

      --entries N     edits in the journal (200000)
      --records N     records they are about, visited in the order of their keys (60000)
      --runs N        repetitions of every row; medians are printed (5)
      --rows NAMES    only these, of: single concurrent append records codec
                      entries open rebuild sizes allocations
      --directory D   where the journals are made and removed again (the temporary directory)
    """

  struct Invalid: Error, CustomStringConvertible {
    let description: String
  }

  init(_ arguments: some Sequence<String>) throws(Invalid) {
    var arguments = arguments.makeIterator()
    while let name = arguments.next() {
      guard let value = arguments.next() else {
        throw Invalid(description: Self.usage)
      }
      switch name {
      case "--entries": entries = try Self.positive(value)
      case "--records": records = try Self.positive(value)
      case "--runs": runs = try Self.positive(value)
      case "--directory": directory = value
      case "--rows": rows = Set(value.split(separator: ",").map(String.init))
      default: throw Invalid(description: Self.usage)
      }
    }
  }

  private static func positive(_ text: String) throws(Invalid) -> Int {
    guard let number = Int(text), number > 0 else {
      throw Invalid(description: "\(text) is not a number above 0\n\n\(usage)")
    }
    return number
  }
}
