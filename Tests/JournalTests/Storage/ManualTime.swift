import Synchronization

@testable import Journal

/// A monotonic clock that a test moves by hand.
final class ManualTime: Sendable {
  private let time = Mutex<UInt64>(1_000_000_000)

  func advance(seconds: Double) {
    time.withLock { $0 += UInt64(seconds * 1e9) }
  }

  var settings: StorageSettings {
    var settings = StorageSettings()
    settings.monotonic = { self.time.withLock { $0 } }
    return settings
  }
}
