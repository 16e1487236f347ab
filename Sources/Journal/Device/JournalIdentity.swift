/// Which journal this is, and which devices this copy of it has been.
package struct JournalIdentity: Sendable, Hashable {
  package struct Device: Sendable, Hashable {
    package var id: DeviceID
    package var label: String
    /// C2SP verifier key of the device's checkpoints.
    package var verifierKey: String
  }

  package var journal: EntryID
  package var isLocal: Bool
  /// Keys the computed ids of remote changes; in no leaf, pack, export or request.
  ///
  /// Empty where the journal is encrypted: there it has a row of its own, see
  /// ``AppendContext/secret``.
  package var secret: [UInt8]
  /// Every device this copy has been, oldest first; stored entries name them by index.
  package var devices: [Device]
  package var currentIndex: UInt16

  /// Whether contents of the journal are encrypted, at least in part.
  package var isSealed: Bool { secret.isEmpty }
  package var current: Device { devices[Int(currentIndex)] }
  package var deviceIDs: [DeviceID] { devices.map(\.id) }

  /// The origin line of a device's checkpoints and the name of its key.
  package static func origin(of device: DeviceID) -> String {
    "sync-journal/\(device)"
  }

  package var encoded: [UInt8] {
    var writer = CBORWriter()
    writer.map(count: 6)
    writer.unsigned(1)
    writer.unsigned(UInt64(EntryHeader.currentVersion))
    writer.unsigned(2)
    writer.data(journal.bytes)
    writer.unsigned(3)
    writer.bool(isLocal)
    writer.unsigned(4)
    writer.data(secret)
    writer.unsigned(5)
    writer.array(count: devices.count)
    for device in devices {
      writer.array(count: 3)
      writer.data(device.id.bytes)
      writer.text(device.label)
      writer.text(device.verifierKey)
    }
    writer.unsigned(6)
    writer.unsigned(UInt64(currentIndex))
    return writer.bytes
  }

  package init(
    journal: EntryID, isLocal: Bool, secret: [UInt8], devices: [Device], currentIndex: UInt16
  ) {
    self.journal = journal
    self.isLocal = isLocal
    self.secret = secret
    self.devices = devices
    self.currentIndex = currentIndex
  }

  /// - Throws: ``JournalError/damaged(_:)``, or ``JournalError/unsupported(_:)`` for a journal of a
  ///   later format version.
  package init(_ payload: UnsafeRawBufferPointer) throws(JournalError) {
    var reader = CBORReader(payload)
    guard try reader.mapCount() == 6, try reader.unsigned() == 1 else {
      throw .damaged("the journal's identity row is malformed; run `journal verify`")
    }
    let version = try reader.unsigned()
    guard version == UInt64(EntryHeader.currentVersion) else {
      throw .unsupported(
        "the journal has format version \(version), this release reads "
          + "\(EntryHeader.currentVersion); use a newer release")
    }
    func expect(_ key: UInt64) throws(JournalError) {
      guard try reader.unsigned() == key else {
        throw .damaged("the journal's identity row is malformed; run `journal verify`")
      }
    }
    func uuid() throws(JournalError) -> [UInt8] { [UInt8](payload[try reader.data()]) }
    try expect(2)
    guard let journal = EntryID(bytes: try uuid()) else {
      throw .damaged("the journal's id is not 16 bytes; run `journal verify`")
    }
    self.journal = journal
    try expect(3)
    isLocal = try reader.bool()
    try expect(4)
    secret = try uuid()
    try expect(5)
    devices = []
    for _ in 0..<(try reader.arrayCount()) {
      guard try reader.arrayCount() == 3, let id = DeviceID(bytes: try uuid()) else {
        throw .damaged("a device of the journal's identity row is malformed; run `journal verify`")
      }
      devices.append(
        Device(id: id, label: try reader.string(), verifierKey: try reader.string()))
    }
    try expect(6)
    guard let index = UInt16(exactly: try reader.unsigned()), Int(index) < devices.count else {
      throw .damaged("the journal's current device is unknown; run `journal verify`")
    }
    currentIndex = index
    guard reader.isAtEnd else {
      throw .damaged("the journal's identity row has trailing bytes; run `journal verify`")
    }
  }
}
