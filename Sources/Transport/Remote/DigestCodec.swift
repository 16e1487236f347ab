import Journal

/// The answers to requests for digests: `docs/protocol` describes their bytes.
package enum DigestCodec {
  package static let maximumCollections = 10_000
  /// Buckets asked for at once.
  package static let maximumBuckets = 256

  package static func encode(epoch: String, _ digests: [CollectionDigest]) -> [UInt8] {
    var writer = CBORWriter(reserving: 256)
    writer.map(count: 2)
    writer.unsigned(1)
    writer.text(epoch)
    writer.unsigned(2)
    writer.array(count: digests.count)
    for digest in digests {
      writer.array(count: 3)
      writer.text(digest.collection)
      writer.unsigned(digest.records)
      writer.data(digest.digest)
    }
    return writer.bytes
  }

  package static func decodeCollections(
    _ bytes: UnsafeRawBufferPointer
  ) throws -> (epoch: String, digests: [CollectionDigest]) {
    var reader = CBORReader(bytes)
    let epoch = try head(&reader, member: 2)
    let count = try reader.arrayCount()
    guard count <= maximumCollections else { throw malformed() }
    var digests: [CollectionDigest] = []
    for _ in 0..<count {
      guard try reader.arrayCount() == 3 else { throw malformed() }
      let collection = try reader.string()
      let records = try reader.unsigned()
      let digest = [UInt8](bytes[try reader.data()])
      guard (1...RecordAddress.maximumNameBytes).contains(collection.utf8.count),
        digest.count == StateDigest.digestBytes
      else { throw malformed() }
      digests.append(
        CollectionDigest(collection: collection, records: records, digest: digest))
    }
    guard reader.isAtEnd else { throw malformed() }
    return (epoch, digests)
  }

  package static func encode(epoch: String, buckets: [UInt8]) -> [UInt8] {
    var writer = CBORWriter(reserving: buckets.count + 64)
    writer.map(count: 2)
    writer.unsigned(1)
    writer.text(epoch)
    writer.unsigned(3)
    writer.data(buckets)
    return writer.bytes
  }

  package static func decodeBuckets(
    _ bytes: UnsafeRawBufferPointer
  ) throws -> (epoch: String, buckets: [UInt8]) {
    var reader = CBORReader(bytes)
    let epoch = try head(&reader, member: 3)
    let buckets = [UInt8](bytes[try reader.data()])
    guard reader.isAtEnd else { throw malformed() }
    return (epoch, buckets)
  }

  /// Four digits for each bucket.
  package static func text(_ buckets: [UInt16]) -> String {
    Hex.encode(buckets.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] })
  }

  /// - Returns: nil for anything that ``text(_:)`` does not write of 1 to 256 buckets below 2 to the power
  ///   of `bits`.
  package static func buckets(_ text: String, bits: Int) -> Set<UInt16>? {
    guard let bytes = Hex.decode(text), bytes.count.isMultiple(of: 2) else { return nil }
    var buckets: Set<UInt16> = []
    for index in stride(from: 0, to: bytes.count, by: 2) {
      let bucket = UInt16(bytes[index]) << 8 | UInt16(bytes[index + 1])
      guard Int(bucket) < 1 << bits else { return nil }
      buckets.insert(bucket)
    }
    return (1...maximumBuckets).contains(buckets.count) ? buckets : nil
  }

  private static func head(_ reader: inout CBORReader, member: UInt64) throws -> String {
    guard try reader.mapCount() == 2, try reader.unsigned() == 1 else { throw malformed() }
    let epoch = try reader.string()
    guard epoch.utf8.count <= 256, try reader.unsigned() == member else { throw malformed() }
    return epoch
  }

  private static func malformed() -> JournalError {
    .invalidInput("the server's answer about its digests is malformed")
  }
}
