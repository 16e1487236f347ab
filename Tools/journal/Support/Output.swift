import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Buffered standard output. A reader that closed the pipe is no error: the command ends with 0.
final class Output {
  static let flushBytes = 64 << 10
  private var buffer: [UInt8] = []

  init() {}

  func write(_ bytes: [UInt8]) {
    buffer.append(contentsOf: bytes)
    if buffer.count >= Self.flushBytes { flush() }
  }

  func line(_ text: String) {
    write([UInt8](text.utf8))
    write([0x0A])
  }

  /// Writes one JSON text and a line feed, made in place.
  func line(_ make: (inout [UInt8]) throws -> Void) rethrows {
    try make(&buffer)
    buffer.append(0x0A)
    if buffer.count >= Self.flushBytes { flush() }
  }

  func flush() {
    var offset = 0
    while offset < buffer.count {
      let written = buffer.withUnsafeBytes { bytes in
        writeBytes(1, bytes.baseAddress?.advanced(by: offset), bytes.count - offset)
      }
      if written > 0 {
        offset += written
      } else if errno == EPIPE {
        exit(0)
      } else if errno != EINTR {
        Diagnostics.error("cannot write to standard output: \(String(cString: strerror(errno)))")
        exit(ExitStatus.unavailable)
      }
    }
    buffer.removeAll(keepingCapacity: true)
  }
}

@inline(__always)
private func writeBytes(_ file: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
  write(file, bytes, count)
}

/// Messages for people, on standard error.
enum Diagnostics {
  static func error(_ text: String) {
    note("journal: error: \(text)")
  }

  static func note(_ text: String) {
    FileHandle.standardError.write(Data("\(text)\n".utf8))
  }
}
