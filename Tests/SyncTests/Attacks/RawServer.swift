import Foundation
import Synchronization

/// A server on loopback that answers every connection with whatever bytes it is told to: what no HTTP
/// library would send.
final class RawServer: Sendable {
  let port: UInt16
  private let listener: Int32
  private let accepted = Mutex(0)

  /// The connections so far.
  var connections: Int { accepted.withLock { $0 } }

  /// - Parameter answer: Called on a thread of its own for each connection, with its number from 1; the
  ///   connection is closed when it returns.
  init(_ answer: @escaping @Sendable (RawConnection, Int) -> Void) throws {
    listener = socket(AF_INET, Self.stream, 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let listener = listener
    let failed = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        bind(listener, pointer, size) != 0 || listen(listener, 128) != 0
          || getsockname(listener, pointer, &size) != 0
      }
    }
    guard !failed else { throw POSIXError(.EADDRINUSE) }
    port = UInt16(bigEndian: address.sin_port)
    Thread.detachNewThread { [weak self] in
      while true {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else { return }
        let number = self?.accepted.withLock { count in
          count += 1
          return count
        }
        guard let number else {
          close(connection)
          return
        }
        Thread.detachNewThread {
          let raw = RawConnection(socket: connection)
          answer(raw, number)
          raw.close()
        }
      }
    }
  }

  func stop() {
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
  }

  #if canImport(Glibc)
    private static let stream = Int32(SOCK_STREAM.rawValue)
  #else
    private static let stream = SOCK_STREAM
  #endif
}

/// One connection of a ``RawServer``.
struct RawConnection: Sendable {
  let socket: Int32

  /// The head of the next request, and what came with it; empty where the connection ended.
  @discardableResult
  func request() -> String {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4_096)
    while !String(decoding: bytes, as: UTF8.self).contains("\r\n\r\n") {
      let count = recv(socket, &buffer, buffer.count, 0)
      guard count > 0 else { return "" }
      bytes += buffer[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// False once the other side has closed.
  @discardableResult
  func send(_ bytes: [UInt8]) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Self.send(socket, $0) }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }

  @discardableResult
  func send(_ text: String) -> Bool { send(Array(text.utf8)) }

  /// Waits until the other side closes.
  func waitForEnd() {
    var buffer = [UInt8](repeating: 0, count: 4_096)
    while recv(socket, &buffer, buffer.count, 0) > 0 {}
  }

  /// Sends byte after byte with pauses until the other side has had enough.
  func drip(_ byte: UInt8) {
    while send([byte]) { usleep(20_000) }
  }

  /// Ends the connection by a reset.
  func reset() {
    var now = linger(l_onoff: 1, l_linger: 0)
    setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
    shutdown(socket, Int32(SHUT_RD))
  }

  func close() {
    #if canImport(Glibc)
      _ = Glibc.close(socket)
    #else
      _ = Darwin.close(socket)
    #endif
  }

  private static func send(_ socket: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    #if canImport(Glibc)
      Glibc.send(socket, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
    #else
      Darwin.send(socket, bytes.baseAddress, bytes.count, 0)
    #endif
  }
}
