import Foundation

/// The seed of a random test: `TEST_SEED`, or the given one.
public func testSeed(or standard: UInt64) -> UInt64 {
  ProcessInfo.processInfo.environment["TEST_SEED"].flatMap { UInt64($0) } ?? standard
}
