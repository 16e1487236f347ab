import Journal

extension Environment {
  /// One commit of a row with this sequence, with a head row.
  func commit(_ sequence: UInt64, bytes: Int = 100) throws {
    try write { transaction in
      try transaction.put(
        .entries, sequence: sequence, payload: Self.payload(sequence, bytes: bytes))
      // Pages all over a second table are freed and used again.
      try transaction.put(
        .records, sequence: sequence &* 0x9E37_79B9 % 97,
        payload: Self.payload(sequence, bytes: 700))
      try transaction.putHead()
    }
  }

  static func payload(_ sequence: UInt64, bytes: Int) -> [UInt8] {
    (0..<bytes).map { UInt8(truncatingIfNeeded: sequence &+ UInt64($0)) }
  }

  /// Whether the row is there.
  func has(_ sequence: UInt64) throws -> Bool {
    try read { try $0.value(.entries, sequence: sequence) != nil }
  }
}

extension WriteTransaction {
  func putHead() throws {
    let head = HeadRow(transactionID: transactionID, fileBytes: try prepareCommit())
    try put(.meta, key: HeadRow.key, payload: head.prefix)
  }
}

/// The stable name of what came of a call.
func outcome(_ body: () throws -> Void) -> String {
  do {
    try body()
    return "done"
  } catch let error as JournalError {
    return error.code
  } catch {
    return "\(error)"
  }
}
