import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The data files this process has open through LMDB, each at most once.
///
/// LMDB locks with `fcntl`, whose locks belong to the process: closing a second handle of the
/// same file would silently drop those of the first.
enum OpenFiles {
  /// A place in the registry, held from before LMDB opens the file until after it closed it.
  final class Claim: Sendable {
    let file: FileID
    /// A child that inherited this registry by `fork` does not own its claims.
    let processID = getpid()
    private let owner = Mutex(Owner())

    init(file: FileID) {
      self.file = file
    }

    func set(_ environment: Environment) {
      owner.withLock { $0.environment = environment }
    }

    func set(_ pins: PinningEnvironment) {
      owner.withLock { $0.pins = pins }
    }

    /// Whose claim it is; nil in the moments of opening and closing.
    func holder() -> Holder? {
      owner.withLock { owner in
        if let environment = owner.environment { return .environment(environment) }
        if let pins = owner.pins { return .pins(pins) }
        return nil
      }
    }

    func release() {
      OpenFiles.claims.withLock { claims in
        if claims[file] === self { claims[file] = nil }
      }
    }
  }

  enum Holder: Sendable {
    case environment(Environment)
    case pins(PinningEnvironment)
  }

  private struct Owner {
    weak var environment: Environment?
    weak var pins: PinningEnvironment?
  }

  private static let claims = Mutex<[FileID: Claim]>([:])

  /// A new claim, or the one that already stands.
  static func claim(_ file: FileID) -> (claim: Claim, isNew: Bool) {
    claims.withLock { claims in
      if let standing = claims[file], standing.processID == getpid() {
        return (standing, false)
      }
      let claim = Claim(file: file)
      claims[file] = claim
      return (claim, true)
    }
  }
}
