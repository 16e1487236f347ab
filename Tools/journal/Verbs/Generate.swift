import ArgumentParser
import Foundation
import Journal

struct Generate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the Swift source of a record's type, made from a sample of its JSON.",
    discussion: """
      All elements of an array are looked at: what is missing or null in one of them is optional. The \
      file's name names the collection and the type.
      """)

  @Argument(help: "JSON: an object, or an array of some; - is standard input.", completion: .file())
  var file: String
  @Option(help: "The type's name, in place of the file's.") var name: String?
  @Option(help: "The member of the sample under which the records stand.") var topLevelKey: String?

  func validate() throws {
    if file == "-", name == nil { throw ValidationError("standard input has no name: give --name") }
  }

  func run() throws {
    let data =
      file == "-"
      ? [UInt8](FileHandle.standardInput.readDataToEndOfFile())
      : try InputFile.contents(file, "the sample")
    guard let json = String(validating: data, as: UTF8.self) else {
      throw Finding.usage("the sample is not UTF-8")
    }
    let generator = try RecordGenerator(
      path: file == "-" ? "" : file, name: name, topLevelKey: topLevelKey)
    let output = Output()
    output.write([UInt8](try generator.source(of: json).utf8))
    output.flush()
  }
}
