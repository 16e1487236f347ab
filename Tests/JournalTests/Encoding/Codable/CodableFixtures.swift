import Foundation
import Journal

/// A struct with one of everything a record can have.
struct Everything: Codable, Equatable {
  enum Colour: String, Codable, CaseIterable { case red, green, blue }
  enum Level: Int, Codable {
    case low = -1
    case high = 1
  }
  struct Place: Codable, Equatable {
    var street: String
    var number: Int?
    var position: [Double]
  }

  var text: String
  var small: Int8
  var negative: Int64
  var large: UInt64
  var ratio: Double
  var single: Float
  var isOpen: Bool
  var missing: String?
  var given: Int?
  var date: Date
  var data: Data
  var uuid: UUID
  var url: URL
  var price: Decimal
  var colour: Colour
  var level: Level?
  var place: Place
  var formerPlaces: [Place]
  var names: [String]
  var counts: [Int]
  var gaps: [Int?]
  var tags: [String: String]
  var scores: [String: Int]
  var byNumber: [Int: Bool]

  static let example = Everything(
    text: "Milch & Brötchen 🥐", small: -128, negative: .min, large: .max, ratio: 0.1, single: 1.1,
    isOpen: true, missing: nil, given: 7, date: Date(timeIntervalSince1970: 1_375_647_175.123),
    data: Data([0, 255, 128]),
    uuid: UUID(uuid: (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255)),
    url: URL(fileURLWithPath: "/tmp/a b"),
    price: Decimal(sign: .plus, exponent: -2, significand: 1999),
    colour: .green, level: .low, place: Place(street: "Ring", number: nil, position: [52.5, 13.0]),
    formerPlaces: [Place(street: "Weg", number: 3, position: [])], names: ["a", "", "é"],
    counts: [1, -1, 1 << 40], gaps: [1, nil, 3], tags: ["b": "2", "a": "1", "long name": "3"],
    scores: ["x": 1], byNumber: [10: true, 9: false])
}

/// The JSON text of what a value is stored as.
func stored(_ value: some Encodable) throws -> String {
  try json(FieldEncoder().encoded(value))
}

/// A value decoded from the fields a JSON text stands for.
func decoded<T: Decodable>(_ type: T.Type, _ text: String) throws -> T {
  try cbor(text).withUnsafeBytes { try FieldDecoder().decode(type, from: $0) }
}
