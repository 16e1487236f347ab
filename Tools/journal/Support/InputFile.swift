import Foundation

/// A file that an option names, read whole.
enum InputFile {
  /// - Throws: ``Finding`` for a usage error that says why it cannot be read.
  static func contents(_ path: String, _ what: String) throws -> Data {
    do {
      return try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      throw Finding.usage("cannot read \(what) \(path): \(reason(error))")
    }
  }

  private static func reason(_ error: any Error) -> String {
    switch (error as? CocoaError)?.code {
    case .fileReadNoSuchFile?, .fileNoSuchFile?: "there is no such file"
    case .fileReadNoPermission?: "permission denied"
    default: error.localizedDescription
    }
  }
}
