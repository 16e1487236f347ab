import Crypto
import Journal
import Projection
import TestKit

/// What a plan is carried out in.
@Simulated protocol World {
  func run() async throws
  func close()
  var stores: [Store] { get }
  /// What there is beside the stores, as text.
  var remainder: String { get }
  var editCount: Int { get }
}

/// What a plan came to.
struct Outcome: Sendable {
  var violation: Violation?
  /// SHA-256 over the roots and records of everybody at the end, in hexadecimal.
  var hash = ""
  var edits = 0

  @Simulated static func of(_ plan: Plan) async -> Outcome {
    var outcome = Outcome()
    do {
      let scratch = try Scratch()
      let world: any World =
        switch plan.server {
        case .journal: try SimulatedWorld(plan, scratch: scratch)
        case .plain(let kind): PlainWorld(plan, kind, scratch: scratch)
        }
      defer { world.close() }
      do { try await world.run() } catch {
        outcome.violation = error as? Violation ?? Violation("error", "\(error)")
      }
      outcome.edits = world.editCount
      outcome.hash = try hash(of: world)
    } catch {
      outcome.violation = outcome.violation ?? Violation("error", "\(error)")
    }
    return outcome
  }

  @Simulated private static func hash(of world: any World) throws -> String {
    var hash = SHA256()
    hash.update(data: [UInt8](world.remainder.utf8))
    for store in world.stores {
      let root = try store.journal.read { $0.head.frontier.root }
      hash.update(data: root.bytes)
      hash.update(data: [UInt8](try store.visibleRecords().description.utf8))
    }
    return hash.finalize().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
