/// What an answer is looked at for before anything is made of it.
extension HTTPExchangeResponse {
  /// A failure without what the server repeats of the request's credentials: what it says may be written
  /// down. The content of a success is data, and stays as it is.
  func without(_ secrets: Secrets) -> HTTPExchangeResponse {
    guard !(200...299).contains(status) else { return self }
    var answer = self
    answer.body = secrets.masked(body)
    answer.headers = headers.map { (name: $0.name, value: secrets.masked($0.value)) }
    return answer
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
