import TestKit

/// One step of a random history.
enum ModelStep: CustomStringConvertible {
  case write([PlainChange])
  /// A write whose closure throws after its changes.
  case abandoned([PlainChange])
  case ask(PlainQuestion)
  case declare(name: String, fields: [String], each: Bool, isUnique: Bool)
  case drop(name: String)
  case rebuild
  case reopen
  case trim
  /// Up or down to a migration: 0 is before the first.
  case migrate(Int)
  case saveState
  /// The state so many writes ago.
  case lookBack(Int)

  static let fields = ["a", "b", "c"]
  static let indexes = ["i", "j", "k"]

  var description: String {
    switch self {
    case .write(let changes): "write \(changes)"
    case .abandoned(let changes): "abandon \(changes)"
    case .ask(let question): "ask \(question)"
    case .declare(let name, let fields, let each, let isUnique):
      "declare \(name) on \(fields)\(each ? " each" : "")\(isUnique ? " unique" : "")"
    case .drop(let name): "drop \(name)"
    case .rebuild: "rebuild"
    case .reopen: "reopen"
    case .trim: "trim"
    case .migrate(let target): "migrate to \(target)"
    case .saveState: "save the state"
    case .lookBack(let writes): "look \(writes) writes back"
    }
  }

  /// A random history.
  static func history(_ random: inout SeededRandom) -> [ModelStep] {
    (0..<Int.random(in: 3..<18, using: &random)).map { _ in step(&random) }
  }

  private static func step(_ random: inout SeededRandom) -> ModelStep {
    switch Int.random(in: 0..<23, using: &random) {
    case 20, 21: return .migrate(Int.random(in: 0...2, using: &random))
    case 22: return .saveState
    case 0: return .abandoned(changes(&random))
    case 1: return .rebuild
    case 2: return .reopen
    case 3: return .trim
    case 4: return .drop(name: one(of: indexes, &random))
    case 5, 6:
      let names = fields.shuffled(using: &random)
      let count = Int.random(in: 1...2, using: &random)
      return .declare(
        name: one(of: indexes, &random), fields: Array(names.prefix(count)),
        each: Int.random(in: 0..<4, using: &random) == 0,
        isUnique: Int.random(in: 0..<4, using: &random) == 0 && count == 1)
    case 7: return .lookBack(Int.random(in: 0..<5, using: &random))
    case 8..<13: return .ask(question(&random))
    default: return .write(changes(&random))
    }
  }

  private static func changes(_ random: inout SeededRandom) -> [PlainChange] {
    (0..<Int.random(in: 1..<4, using: &random)).map { _ in
      let kind = PlainChange.Kind.allCases.randomElement(using: &random) ?? .put
      var change = PlainChange(kind: kind, key: "k\(Int.random(in: 0..<5, using: &random))")
      guard kind != .delete else { return change }
      for name in fields where Bool.random(using: &random) { change.fields[name] = value(&random) }
      guard kind == .update else { return change }
      change.unset = fields.filter {
        change.fields[$0] == nil && Int.random(in: 0..<3, using: &random) == 0
      }
      if change.fields.isEmpty, change.unset.isEmpty { change.fields["a"] = value(&random) }
      return change
    }
  }

  private static func question(_ random: inout SeededRandom) -> PlainQuestion {
    PlainQuestion(
      conditions: (0..<Int.random(in: 0..<3, using: &random)).map { _ in
        let name = one(of: fields, &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0: return .above(name, Int.random(in: -2...2, using: &random))
        case 1: return .has(name, one(of: ["x", "y"], &random))
        case 2: return .absent(name)
        default:
          let wanted = value(&random)
          return wanted == .nothing ? .absent(name) : .equal(name, wanted)
        }
      },
      isAny: Int.random(in: 0..<4, using: &random) == 0, sort: one(of: fields, &random),
      isDescending: Bool.random(using: &random), limit: Int.random(in: 1..<8, using: &random))
  }

  private static func value(_ random: inout SeededRandom) -> PlainModel.Plain {
    switch Int.random(in: 0..<8, using: &random) {
    case 0: .nothing
    case 1: .text(one(of: ["x", "y", "xy", ""], &random))
    case 2:
      .texts((0..<Int.random(in: 0..<3, using: &random)).map { _ in one(of: ["x", "y"], &random) })
    default: .number(Int.random(in: -2...2, using: &random))
    }
  }

  private static func one(of choices: [String], _ random: inout SeededRandom) -> String {
    choices.randomElement(using: &random) ?? ""
  }
}
