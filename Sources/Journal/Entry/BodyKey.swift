/// The member numbers of an entry's body; part of the format.
package enum BodyKey: UInt64, CaseIterable, Sendable {
  case collection = 1
  case key = 2
  case actor = 3
  case at = 4
  case reason = 5
  case base = 6
  case fields = 7
  case set = 8
  case unset = 9
  case operations = 10
  case origin = 11
  case remote = 12
  case epoch = 13
  case version = 14
  case born = 15
  case state = 16
  case changed = 17
  case originID = 18
  case own = 19
  case journal = 20
  case device = 21
  case label = 22
  case verifierKey = 23
  case local = 24
  case subject = 25
  case name = 26
  case settings = 27
  case removed = 28
  case bases = 29
  case entries = 30
  case digest = 31
  case sent = 32
  case results = 33
  case refusals = 34
  case cause = 36
  case cursor = 37
  case through = 38
  case generation = 39
  case decider = 41
  case outcomes = 42
  case mine = 43
  case theirs = 44
  case lost = 45
  case from = 46
  case throughSequence = 47
  case root = 48
  case size = 49
  case baseline = 50
  case archive = 51
  case archiveDigest = 52
  case archives = 53
  case acceptances = 54
  /// In the feed only.
  case edits = 55
  case migration = 60
  case undone = 61
  case reached = 62
  /// Of a cursor: the full state of its generation is being read.
  case taking = 63
  case newKey = 64
  /// Of a cursor: a person said that so many records are to go.
  case confirmed = 65
  /// Of `retried`, when settled edits are pending again: which decisions hold for them.
  case decisions = 66
  /// Of `sent`: the edits that a server is to take only where their records have not moved on.
  case strict = 68
  /// Of a cursor: what a full state would take away at once, and the brake that holds it back.
  case brake = 70
  /// Of a cursor: a person said that the records a full state did not show stay.
  case kept = 71
  /// Of a remote change: what the server has counts, whatever the versions.
  case repair = 72
  /// Of a cursor: which of the server's records are asked for.
  case filter = 73
}
