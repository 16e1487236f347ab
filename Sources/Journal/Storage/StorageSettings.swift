import CLMDB

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// How a data file is opened: its durability, its limits, and its seams to time and machine.
package struct StorageSettings: Sendable {
  /// Address space for the map, not disk; it grows by itself.
  package var mapBytes = Self.defaultMapBytes
  package var durability = Durability.everyCommit
  /// How long a read may hold back the reuse of pages before a writer may end it, in nanoseconds.
  package var readDeadline: UInt64 = 5_000_000_000
  /// Nanoseconds that only go forward.
  package var monotonic: @Sendable () -> UInt64 = { MonotonicTime.now() }
  /// What names the running of this machine since it was last started.
  package var bootID: @Sendable () throws -> String = { try BootID.current() }

  package init(durability: Durability = .everyCommit) {
    self.durability = durability
  }

  /// Whether commits leave syncing to the keeper of the snapshot.
  var usesSnapshots: Bool {
    #if canImport(Darwin)
      // Plain fsync, which is all LMDB calls, orders nothing there: the snapshot does.
      true
    #else
      durability != .everyCommit
    #endif
  }

  /// The flags LMDB is opened with. Without NOTLS a thread could have one reader only.
  var lmdbFlags: Int32 { usesSnapshots ? MDB_NOTLS | MDB_NOSYNC : MDB_NOTLS }

  /// How old the snapshot may become, in nanoseconds; nil where every commit saves one.
  var snapshotInterval: UInt64? {
    switch durability {
    case .everyCommit: nil
    case .pinnedSnapshot(let interval): max(interval.nanoseconds, 1_000_000)
    }
  }

  package static var defaultMapBytes: Int {
    #if os(iOS) || os(tvOS) || os(watchOS) || os(visionOS)
      // More needs an entitlement there; a full map is doubled.
      1 << 30
    #else
      64 << 30
    #endif
  }
}

enum MonotonicTime {
  /// Nanoseconds since some moment, never going back, the same for all threads.
  static func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

extension Duration {
  /// The whole nanoseconds, none for a negative duration, at most about 292 years.
  var nanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    guard seconds < 1 << 33 else { return 1 << 63 }
    return UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
  }
}
