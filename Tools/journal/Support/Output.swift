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

  /// Writes a line, whole: what follows a failure begins a line of its own.
  func line(_ text: String) {
    write([UInt8](text.utf8) + [0x0A])
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

extension String {
  /// The text with its control characters as `\u{XX}`.
  ///
  /// Names and values come from others; on a terminal their control characters would be commands.
  var terminalSafe: String {
    // C1 controls are 0xC2 and one more byte in UTF-8.
    if utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F && $0 != 0xC2 }) { return self }
    var safe = ""
    for scalar in unicodeScalars {
      switch scalar.value {
      case 0..<0x20, 0x7F...0x9F:
        let digits = String(scalar.value, radix: 16, uppercase: true)
        safe += "\\u{\(digits.count < 2 ? "0" : "")\(digits)}"
      default: safe.unicodeScalars.append(scalar)
      }
    }
    return safe
  }
}

/// Messages for people, on standard error.
enum Diagnostics {
  static func error(_ text: String) {
    note("journal: error: \(text.terminalSafe)")
  }

  static func note(_ text: String) {
    FileHandle.standardError.write(Data("\(text)\n".utf8))
  }
}
