/// The files of a journal's directory beside LMDB's own two.
package enum JournalFiles {
  package static let data = "data.mdb"
  package static let lock = "lock.mdb"
  package static let syncLock = "sync.lock"

  /// The signing key of one device this copy has been.
  package static func key(in directory: String, of device: DeviceID) -> String {
    "\(directory)/signing-\(device).key"
  }
}
