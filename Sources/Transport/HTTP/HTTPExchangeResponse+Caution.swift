/// What an answer is looked at for before anything is made of it.
extension HTTPExchangeResponse {
  /// The answer without the credentials of its request, where the server repeats them: what it says may
  /// be written down.
  func without(_ credentials: String?) -> HTTPExchangeResponse {
    guard !(200...299).contains(status), let credentials else { return self }
    var answer = self
    let token = credentials.split(separator: " ").last.map(String.init) ?? credentials
    for secret in [credentials, token] where secret.utf8.count >= 4 {
      answer.body = Self.masking(Array(secret.utf8), in: answer.body)
    }
    return answer
  }

  private static func masking(_ secret: [UInt8], in body: [UInt8]) -> [UInt8] {
    var masked: [UInt8] = []
    var position = 0
    while position < body.count {
      if body.count - position >= secret.count,
        body[position..<position + secret.count].elementsEqual(secret)
      {
        masked.append(UInt8(ascii: "*"))
        position += secret.count
      } else {
        masked.append(body[position])
        position += 1
      }
    }
    return masked
  }

  /// Throws where a success is a page for people: that of a network one has to log in to, not the
  /// server's.
  ///
  /// - Throws: ``TransportError/unreachable(_:)``.
  func checkNotForPeople(at url: String) throws(TransportError) {
    guard (200...299).contains(status), !body.isEmpty,
      let type = header("content-type")?.lowercased(), type.hasPrefix("text/html")
    else { return }
    throw .unreachable(
      "\(url) was answered with a page for people: does this network ask for a login? What was "
        + "recorded is safe here; sync again later")
  }
}
