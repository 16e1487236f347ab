#if os(Linux)
  import Glibc
  import Synchronization

  /// Sees which files below a directory this process forces to stable storage, and can let that
  /// fail: what a full or dying disk does to a commit.
  ///
  /// It stands in for `fsync` and `fdatasync` of the whole test process, liblmdb's calls included;
  /// other directories than the watched one are not affected.
  public final class SyncProbe: Sendable {
    fileprivate struct Watch: Sendable {
      var directory: String
      var synced: [String] = []
      /// Syncs that pass before the failing ones, and how many fail.
      var passing = 0
      var failures = 0
      var code = EIO
    }

    fileprivate static let watches = Mutex<[ObjectIdentifier: Watch]>([:])

    /// Watches everything below `directory`, which exists, and the directory itself.
    public init(_ directory: String) throws {
      guard let resolved = realpath(directory, nil) else { throw Errno(code: errno) }
      defer { free(resolved) }
      let watch = Watch(directory: String(cString: resolved))
      Self.watches.withLock { $0[ObjectIdentifier(self)] = watch }
    }

    deinit {
      _ = Self.watches.withLock { $0.removeValue(forKey: ObjectIdentifier(self)) }
    }

    /// What was synced so far, in order, by its path below the directory; "" is the directory.
    public var synced: [String] {
      Self.watches.withLock { $0[ObjectIdentifier(self)]?.synced ?? [] }
    }

    /// Lets syncs fail with `code`, else an I/O error: the next `count`, once `passing` more have
    /// been made.
    public func failNext(_ count: Int = 1, after passing: Int = 0, code: Int32? = nil) {
      Self.watches.withLock { watches in
        watches[ObjectIdentifier(self)]?.failures = count
        watches[ObjectIdentifier(self)]?.passing = passing
        watches[ObjectIdentifier(self)]?.code = code ?? EIO
      }
    }

    public struct Errno: Error {
      public let code: Int32
    }

    /// Notes a sync that is about to be made; the error with which it has to fail instead.
    fileprivate static func failure(_ descriptor: Int32) -> Int32? {
      watches.withLock { watches in
        guard !watches.isEmpty, let path = path(of: descriptor) else { return nil }
        for (id, watch) in watches where path == watch.directory {
          return note("", id, &watches)
        }
        for (id, watch) in watches where path.hasPrefix(watch.directory + "/") {
          return note(String(path.dropFirst(watch.directory.count + 1)), id, &watches)
        }
        return nil
      }
    }

    private static func note(
      _ path: String, _ id: ObjectIdentifier, _ watches: inout [ObjectIdentifier: Watch]
    ) -> Int32? {
      guard var watch = watches[id] else { return nil }
      defer { watches[id] = watch }
      if watch.failures > 0, watch.passing == 0 {
        watch.failures -= 1
        return watch.code
      }
      watch.passing = max(0, watch.passing - 1)
      watch.synced.append(path)
      return nil
    }

    private static func path(of descriptor: Int32) -> String? {
      var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
      let count = readlink("/proc/self/fd/\(descriptor)", &buffer, buffer.count)
      return count > 0 ? String(decoding: buffer.prefix(count), as: UTF8.self) : nil
    }

    fileprivate typealias Sync = @convention(c) (Int32) -> Int32

    /// The C library's own function, behind the one of this process that hides it.
    fileprivate static func next(_ name: String) -> Sync {
      let nextObject = UnsafeMutableRawPointer(bitPattern: -1)  // RTLD_NEXT
      guard let address = dlsym(nextObject, name) else {
        preconditionFailure("the C library has no \(name)")
      }
      return unsafeBitCast(address, to: Sync.self)
    }

    fileprivate static let realFsync = next("fsync")
    fileprivate static let realFdatasync = next("fdatasync")
  }

  @_cdecl("fsync")
  public func probedFsync(_ descriptor: Int32) -> Int32 {
    if let code = SyncProbe.failure(descriptor) {
      errno = code
      return -1
    }
    return SyncProbe.realFsync(descriptor)
  }

  @_cdecl("fdatasync")
  public func probedFdatasync(_ descriptor: Int32) -> Int32 {
    if let code = SyncProbe.failure(descriptor) {
      errno = code
      return -1
    }
    return SyncProbe.realFdatasync(descriptor)
  }
#endif
