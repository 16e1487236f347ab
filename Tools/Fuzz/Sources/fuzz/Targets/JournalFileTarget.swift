@testable import Journal
@testable import Projection

extension FuzzTarget {
  // SAFETY: libFuzzer calls the target from one thread.
  private nonisolated(unsafe) static let base = DamagedJournal()

  /// A small journal's data file, damaged as the input says, read as `verify`, `log` and `export`
  /// read it. Where no checksum was made anew, what `verify` calls sound is what was there before.
  static let journalFile = FuzzTarget(
    "journal-file", maximumBytes: 512, seeds: Seeds.damages
  ) { bytes in
    var choices = Choices(bytes)
    let readsRows = choices.flag()
    let isClean = base.damage(&choices)
    defer { base.restore() }
    let report = try accepted {
      try Verifier.verify(directory: base.directory, folder: RecordFolder())
    }
    if let report, report.isSound {
      require(
        report.root == base.report.root || !isClean && report.size < base.report.size,
        "sound with another root at \(report.size)")
      if isClean {
        require(try accepted { try base.fingerprints() } == base.golden, "sound with other rows")
      }
    }
    guard readsRows else { return }
    _ = try accepted {
      let pages = try PagedReader.open(directory: base.directory)
      _ = try accepted { try pages.reachableBytes }
      _ = try accepted { try pages.freePages }
      let reader = try JournalReader(pages)
      _ = try accepted {
        try reader.scanEntries(from: 0) { entry in
          _ = JSONText.string(.object(try Entry(entry).members))
          return true
        }
      }
      _ = try accepted { try reader.remotes() }
      _ = try accepted { try reader.sequence(at: Timestamp(milliseconds: choices.number())) }
      _ = try accepted { try JournalTree(reader).root(size: choices.number()) }
      let snapshot = try Snapshot(reader, at: choices.number() % 64)
      try snapshot.scan { rowKey, fields in
        _ = try RecordAddress.names(inRowKey: rowKey)
        _ = try accepted { try Snapshot.decode(fields) }
        return true
      }
    }
  }
}
