import Foundation
import Journal

/// Answers for one journal directory after another: a line of standard input is a directory, the
/// answer one line of JSON.
///
/// One process for many images, since starting one costs more than a check. A directory on which
/// it dies is for the caller to report: the promise is that this never happens.
@main
enum Checker {
  static func main() async {
    while let line = readLine(strippingNewline: true) {
      let isThorough = line.hasPrefix("!")
      let directory = String(isThorough ? line.dropFirst() : line[...])
      let answer = await ImageCheck(directory: directory, isThorough: isThorough).run()
      FileHandle.standardOutput.write(Data((JSONText.string(answer) + "\n").utf8))
    }
  }
}
