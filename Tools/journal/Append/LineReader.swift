import Foundation
import Journal

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Lines of a file or of standard input, read in blocks: memory stays flat whatever the size.
final class LineReader {
  private static let blockBytes = 1 << 20
  /// An entry is at most 1 MiB; its JSON may be longer through escapes.
  static let maximumLineBytes = 8 << 20

  private let descriptor: Int32
  /// Nil is standard input.
  private let path: String?
  private var buffer: [UInt8] = []
  private var start = 0
  private var isAtEnd = false
  private(set) var number = 0

  /// - Parameter path: A file, or `-` for standard input.
  init(_ path: String) throws {
    guard path != "-" else {
      descriptor = 0
      self.path = nil
      return
    }
    self.path = path
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw Finding.usage("cannot read \(path): \(SystemReason.text(errno))")
    }
  }

  deinit {
    if descriptor > 0 { close(descriptor) }
  }

  /// Whether the next line is here, or the end of the input: nobody is waited for.
  var isReady: Bool { isAtEnd || lineFeed(from: start) != nil }

  /// Lends the next line without its line feed; nil at the end of the input.
  func next<R>(_ body: (UnsafeRawBufferPointer) throws -> R) throws -> R? {
    var scanned = start
    while true {
      if let end = lineFeed(from: scanned) {
        defer { start = end + 1 }
        return try lend(start..<end, body)
      }
      scanned = buffer.count
      if isAtEnd {
        guard start < buffer.count else { return nil }
        defer { start = buffer.count }
        return try lend(start..<buffer.count, body)
      }
      guard buffer.count - start <= Self.maximumLineBytes else {
        number += 1
        throw JournalError.invalidInput("the line is longer than 8 MiB")
      }
      scanned -= start
      try fill()
    }
  }

  private func lend<R>(_ range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> R) throws
    -> R
  {
    number += 1
    return try buffer.withUnsafeBytes { bytes in
      var range = range
      // A carriage return before the line feed is white space of JSON; a blank line may be one.
      if let last = range.last, bytes[last] == 0x0D { range = range.lowerBound..<last }
      return try body(UnsafeRawBufferPointer(rebasing: bytes[range]))
    }
  }

  private func lineFeed(from offset: Int) -> Int? {
    buffer.withUnsafeBytes { bytes in
      guard offset < bytes.count, let base = bytes.baseAddress,
        let found = memchr(base + offset, 0x0A, bytes.count - offset)
      else { return nil }
      return UnsafeRawPointer(found) - base
    }
  }

  private func fill() throws {
    buffer.removeSubrange(..<start)
    start = 0
    let old = buffer.count
    buffer.append(contentsOf: repeatElement(0, count: Self.blockBytes))
    var got = -1
    repeat {
      got = buffer.withUnsafeMutableBytes { bytes in
        read(descriptor, bytes.baseAddress?.advanced(by: old), Self.blockBytes)
      }
    } while got < 0 && errno == EINTR
    let code = errno
    buffer.removeLast(Self.blockBytes - max(0, got))
    guard got >= 0 else {
      // No line is to blame, so this is no error of the input's lines.
      let reason = String(cString: strerror(code))
      guard let path else {
        throw Finding(
          status: ExitStatus.unavailable, message: "cannot read standard input: \(reason)")
      }
      throw Finding.usage("cannot read \(path): \(reason)")
    }
    isAtEnd = got == 0
  }
}
