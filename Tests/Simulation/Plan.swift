/// Everything one simulated run does, decided beforehand: leaving steps out leaves the others what
/// they are, which is what shrinking needs.
struct Plan: Sendable {
  var seed: UInt64
  /// What stands in the middle.
  var server = ServerKind.journal
  var deviceCount: Int
  var steps: [Step]
}

/// The server of a run.
enum ServerKind: Sendable, Equatable {
  /// Ours.
  case journal
  /// One of plain records, that misbehaves as the plan says.
  case plain(PlainServerPlan)
}

/// What goes wrong at one request of a sync, or happens while it is on its way.
enum Fault: Sendable, Equatable {
  /// The request does not arrive.
  case lost
  /// The request is carried out, its answer does not arrive.
  case answerLost
  /// The request is carried out twice, as a proxy does that tries again.
  case twice
  /// The request does not arrive now, but once this device's next sync is over.
  case late
  /// The device ends before the request is sent, or when its answer is there.
  case crash(answered: Bool)
  /// Every flush of the device fails after so many that still succeed; then it ends.
  case diskFails(after: Int)
  /// The server says that it is busy.
  case busy
  /// The answer is not what the protocol allows.
  case garbled
  /// The page has the changes of an earlier page in it as well, so many pages back.
  case overlap(pages: Int)
  /// The app goes on writing while the request is on its way, or its answer.
  case edits([Intent], answered: Bool)
  /// Another device syncs between this device's request and its answer.
  case otherSync(device: Int)
  /// The server lets go of what it may, or of all it can.
  case serverTrims(isBold: Bool)
}

struct PlannedFault: Sendable, Equatable {
  /// Counts the requests of the sync from 0.
  var request: Int
  var fault: Fault
}

enum Direction: Sendable, Equatable {
  case both, push, pull
}

struct SyncPlan: Sendable, Equatable {
  var direction = Direction.both
  var isFullState = false
  /// Most changes of a page of the feed, and of a push.
  var pageLimit = 1_000
  var segmentLimit = 1_000
  var faults: [PlannedFault] = []
}

enum Step: Sendable, Equatable {
  /// One write: one edit, or a group.
  case write(device: Int, [Intent])
  /// A write during which so many flushes of the disk fail, after which the device is opened again.
  case brokenWrite(device: Int, [Intent], after: Int, failing: Int)
  case sync(device: Int, SyncPlan)
  case restart(device: Int)
  /// Opened by another version of the app: other types, other indexes.
  case upgrade(device: Int, version: Int)
  case rebuild(device: Int)
  case compact(device: Int, keeping: UInt64)
  case clock(device: Int, ClockChange)
  case serverClock(ClockChange)
  /// A copy of the device's files, for later.
  case copy(device: Int)
  /// The copy takes the device's place.
  case restore(device: Int)
  /// The copy becomes a device beside the one it was taken of.
  case fork(device: Int)
  case newDevice
  /// Edits that were set aside are to be judged again: one of them, or all.
  case retry(device: Int, choice: Int, isAll: Bool)
  /// An edit that no server has is given up.
  case discard(device: Int, choice: Int)
  /// From now on the server refuses some edits and fails for others, or none.
  case serverRules(areStrict: Bool)
  /// Somebody who has no journal writes at a server of plain records.
  case foreignWrite(Intent)
  /// The same in a transaction, which is seen when it commits.
  case foreignBegin([Intent])
  case foreignCommit
  case serverRestart
  case serverTrim(isBold: Bool)
  case serverBackup
  case serverRestore
  /// An empty server takes the place of the one there was.
  case serverReplace
}

enum ClockChange: Sendable, Equatable {
  case by(milliseconds: Int64)
  case frozen
  case running
}
