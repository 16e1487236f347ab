import TestKit
import Transport
import TransportTesting

/// What a run's server of plain records does wrong.
struct PlainServerPlan: Sendable, Equatable {
  /// Spoken to over HTTP, by the library's own reader of plain records, or directly.
  var isHTTP: Bool
  var behaviour: FeedBehaviour
  /// Most records of a list over HTTP.
  var pageSize: Int?
  /// Longer than a run's transactions take and its clock goes back.
  static let overlapMilliseconds: UInt64 = 600_000

  private static let everywhere: [FeedBehaviour] = [
    .equalStamps, .stampsBeforeCommit, .purgesSilently, .repeatsEverything,
    .restoresSilently, .leapSecondText,
  ]
  /// A reader over HTTP relies on stamps of one record that grow.
  private static let direct: [FeedBehaviour] = [
    .stampsByClock, .watermarkAfterQuery, .newestFirst, .pagedByOffset, .opaqueCursors, .namesEdits,
    .forgetsEdits, .checksBases,
  ]

  init(_ random: inout SeededRandom) {
    isHTTP = Bool.random(using: &random)
    behaviour = []
    for option in Self.everywhere + (isHTTP ? [] : Self.direct)
    where Int.random(in: 0..<3, using: &random) == 0 {
      behaviour.insert(option)
    }
    // One order only.
    if behaviour.contains(.newestFirst) { behaviour.remove(.pagedByOffset) }
    if isHTTP, Bool.random(using: &random) { pageSize = Int.random(in: 1...5, using: &random) }
  }

  var settings: RESTSettings {
    var settings = RESTSettings(versionField: "changed")
    settings.creates = .put
    settings.overlapMilliseconds = Self.overlapMilliseconds
    if pageSize != nil { settings.paging = .link }
    return settings
  }
}
