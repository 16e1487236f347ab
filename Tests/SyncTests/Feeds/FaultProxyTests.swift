#if canImport(Glibc)
  import Foundation
  import Glibc
  import Synchronization
  import TestKit
  import Testing
  import Transport
  import TransportTesting

  /// A server that gives everybody who asks the same answer, with nothing between it and the socket.
  private final class OneAnswer: Sendable {
    let port: Int
    private let descriptor: Int32

    init(_ body: String) throws {
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = inet_addr("127.0.0.1")
      var size = socklen_t(MemoryLayout<sockaddr_in>.size)
      let isBound = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, size) == 0 && listen(descriptor, 8) == 0
            && getsockname(descriptor, $0, &size) == 0
        }
      }
      try #require(isBound)
      port = Int(UInt16(bigEndian: address.sin_port))
      self.descriptor = descriptor
      let answer = Array(
        "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)".utf8)
      Thread.detachNewThread {
        while true {
          let connection = accept(descriptor, nil, nil)
          guard connection >= 0 else { return }
          Thread.detachNewThread { Self.serve(connection, answer) }
        }
      }
    }

    private static func serve(_ connection: Int32, _ answer: [UInt8]) {
      var head: [UInt8] = []
      var byte: UInt8 = 0
      while read(connection, &byte, 1) == 1 {
        head.append(byte)
        guard head.suffix(4).elementsEqual("\r\n\r\n".utf8) else { continue }
        head = []
        guard send(connection, answer, answer.count, Int32(MSG_NOSIGNAL)) == answer.count
        else { break }
      }
      close(connection)
    }

    func stop() {
      shutdown(descriptor, Int32(SHUT_RDWR))
      close(descriptor)
    }
  }

  @Suite struct `A proxy with faults` {
    private func ask(_ port: Int) async throws -> String {
      try await HTTPExchanges.withDefault { exchange in
        let answer = try await exchange.send(
          HTTPExchangeRequest(method: "GET", url: "http://127.0.0.1:\(port)/"))
        return String(decoding: answer.body, as: UTF8.self)
      }
    }

    @Test func `breaks connections where the script says, and passes on the others`() async throws {
      let body = String(repeating: "0123456789", count: 50)
      let server = try OneAnswer(body)
      defer { server.stop() }
      let script: [ConnectionFault] = [
        .refused, .requestCut(after: 10), .answerCut(after: 0), .answerCut(after: 300),
        .answerReset(after: 300),
      ]
      let applied = try await FaultProxy.with(
        port: server.port, script: script + [.slow(bytes: 64, pause: .milliseconds(1)), .none]
      ) { proxy in
        for fault in script {
          await #expect("\(fault)") {
            try await ask(proxy.port)
          } throws: { error in
            (error as? TransportError)?.code == "unreachable"
          }
        }
        let (slow, plain) = (try await ask(proxy.port), try await ask(proxy.port))
        #expect(slow == body && plain == body)
        return proxy.applied
      }
      #expect(applied == script + [.slow(bytes: 64, pause: .milliseconds(1)), .none])
    }

    @Test func `ends with what it was made for`() async throws {
      let server = try OneAnswer("x")
      defer { server.stop() }
      let port = try await FaultProxy.with(port: server.port) { $0.port }
      await #expect(throws: TransportError.self) { try await ask(port) }
    }
  }
#endif
