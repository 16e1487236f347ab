import Foundation
import Journal
import Testing

@Suite("Key file")
struct KeyFileTests {
  let key: SigningKey

  init() throws {
    key = try SigningKey(name: "example.com/journal")
  }

  /// Runs a body in a new directory that is removed afterwards.
  private func inDirectory(_ body: (String) throws -> Void) throws {
    let directory = FileManager.default.temporaryDirectory
      .appending(path: "key-file-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
    let result = Result { try body(directory) }
    try FileManager.default.removeItem(atPath: directory)
    try result.get()
  }

  private func mode(_ path: String) throws -> Int {
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    return try #require(attributes[.posixPermissions] as? NSNumber).intValue
  }

  private func put(_ text: String, at path: String, mode: Int = 0o600) throws {
    try Data(text.utf8).write(to: URL(filePath: path))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
  }

  @Test("a key that is written reads back, in one line only its owner can read")
  func roundTrip() throws {
    try inDirectory { directory in
      let path = directory + "/signing-key"
      try KeyFile.write(key, to: path)
      let read = try KeyFile.read(from: path)
      #expect(read.verifierKey == key.verifierKey && read.seed == key.seed)
      #expect(try mode(path) == 0o600)
      let text = try String(contentsOfFile: path, encoding: .utf8)
      let seed = Data(key.seed).base64EncodedString()
      #expect(text == "sync-journal-key-1+example.com/journal+\(seed)\n")
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["signing-key"])
    }
  }

  @Test("writing never goes over what stands there, a dangling link included")
  func existingFiles() throws {
    try inDirectory { directory in
      let path = directory + "/key"
      try KeyFile.write(key, to: path)
      let other = try SigningKey(name: "other")
      #expect(refusalCode { try KeyFile.write(other, to: path) } == "already-exists")
      #expect(try KeyFile.read(from: path).verifierKey == key.verifierKey)

      let link = directory + "/link"
      let target = directory + "/target"
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: target)
      #expect(refusalCode { try KeyFile.write(key, to: link) } == "already-exists")
      #expect(!FileManager.default.fileExists(atPath: target))
    }
  }

  @Test("replacing puts the new key in place of the old and leaves nothing else behind")
  func replacing() throws {
    try inDirectory { directory in
      let path = directory + "/key"
      try put("anything", at: path, mode: 0o644)
      for _ in 0..<2 {
        let new = try SigningKey(name: "new")
        try KeyFile.replace(new, at: path)
        #expect(try KeyFile.read(from: path).verifierKey == new.verifierKey)
        #expect(try mode(path) == 0o600)
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["key"])

      let taken = directory + "/directory"
      try FileManager.default.createDirectory(
        atPath: taken + "/inside", withIntermediateDirectories: true)
      #expect(refusalCode { try KeyFile.replace(key, at: taken) } == "storage")
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
          == ["directory", "key"])
    }
  }

  @Test(
    "a file others have rights to is refused with the way out",
    arguments: [0o640, 0o604, 0o644, 0o620, 0o602, 0o610, 0o601, 0o777])
  func openModes(mode: Int) throws {
    try inDirectory { directory in
      let path = directory + "/key"
      try KeyFile.write(key, to: path)
      try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
      let error = try #require(throws: JournalError.self) { try KeyFile.read(from: path) }
      #expect(error.code == "cannot-open")
      #expect(error.description.contains("chmod 600 \(path)"))
    }
  }

  @Test("links, directories, pipes and nothing at all are not read")
  func notFiles() throws {
    try inDirectory { directory in
      let path = directory + "/key"
      try KeyFile.write(key, to: path)
      let link = directory + "/link"
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
      let pipe = directory + "/pipe"
      #expect(mkfifo(pipe, 0o600) == 0)
      for path in [link, directory, pipe, directory + "/none"] {
        #expect(refusalCode { try KeyFile.read(from: path) } == "cannot-open", "\(path)")
      }
      for path in ["", path + "\0.txt"] {
        #expect(refusalCode { try KeyFile.read(from: path) } == "invalid-input")
        #expect(refusalCode { try KeyFile.write(key, to: path) } == "invalid-input")
        #expect(refusalCode { try KeyFile.replace(key, at: path) } == "invalid-input")
      }
      #expect(refusalCode { try KeyFile.write(key, to: directory + "/no/key") } == "storage")
    }
  }

  @Test("a file that is not a key is damaged, and no message quotes it")
  func damagedFiles() throws {
    let seed = Data(key.seed).base64EncodedString()
    let good = "sync-journal-key-1+n+\(seed)\n"
    let damaged = [
      "", "\n", String(good.dropLast()), good + "\n", good + good, " " + good,
      good.replacing("+n+", with: "++"), good.replacing("+n+", with: "+a b+"),
      good.replacing("+n+", with: "+"), good.replacing("\n", with: "\r\n"),
      good.replacing("=\n", with: "\n"), "sync-journal-key-1+n+AAAA\n", "key+n+\(seed)\n",
      String(repeating: "a", count: 100_000),
    ]
    try inDirectory { directory in
      let path = directory + "/key"
      for text in damaged {
        try put(text, at: path)
        let error = try #require(throws: JournalError.self) { try KeyFile.read(from: path) }
        #expect(error.code == "damaged", "\(text.debugDescription.prefix(80))")
        #expect(!error.description.contains(seed))
      }
      try put(good, at: path)
      #expect(try KeyFile.read(from: path).seed == key.seed)
      try put(good.replacing("key-1", with: "key-2"), at: path)
      #expect(refusalCode { try KeyFile.read(from: path) } == "unsupported")
    }
  }

  @Test("the name of a key may be as long as a name can be")
  func longNames() throws {
    try inDirectory { directory in
      let long = try SigningKey(name: String(repeating: "é", count: 512))
      try KeyFile.write(long, to: directory + "/key")
      #expect(try KeyFile.read(from: directory + "/key").verifierKey == long.verifierKey)
    }
  }
}
