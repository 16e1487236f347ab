/// Where an edit on a server's journal came from: the device, and its sequence and time there.
package struct Origin: Sendable, Hashable {
  package var device: DeviceID
  package var sequence: SequenceNumber
  package var time: Timestamp

  package init(device: DeviceID, sequence: SequenceNumber, time: Timestamp) {
    self.device = device
    self.sequence = sequence
    self.time = time
  }

  /// The origin a body names, if it names one.
  package init?(_ body: Body) throws(JournalError) {
    guard let raw = body.raw(.origin) else { return nil }
    var reader = CBORReader(raw)
    guard try reader.arrayCount() == 3,
      let device = DeviceID(bytes: UnsafeRawBufferPointer(rebasing: raw[try reader.data()]))
    else { throw .damaged("an entry's origin is malformed") }
    self.device = device
    sequence = try reader.unsigned()
    time = Timestamp(milliseconds: try reader.unsigned())
  }

  /// The key of the table `origins`.
  package var key: [UInt8] { device.bytes + [UInt8](sequence: sequence) }

  /// The row of the table `origins`: the sequence an edit has here.
  package static func row(_ sequence: SequenceNumber) -> [UInt8] {
    var row: [UInt8] = []
    row.appendUInt48(sequence)
    return row
  }

  /// The sequence a row of the table `origins` says.
  package static func sequence(
    inRow row: UnsafeRawBufferPointer
  ) throws(JournalError) -> SequenceNumber {
    var reader = RowReader(row)
    let sequence = try reader.uint48()
    guard reader.remaining == 0 else {
      throw .damaged("a row of `origins` has trailing bytes; run `journal verify`")
    }
    return sequence
  }

  package func write(into writer: inout CBORWriter) {
    writer.array(count: 3)
    writer.data(device.bytes)
    writer.unsigned(sequence)
    writer.unsigned(time.milliseconds)
  }
}
