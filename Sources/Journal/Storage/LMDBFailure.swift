import CLMDB

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// LMDB's and the system's return codes in the words of ``JournalError``.
enum LMDBFailure {
  /// The error for `code`, which LMDB returned while `doing` something.
  static func error(_ code: Int32, _ doing: String) -> JournalError {
    let text = "\(doing): \(String(cString: mdb_strerror(code)))"
    return switch code {
    case ENOSPC, EDQUOT: .storage("disk full: \(text)")
    case MDB_CORRUPTED, MDB_PAGE_NOTFOUND, MDB_INVALID, MDB_BAD_TXN:
      .damaged("\(text); run `journal verify`")
    case MDB_VERSION_MISMATCH, MDB_INCOMPATIBLE: .unsupported(text)
    case MDB_READERS_FULL: .busy("\(text); close other readers of this journal")
    case MDB_PANIC: .unknownOutcome("\(text); reopen the journal and compare")
    case MDB_BAD_VALSIZE: .invalidInput(text)
    case MDB_TXN_FULL: .invalidInput("\(text); write less in one transaction")
    default: .storage(text)
    }
  }

  /// The error for `code`, which LMDB or the system returned while opening `path`.
  static func openError(_ code: Int32, _ path: String) -> JournalError {
    switch code {
    case ENOENT, ENOTDIR:
      .cannotOpen(
        "\(path.isEmpty ? "the path is empty" : "there is no \(path)"); name a journal's directory, or "
          + "make one with `journal init`")
    case EACCES, EPERM, EROFS, ELOOP, EISDIR:
      .cannotOpen("cannot open \(path): \(String(cString: mdb_strerror(code)))")
    default: error(code, "opening \(path)")
    }
  }

  /// The error for a failed system call on `path`, by `errno`.
  static func systemError(_ path: String, _ doing: String) -> JournalError {
    error(errno, "\(doing) \(path)")
  }
}
