/// One answer of a ``StubRule``.
public struct StubAnswer: Sendable {
  /// An HTTP status.
  public var status: Int
  /// Beside those every answer has.
  public var headers: [(name: String, value: String)]
  /// The answer's bytes.
  public var body: [UInt8]

  /// An answer.
  public init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
    (self.status, self.headers, self.body) = (status, headers, body)
  }
}
