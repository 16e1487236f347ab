import Projection

/// The versions of an app that opens the devices' journals: none of them changes what is there.
enum AppVersion {
  static func records(_ version: Int) -> [any Record.Type] {
    switch version {
    case 0: []
    case 1: [First.self]
    default: [Second.self]
    }
  }

  private struct First: Record {
    static let schema = Schema<First>("notes", .index(Index("byA", on: \First.a)))
    var id: RecordID<First>
    var a: Int?
  }

  private struct Second: Record {
    static let schema = Schema<Second>(
      "notes", version: 2, .index(Index("byA", on: \Second.a)),
      .index(Index("byB", on: \Second.b)),
      .index(Index("byAB", on: \Second.a, then: .by(\Second.b))))
    var id: RecordID<Second>
    var a: Int?
    var b: Int?
    var c: Int?
  }
}
