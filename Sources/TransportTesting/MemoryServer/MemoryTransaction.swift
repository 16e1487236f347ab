public import Journal
import Synchronization

extension MemoryServer {
  /// Begins a transaction of somebody else's, which is seen when it commits.
  public func beginTransaction() -> MemoryTransaction { MemoryTransaction(self) }
}

/// Changes that become visible together, when a test says so.
///
/// ```swift
/// let transaction = server.beginTransaction()
/// transaction.write("notes", "1", ["text": "late"])
/// clock.advance(by: .seconds(30))
/// server.write("notes", "2", ["text": "seen first"])
/// transaction.commit()
/// ```
///
/// With ``FeedBehaviour/stampsBeforeCommit`` each change has the stamp of the time it was written at,
/// otherwise of the commit. A record somebody else changed meanwhile gets a stamp above theirs: the
/// transaction had to wait for its row. Safe to use from any thread.
public final class MemoryTransaction: Sendable {
  private struct Change {
    var name: RecordName
    var fields: Fields?
    var time: UInt64
  }

  private let server: MemoryServer
  private let changes = Mutex<[Change]>([])

  init(_ server: MemoryServer) {
    self.server = server
  }

  /// A record is to become this; nil deletes it.
  public func write(_ collection: String, _ key: String, _ fields: Fields?) {
    let change = Change(
      name: RecordName(collection, key), fields: fields, time: server.clock.milliseconds)
    changes.withLock { $0.append(change) }
  }

  /// Makes the changes visible, once.
  public func commit() {
    let changes = changes.withLock { changes in
      defer { changes = [] }
      return changes
    }
    let now = server.clock.milliseconds
    server.state.withLock { state in
      for change in changes {
        guard state.behaviour.contains(.stampsBeforeCommit) else {
          state.memory.write(change.name, change.fields, at: now, state.behaviour)
          continue
        }
        var version = ServerVersion(timestamp: change.time, tieBreak: 0)
        if state.behaviour.contains(.equalStamps) { version.timestamp -= change.time % 1_000 }
        if let old = state.memory.rows[change.name]?.version, old >= version {
          version.timestamp = old.timestamp &+ 1
        }
        state.memory.publish(change.name, change.fields, at: version)
      }
    }
  }

  /// Forgets the changes.
  public func rollback() {
    changes.withLock { $0 = [] }
  }
}
