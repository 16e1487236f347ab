import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// How text is laid out where a person reads it: no line is wider than the terminal. A pipe gets each line as it is.
enum Terminal {
  /// The columns of the terminal that standard output is; nil where it is none.
  static let columns: Int? = {
    guard isatty(STDOUT_FILENO) == 1 else { return nil }
    if let text = ProcessInfo.processInfo.environment["COLUMNS"], let given = Int(text),
      given > 0
    {
      return max(given, narrowest)
    }
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return max(Int(size.ws_col), narrowest)
  }()

  private static let narrowest = 20
  /// What follows the first line of something stands in by so much.
  static let indent = 9
  /// Most lines of one part: whoever wants all of a long value asks for it on a pipe or as JSON.
  static let mostLines = 6

  /// Lays parts out one behind the other, two spaces apart, beginning a new line where one does not fit.
  ///
  /// - Parameter columns: How wide a line may be; at least 20.
  static func lines(_ parts: [String], columns: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    var width = 0
    for part in parts {
      let partWidth = part.columns
      if !line.isEmpty, width + 2 + partWidth <= columns {
        line += "  " + part
        width += 2 + partWidth
        continue
      }
      if !line.isEmpty { lines.append(line) }
      let margin = lines.isEmpty && line.isEmpty ? 0 : indent
      let pieces = cut(part, first: columns - margin, rest: columns - indent)
      for (index, piece) in pieces.enumerated() {
        line = String(repeating: " ", count: index == 0 ? margin : indent) + piece
        if index < pieces.count - 1 { lines.append(line) }
      }
      width = line.columns
    }
    if !line.isEmpty { lines.append(line) }
    return lines
  }

  /// Cuts a part into pieces of at most so many columns, between words where there are some.
  private static func cut(_ part: String, first: Int, rest: Int) -> [String] {
    var pieces: [String] = []
    var left = Substring(part)
    while !left.isEmpty {
      let room = pieces.isEmpty ? first : rest
      let fitting = left.prefix(columns: room)
      guard fitting.endIndex < left.endIndex else {
        pieces.append(String(left))
        break
      }
      if pieces.count == mostLines - 1 {
        pieces.append(left.prefix(columns: room - 1) + "…")
        break
      }
      var end = fitting.endIndex
      if let space = fitting.lastIndex(of: " "), fitting[..<space].columns > room / 2 {
        end = left.index(after: space)
      }
      pieces.append(String(left[..<end]).trimmingSuffix(of: " "))
      left = left[end...]
    }
    return pieces
  }
}

extension StringProtocol {
  /// How many columns a terminal shows the text in, as near as its characters tell.
  var columns: Int { reduce(0) { $0 + $1.columns } }

  /// The longest beginning that takes no more columns; at least one character.
  fileprivate func prefix(columns most: Int) -> SubSequence {
    var width = 0
    var end = startIndex
    while end < endIndex {
      width += self[end].columns
      if width > most, end > startIndex { break }
      end = index(after: end)
    }
    return self[..<end]
  }

  fileprivate func trimmingSuffix(of character: Character) -> String {
    var text = String(self)
    while text.last == character { text.removeLast() }
    return text
  }
}

extension Character {
  /// East Asian letters and emoji take two columns, marks and joiners none.
  fileprivate var columns: Int {
    guard let scalar = unicodeScalars.first else { return 0 }
    if scalar.value < 0x300 { return 1 }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return 0
    default: break
    }
    if scalar.properties.isEmojiPresentation || unicodeScalars.contains("\u{FE0F}") { return 2 }
    return switch scalar.value {
    case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE4F,
      0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
      2
    default: 1
    }
  }
}

extension Output {
  /// Shows parts to a person: one line on a pipe, as many as it takes on a terminal.
  func show(_ parts: [String]) {
    let safe = parts.map(\.terminalSafe)
    guard let columns = Terminal.columns else { return line(safe.joined(separator: "  ")) }
    for text in Terminal.lines(safe, columns: columns) { line(text) }
  }

  /// Shows a sentence to a person.
  func show(_ text: String) { show([text]) }
}
