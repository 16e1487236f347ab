import Hummingbird
import Journal
import Transport

/// Requests that find out what differs.
extension ServerApplication {
  func addDigests(to router: Router<BasicRequestContext>) {
    router.get("/v1/digest") { request, _ in
      try await answer(request) { journal in
        let cursor = try required("cursor", request)
        guard request.uri.queryParameters["collection"] != nil else {
          return try journal.digest(at: cursor, filters: filters(request)) { reader in
            DigestCodec.encode(epoch: reader.epoch, try reader.collections())
          }
        }
        let (collection, bits) = try (collection(request), bits(request))
        return try journal.digest(at: cursor, filters: filters(request)) { reader in
          DigestCodec.encode(
            epoch: reader.epoch, buckets: try reader.buckets(of: collection, bits: bits))
        }
      }
    }
    router.get("/v1/records") { request, _ in
      try await answer(request) { journal in
        let cursor = try required("cursor", request)
        let (collection, bits) = try (collection(request), bits(request))
        let limit = try limit(request)
        guard let buckets = DigestCodec.buckets(try required("buckets", request), bits: bits) else {
          throw ServerError.badRequest("`buckets` are 1 to 256 numbers of four hexadecimal digits")
        }
        let place = request.uri.queryParameters["place"].map { String($0) }
        return try journal.digest(at: cursor, filters: filters(request)) { reader in
          FeedCodec.encode(
            try reader.records(
              of: collection, in: buckets, bits: bits, from: place, limit: limit))
        }
      }
    }
  }

  private func required(_ name: String, _ request: Request) throws -> String {
    guard let text = request.uri.queryParameters[Substring(name)] else {
      throw ServerError.badRequest("`\(name)` is missing")
    }
    return String(text)
  }

  private func collection(_ request: Request) throws -> String {
    let collection = try required("collection", request)
    guard (1...RecordAddress.maximumNameBytes).contains(collection.utf8.count) else {
      throw ServerError.badRequest("`collection` has 1 to 128 bytes")
    }
    return collection
  }

  private func bits(_ request: Request) throws -> Int {
    guard let bits = Int(try required("bits", request)),
      (0...StateDigest.maximumBits).contains(bits)
    else { throw ServerError.badRequest("`bits` is 0 to 16") }
    return bits
  }
}
