import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Where a new journal's directory goes: created beside its place and renamed into it.
struct DirectoryPlace {
  private let path: String
  private let parent: String
  private let name: String

  init(_ path: String) {
    let url = URL(fileURLWithPath: path).standardizedFileURL
    self.path = url.path
    parent = url.deletingLastPathComponent().path
    name = url.lastPathComponent
  }

  /// - Throws: ``JournalError/alreadyExists(_:)`` when something stands there already.
  func checkIsFree() throws(JournalError) {
    var status = stat()
    guard lstat(path, &status) == 0 else {
      guard errno == ENOENT else {
        throw .storage("cannot look at \(path): \(Self.reason())")
      }
      return
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw .alreadyExists("\(path) exists and is not a directory; choose another place")
    }
    if access("\(path)/\(JournalFiles.data)", F_OK) == 0 {
      throw .alreadyExists("a journal already stands at \(path); it was not touched")
    }
    guard let stream = opendir(path) else {
      throw .storage("cannot read the directory \(path): \(Self.reason())")
    }
    defer { closedir(stream) }
    var entries = 0
    while readdir(stream) != nil { entries += 1 }
    guard entries <= 2 else {
      throw .alreadyExists(
        "the directory \(path) is not empty; a journal needs a directory of its own")
    }
  }

  func makeTemporary(random: UInt64) throws(JournalError) -> String {
    let temporary = "\(parent)/.\(name).creating-\(String(random, radix: 16))"
    guard mkdir(temporary, 0o700) == 0 else {
      throw .storage("cannot create a directory in \(parent): \(Self.reason())")
    }
    // The mode counts whatever the umask says.
    guard chmod(temporary, 0o700) == 0 else {
      throw .storage("cannot set the mode of \(temporary): \(Self.reason())")
    }
    return temporary
  }

  /// Syncs the finished directory, renames it into place and syncs the parent.
  func moveIn(_ temporary: String) throws(JournalError) {
    try Self.sync(temporary)
    // Renaming over an empty directory replaces it; over anything else it fails.
    guard rename(temporary, path) == 0 else {
      guard errno == ENOTEMPTY || errno == EEXIST else {
        throw .storage("cannot rename the new journal to \(path): \(Self.reason())")
      }
      throw .alreadyExists("something was created at \(path) meanwhile; it was not touched")
    }
    try Self.sync(parent)
  }

  func discard(_ temporary: String) {
    // Best effort, the error that led here is the one to report: what is left behind is never
    // taken for a journal.
    do { try FileManager.default.removeItem(atPath: temporary) } catch {}
  }

  private static func sync(_ directory: String) throws(JournalError) {
    let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw .storage("cannot open the directory \(directory): \(reason())")
    }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else {
      throw .storage("cannot sync the directory \(directory): \(reason())")
    }
  }

  private static func reason() -> String { String(cString: strerror(errno)) }
}
