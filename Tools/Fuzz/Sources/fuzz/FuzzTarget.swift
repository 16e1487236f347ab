@testable import Journal

/// One decoder of bytes nobody vouches for, with what must hold of everything it accepts.
struct FuzzTarget: Sendable {
  let name: String
  /// Longer inputs find nothing new here and cost time.
  let maximumBytes: Int
  /// Inputs to begin with where no corpus is kept.
  let seeds: @Sendable () -> [[UInt8]]
  /// Decodes an input. A refusal is a ``JournalError`` and no finding.
  let run: @Sendable (UnsafeRawBufferPointer) throws -> Void

  init(
    _ name: String, maximumBytes: Int = 4_096, seeds: @escaping @Sendable () -> [[UInt8]],
    run: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) {
    self.name = name
    self.maximumBytes = maximumBytes
    self.seeds = seeds
    self.run = run
  }

  static let all: [FuzzTarget] = [
    .cbor, .maps, .json, .entry, .fold, .push, .verdicts, .feed, .note, .keys, .proof, .line, .text,
    .rows, .filters,
    .journalFile, .pack,
  ]
}

/// Runs a decoder: nil where it refuses, with an error of the kind the library throws.
func accepted<R>(_ decode: () throws -> R) throws -> R? {
  do {
    return try decode()
  } catch is JournalError {
    return nil
  }
}

/// Lends an array's bytes; a closure over them may throw anything.
func lend<R>(_ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
  try bytes.withUnsafeBytes(body)
}
