@testable import Journal
@testable import Projection

/// A fixed number of single bit flips and truncations of a data file: each is found or harmless.
///
/// What `verify` calls sound shows what was there before, and no table is ever read to its end with
/// other rows, whatever `verify` says.
struct DamageCampaign {
  private let flips: Int
  private let truncations: Int
  private let seed: UInt64

  /// "FLIPS TRUNCATIONS SEED".
  init(_ sizes: String) {
    let numbers = sizes.split(separator: " ").compactMap { UInt64($0) }
    guard numbers.count == 3 else { fail("FUZZ_DAMAGE reads FLIPS TRUNCATIONS SEED") }
    (flips, truncations, seed) = (Int(numbers[0]), Int(numbers[1]), numbers[2])
  }

  func run() {
    let journal = DamagedJournal()
    var random = SplitMix(state: seed)
    var found = 0
    for number in 0..<flips {
      let place = journal.flip(number, &random)
      do {
        if try isFound(journal, place) { found += 1 }
      } catch { fail("\(place): an error of the wrong kind: \(error)") }
      journal.restore()
    }
    for number in 0..<truncations {
      let length =
        number % 2 == 0
        ? Int.random(in: 0..<journal.byteCount, using: &random)
        : Int.random(in: 0..<journal.byteCount / 4096, using: &random) * 4096
      journal.truncate(to: length)
      do {
        let report = try accepted {
          try Verifier.verify(directory: journal.directory, folder: RecordFolder())
        }
        require(report == nil, "a file cut to \(length) of \(journal.byteCount) bytes is read")
      } catch { fail("cut to \(length): an error of the wrong kind: \(error)") }
      journal.restore()
    }
    print(
      "damage  seed \(seed), \(flips) flips: \(found) found, \(flips - found) harmless; "
        + "\(truncations) truncations found; \(journal.byteCount) bytes")
  }

  private func isFound(_ journal: DamagedJournal, _ place: String) throws -> Bool {
    let report = try accepted {
      try Verifier.verify(directory: journal.directory, folder: RecordFolder())
    }
    _ = try accepted {
      let reader = try PagedReader.open(directory: journal.directory)
      for table in Table.allCases {
        let sum = try accepted { try DamagedJournal.fingerprint(table, reader) }
        require(
          sum == nil || sum == journal.golden[table], "\(place): \(table) is read with other rows")
        require(sum != nil || report?.isSound != true, "\(place): sound, but \(table) is not read")
      }
    }
    guard let report, report.isSound else { return true }
    require(report.root == journal.report.root, "\(place): sound with another root")
    return false
  }
}

/// SplitMix64: the same sequence on every machine.
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
