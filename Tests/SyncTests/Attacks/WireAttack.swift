import Testing

#if HTTPClient && os(Linux)
  /// What a hostile or broken server can put on the wire, against the real HTTP client.
  struct WireAttack: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let code: String
    /// Whether only the client's patience ends it.
    var isEndless: Bool {
      testDescription.hasSuffix("in drops") || testDescription.hasSuffix("for ever")
        || testDescription.hasSuffix("of 1 MiB") || testDescription == "is silent"
    }
    let answer: @Sendable (RawConnection) -> Void

    init(_ name: String, _ code: String, _ answer: @escaping @Sendable (RawConnection) -> Void) {
      (testDescription, self.code, self.answer) = (name, code, answer)
    }

    init(_ name: String, _ code: String, _ text: String) {
      self.init(name, code) { $0.send(text) }
    }

    static let ok = "HTTP/1.1 200 OK\r\n"
    private static let chunked = ok + "Transfer-Encoding: chunked\r\n\r\n"
    private static let block = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 16)

    static let all: [WireAttack] = [
      WireAttack("closes without a word", "unreachable") { _ in },
      WireAttack("resets the connection", "unreachable") { $0.reset() },
      WireAttack("is silent", "unreachable") { $0.waitForEnd() },
      WireAttack("no HTTP at all", "unreachable", "\u{0}\u{1}\u{2}\u{3}\r\n\r\n"),
      WireAttack("a status line of 1 MiB", "unreachable") { connection in
        connection.send("HTTP/1.1 200 ")
        for _ in 0..<16 where !connection.send(block) { return }
        connection.waitForEnd()
      },
      WireAttack("a status that is no number", "unreachable", "HTTP/1.1 two OK\r\n\r\n"),
      WireAttack("a status of five digits", "unreachable", "HTTP/1.1 20000 OK\r\n\r\n"),
      WireAttack("a length below zero", "unreachable", ok + "Content-Length: -1\r\n\r\n"),
      WireAttack("a length that is no number", "unreachable", ok + "Content-Length: ten\r\n\r\n"),
      WireAttack(
        "a length over 64 bits", "unreachable",
        ok + "Content-Length: 99999999999999999999999\r\n\r\n"),
      WireAttack(
        "two lengths", "unreachable",
        ok + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n[]"),
      WireAttack(
        "a length and chunks", "unreachable",
        ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n"),
      WireAttack("less than its length", "unreachable", ok + "Content-Length: 100\r\n\r\n[]"),
      WireAttack("a length of 400 MiB", "protocol-violation") { connection in
        connection.send(ok + "Content-Length: 419430400\r\n\r\n")
        while connection.send(block) {}
      },
      WireAttack("more than is allowed, without a length", "protocol-violation") { connection in
        connection.send(ok + "Connection: close\r\n\r\n")
        while connection.send(block) {}
      },
      WireAttack("chunks without end", "protocol-violation") { connection in
        connection.send(chunked)
        while connection.send("10000\r\n") && connection.send(block) && connection.send("\r\n") {}
      },
      WireAttack("a chunk's size that is no number", "unreachable", chunked + "xyz\r\n[]\r\n"),
      WireAttack(
        "a chunk's size over 64 bits", "unreachable", chunked + "FFFFFFFFFFFFFFFFFF\r\n[]\r\n"),
      WireAttack("a chunk longer than its size", "unreachable", chunked + "1\r\n[]\r\n0\r\n\r\n"),
      WireAttack("a chunk shorter than its size", "unreachable", chunked + "5\r\n[]\r\n0\r\n\r\n"),
      WireAttack("chunks that break off", "unreachable", chunked + "2\r\n[]\r\n"),
      WireAttack("a million headers", "unreachable") { connection in
        connection.send(ok)
        for number in 0..<1_000_000 where !connection.send("h\(number): x\r\n") { return }
        connection.send("Content-Length: 2\r\n\r\n[]")
      },
      WireAttack(
        "300 headers", "unreachable",
        ok + (0..<300).map { "h\($0): x\r\n" }.joined() + "Content-Length: 2\r\n\r\n[]"),
      WireAttack("a header of 1 MiB", "unreachable") { connection in
        connection.send(ok + "X: ")
        for _ in 0..<16 where !connection.send(block) { return }
        connection.waitForEnd()
      },
      WireAttack("a header's name of 1 MiB", "unreachable") { connection in
        connection.send(ok)
        for _ in 0..<16 where !connection.send(block) { return }
        connection.waitForEnd()
      },
      WireAttack("a header without a colon", "unreachable", ok + "nonsense\r\n\r\n[]"),
      WireAttack("a header with a NUL", "unreachable", ok + "X: a\u{0}b\r\n\r\n[]"),
      WireAttack("a gzip bomb", "protocol-violation") { connection in
        connection.send(ok + "Content-Encoding: gzip\r\nContent-Length: 400000\r\n\r\n")
        while connection.send(block) {}
      },
      WireAttack(
        "deflate", "protocol-violation",
        ok + "Content-Encoding: deflate\r\nContent-Length: 2\r\n\r\n[]"),
      WireAttack(
        "compression behind identity", "protocol-violation",
        ok + "Content-Encoding: identity, br\r\nContent-Length: 2\r\n\r\n[]"),
      WireAttack("100 Continue for ever", "unreachable") { connection in
        while connection.send("HTTP/1.1 100 Continue\r\n\r\n") {}
      },
      WireAttack("a head in drops", "unreachable") { connection in
        connection.send(ok + "X: ")
        connection.drip(UInt8(ascii: "x"))
      },
      WireAttack("a body in drops", "unreachable") { connection in
        connection.send(ok + "Content-Length: 100000\r\n\r\n")
        connection.drip(UInt8(ascii: " "))
      },
      WireAttack("a chunk in drops", "unreachable") { connection in
        connection.send(chunked)
        while connection.send("1\r\n \r\n") { connection.send([]) }
      },
      WireAttack("a reset in the middle of a body", "unreachable") { connection in
        connection.send(ok + "Content-Length: 1000\r\n\r\n[")
        connection.reset()
      },
    ]
  }
#endif
