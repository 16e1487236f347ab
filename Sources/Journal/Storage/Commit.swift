/// Finds the commits of a data file and compares each with the head row it leads to.
///
/// A meta page has no checksum. One flipped bit in its transaction id brings back the commit
/// before, which agrees with itself; the head row of the newer tree gives it away.
enum Commit {
  enum HeadRows {
    /// Every commit that holds a row has to have a head row.
    case required
    /// A head row that stands has to agree.
    case whereTheyStand
  }

  /// The newer commit of `file`, once both have been compared with their head rows and the
  /// file's length with both. Another process may write meanwhile.
  ///
  /// `failed` is a commit whose meta page could not be written. LMDB then puts the id of the older
  /// page back, but neither the roots nor anything else: a page that contradicts itself until the
  /// next commit writes over it.
  static func newest(
    of file: PageFile, headRows: HeadRows, failed: UInt64? = nil
  ) throws(JournalError) -> MetaPage {
    var attempts = 0
    var failedFor: [MetaPage]?
    while true {
      attempts += 1
      var metas: [MetaPage]?
      do throws(JournalError) {
        let both = try MetaPage.readBoth(file)
        metas = both
        let newer = both[0].transactionID >= both[1].transactionID ? both[0] : both[1]
        try check(newer, of: file, headRows, failed: failed)
        let older = both[1 - Int(newer.number)]
        do throws(JournalError) {
          try check(older, of: file, headRows, failed: failed)
        } catch {
          guard
            older.mayBeLeftOfFailedCommit(beside: newer)
              || FailedCommitMark.explain(older, beside: newer, in: file)
          else { throw error }
        }
        return newer
      } catch {
        // Pages may have been reused by newer commits while they were read; a meta page may have
        // been half written. If nothing changed in between it is damage.
        if attempts >= 10, metas == failedFor || attempts >= 200 { throw error }
        failedFor = metas
      }
    }
  }

  /// Compares one commit with its head row and the length of the file.
  static func check(
    _ meta: MetaPage, of file: PageFile, _ headRows: HeadRows, failed: UInt64? = nil
  ) throws(JournalError) {
    if meta.mainTree.isEmpty { return }
    let name = "transaction \(meta.transactionID) of \(file.path)"
    let reader = PagedReader(file, meta, pin: nil, refusesFreePages: false)
    guard let head = try reader.storedHeadRow() else {
      // The commit that makes the tables comes before the first head row.
      if headRows == .whereTheyStand { return }
      if meta.transactionID == 1, try reader.hasNoRows() { return }
      throw .damaged("\(name) has no head row; restore a copy")
    }
    guard head.transactionID == meta.transactionID else {
      if head.transactionID == failed, meta.transactionID &+ 2 == failed { return }
      throw .damaged(
        "\(name) leads to the head row of transaction \(head.transactionID); restore a copy")
    }
    guard try file.length() >= head.fileBytes else {
      throw .damaged(
        "\(file.path) is shorter than the \(head.fileBytes) bytes it had; it was truncated")
    }
  }
}
