import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file that an option names, read whole.
enum InputFile {
  private static let blockBytes = 1 << 20

  /// - Throws: ``Finding`` for a usage error that says why it cannot be read.
  static func contents(_ path: String, _ what: String) throws -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw unreadable(path, what, errno) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: blockBytes)
    while true {
      let count = block.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
      guard count != 0 else { return bytes }
      guard count > 0 else {
        if errno == EINTR { continue }
        throw unreadable(path, what, errno)
      }
      bytes += block.prefix(count)
    }
  }

  private static func unreadable(_ path: String, _ what: String, _ code: Int32) -> Finding {
    .usage("cannot read \(what) \(path): \(SystemReason.text(code))")
  }
}
