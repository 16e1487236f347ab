import Projection

/// A record of `people`, as 3 of them showed it.
struct People: Record, Equatable {
  static let schema = Schema<People>("people")
  var id = RecordID<People>()
  var address: Address?
  var age: Int
  var `default`: Bool
  var fromKebabCase: UInt64?
  var fromSnakeCase: [Int]
  var name: String?
  var pocketChange: Double

  enum CodingKeys: String, CodingKey {
    case id
    case address
    case age
    case `default`
    case fromKebabCase = "from-kebab-case"
    case fromSnakeCase = "from_snake_case"
    case name
    case pocketChange = "pocket_change"
  }

  struct Address: Codable, Sendable, Equatable {
    var city: String
    var street: String?
  }
}
