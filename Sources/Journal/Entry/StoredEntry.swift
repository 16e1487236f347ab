/// An entry as it is held: header, salt, body, and the link to the record's previous entry.
package struct StoredEntry: Sendable {
  /// Bytes of a stored entry before its body.
  static let overhead = 97
  /// The encoding of a body whoever reads entries sees: plain CBOR.
  package static let plainEncoding: UInt8 = 0

  package var header: EntryHeader
  package var encoding: UInt8 = Self.plainEncoding
  package var salt: Salt
  /// The entry before this one about the same record; 0 is none. Outside the leaf.
  package var previous: SequenceNumber
  package var body: [UInt8]

  /// Writes everything before the body into `bytes`, which has room for ``overhead`` bytes.
  static func writePrefix(
    _ header: EntryHeader, deviceIndex: UInt16, encoding: UInt8, salt: Salt,
    previous: SequenceNumber, into bytes: UnsafeMutableRawBufferPointer
  ) {
    func store(_ value: some FixedWidthInteger, at offset: Int) {
      bytes.storeBytes(of: value.bigEndian, toByteOffset: offset, as: type(of: value))
    }
    store(header.version, at: 0)
    store(header.kind.rawValue, at: 1)
    store(header.flags.rawValue, at: 2)
    store(header.schema, at: 4)
    store(header.id.high, at: 8)
    store(header.id.low, at: 16)
    store(header.group, at: 24)
    store(header.time.milliseconds, at: 32)
    store(deviceIndex, at: 40)
    header.commitment.withUnsafeBytes {
      UnsafeMutableRawBufferPointer(rebasing: bytes[42..<74]).copyMemory(from: $0)
    }
    store(encoding, at: 74)
    store(salt.high, at: 75)
    store(salt.low, at: 83)
    store(UInt16(truncatingIfNeeded: previous >> 32), at: 91)
    store(UInt32(truncatingIfNeeded: previous), at: 93)
  }

  /// Decodes a row of `entries`.
  ///
  /// - Throws: ``JournalError/damaged(_:)`` or ``JournalError/unsupported(_:)``.
  package static func decode(
    _ payload: UnsafeRawBufferPointer, sequence: SequenceNumber, devices: [DeviceID]
  ) throws(JournalError) -> StoredEntry {
    let (header, encoding, salt, previous) = try decodePrefix(
      payload, sequence: sequence, devices: devices)
    return StoredEntry(
      header: header, encoding: encoding, salt: salt, previous: previous,
      body: [UInt8](payload[overhead...]))
  }

  /// Decodes what stands before the body, without copying the body.
  package static func decodePrefix(
    _ payload: UnsafeRawBufferPointer, sequence: SequenceNumber, devices: [DeviceID]
  ) throws(JournalError) -> (EntryHeader, encoding: UInt8, Salt, previous: SequenceNumber) {
    guard payload.count >= overhead else {
      throw .damaged("entry \(sequence) is shorter than its header; run `journal verify`")
    }
    var reader = RowReader(payload)
    let version = try reader.integer(UInt8.self)
    guard version == EntryHeader.currentVersion else {
      throw .unsupported(
        "entry \(sequence) has format version \(version), this release reads "
          + "\(EntryHeader.currentVersion); use a newer release")
    }
    let kind = EntryKind(rawValue: try reader.integer(UInt8.self))
    let flags = EntryHeader.Flags(rawValue: try reader.integer(UInt16.self))
    let schema = try reader.integer(UInt32.self)
    let id = EntryID(bytes: try reader.take(16))
    let group = try reader.integer(UInt64.self)
    let time = Timestamp(milliseconds: try reader.integer(UInt64.self))
    let deviceIndex = Int(try reader.integer(UInt16.self))
    guard devices.indices.contains(deviceIndex), let id else {
      throw .damaged("entry \(sequence) names an unknown device; run `journal verify`")
    }
    guard let commitment = TreeHash(bytes: try reader.take(32)) else {
      throw .damaged("entry \(sequence) has no commitment; run `journal verify`")
    }
    let encoding = try reader.integer(UInt8.self)
    let salt = Salt(
      high: try reader.integer(UInt64.self), low: try reader.integer(UInt64.self))
    let previous = try reader.uint48()
    let header = EntryHeader(
      version: version, kind: kind, flags: flags, schema: schema, sequence: sequence, id: id,
      group: group, time: time, device: devices[deviceIndex], commitment: commitment)
    return (header, encoding, salt, previous)
  }

  /// The body, once it is known to be of an encoding this release reads.
  package var plainBody: [UInt8] {
    get throws(JournalError) {
      switch encoding {
      case Self.plainEncoding: return body
      case Self.withheldEncoding:
        throw .unsupported(
          "the body of entry \(header.sequence) was left out of this pack; ask for one made without "
            + "--redact")
      case Self.erasedEncoding:
        throw .unsupported("the body of entry \(header.sequence) was erased")
      case RowCipher.encoding:
        throw LockedRows.error
      default:
        throw .unsupported(
          "entry \(header.sequence) has a body of encoding \(encoding); use a newer release")
      }
    }
  }
}
