import ArgumentParser
import Transport

/// Where a Kinto server keeps the collections.
struct KintoOptions: ParsableArguments {
  @Option(help: "The bucket the collections are in (default: default, the user's own).")
  var bucket: String?

  var isEmpty: Bool { bucket == nil }

  func settings(overlap: UInt32?) throws -> KintoSettings {
    var settings = KintoSettings()
    if let bucket { settings.bucket = bucket }
    if let overlap { settings.overlapMilliseconds = UInt64(overlap) * 1000 }
    return try KintoSettings(settings.options)
  }
}
