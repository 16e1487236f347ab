import Foundation
public import Journal
public import Projection
import Synchronization

/// A directory that is gone when the test is.
public final class Scratch: Sendable {
  public let path: String

  public init() throws {
    path = FileManager.default.temporaryDirectory.path + "/journal-test-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  public func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }
}

/// A clock a test moves by hand.
public final class ManualClock: Sendable {
  private let time: Mutex<UInt64>

  public init(_ milliseconds: UInt64 = 1_700_000_000_000) {
    time = Mutex(milliseconds)
  }

  public func advance(by milliseconds: Int64) {
    time.withLock { $0 = UInt64(Int64($0) + milliseconds) }
  }

  public var configuration: Journal.Configuration {
    Journal.Configuration(now: { Timestamp(milliseconds: self.time.withLock { $0 }) })
  }
}

/// Small, seeded, and the same on every machine (SplitMix64, Steele, Lea and Flood 2014).
public struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  public init(seed: UInt64) {
    state = seed
  }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

extension Store {
  /// What `verify` finds; asserted empty at the end of most tests.
  public func problems() throws -> [String] {
    try Verifier.verify(directory: journal.path, folder: RecordFolder()).problems
  }

  /// Every visible record as one text, for comparing.
  public func picture(at moment: Moment? = nil) throws -> String {
    func picture(_ snapshot: Snapshot) throws -> String {
      var text = ""
      try snapshot.scan { rowKey, fields in
        let names = try RecordAddress.names(inRowKey: rowKey)
        text += "\(names.collection)/\(names.key) "
        text += JSONText.string(.object(try Snapshot.decode(fields))) + "\n"
        return true
      }
      return text
    }
    guard let moment else { return try read(picture) }
    return try read(at: moment, picture)
  }
}
