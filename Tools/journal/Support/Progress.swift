import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A line of progress on a terminal; nothing on a pipe.
struct Progress {
  private let label: String
  private let isShown = isatty(2) == 1
  private var next = ContinuousClock.now

  init(_ label: String) {
    self.label = label
  }

  /// Shows how far the work is; at most ten times a second.
  mutating func update(_ done: UInt64, of total: UInt64? = nil) {
    guard isShown, ContinuousClock.now >= next else { return }
    next = ContinuousClock.now + .milliseconds(100)
    var text = "\(label) \(done)"
    if let total, total > 0 {
      let width = 30
      let filled = Int(min(done, total) * UInt64(width) / total)
      text +=
        "/\(total) [" + String(repeating: "#", count: filled)
        + String(repeating: ".", count: width - filled) + "]"
    }
    FileHandle.standardError.write(Data("\r\u{1B}[K\(text)".utf8))
  }

  func finish() {
    if isShown { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) }
  }
}
