#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Names one running of the machine, from its start to its stop.
///
/// What was written but not synced is whole as long as this stays the same: the kernel has it.
enum BootID {
  /// The id of the present running; 1 to 63 bytes.
  static func current() throws(JournalError) -> String {
    #if canImport(Darwin)
      var buffer = [UInt8](repeating: 0, count: 64)
      var length = buffer.count
      guard sysctlbyname("kern.bootsessionuuid", &buffer, &length, nil, 0) == 0 else {
        throw LMDBFailure.systemError("kern.bootsessionuuid", "asking for")
      }
      let id = buffer.prefix { $0 != 0 }
    #else
      let path = "/proc/sys/kernel/random/boot_id"
      let descriptor = open(path, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw LMDBFailure.systemError(path, "opening") }
      defer { close(descriptor) }
      var buffer = [UInt8](repeating: 0, count: 64)
      let count = read(descriptor, &buffer, buffer.count)
      guard count > 0 else { throw LMDBFailure.systemError(path, "reading") }
      let id = buffer[..<count].prefix { $0 > 0x20 }
    #endif
    guard SnapshotFile.bootIDLengths.contains(id.count) else {
      throw .unsupported("this system has no boot id; use the durability `everyCommit`")
    }
    return String(decoding: id, as: UTF8.self)
  }
}
