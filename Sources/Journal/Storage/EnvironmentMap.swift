import CLMDB

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension Environment {
  /// Doubles the map, at least by 64 MiB, with no reader of this process in it.
  func growMap() throws(JournalError) {
    clearDeadReaders()
    let present = Int(info().me_mapsize)
    let (doubled, overflow) = present.multipliedReportingOverflow(by: 2)
    let wanted = max(doubled, present.addingReportingOverflow(64 << 20).partialValue)
    guard !overflow, Self.hasAddressSpace(wanted) else {
      throw .storage("the system gives no address space to enlarge the map of \(directory)")
    }
    try replaceMap(bytes: wanted)
  }

  /// Takes over the map size another process has written; the caller is the only writer here.
  func adoptMap() throws(JournalError) {
    try replaceMap(bytes: 0)
  }

  private func replaceMap(bytes: Int) throws(JournalError) {
    try gate.block(pinPatience: nil)
    defer { gate.unblock() }
    let code = mdb_env_set_mapsize(raw, bytes)
    guard code == 0 else {
      // LMDB has let the old map go by now.
      let error = LMDBFailure.error(code, "enlarging the map of \(directory)")
      gate.setPoison(error)
      throw error
    }
  }

  /// Whether that much can be mapped, asked before LMDB gives up the map it has.
  private static func hasAddressSpace(_ bytes: Int) -> Bool {
    let flags = MAP_PRIVATE | MAP_ANON | MAP_NORESERVE
    let address = mmap(nil, bytes, PROT_NONE, flags, -1, 0)
    guard let address, address != MAP_FAILED else { return false }
    munmap(address, bytes)
    return true
  }
}
