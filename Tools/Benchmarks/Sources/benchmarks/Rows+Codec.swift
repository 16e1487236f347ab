import Foundation
import Journal
import Projection

/// Records as types of one's own, encoded and decoded by Foundation's JSON and by the journal's codec.
extension Rows {
  /// The three fields of the workload.
  struct Note: Codable {
    var title: String
    var count: Int
    var text: String
  }

  /// The same as a record of the store.
  struct StoredNote: Record {
    static let schema = Schema<StoredNote>(Workload.collection)
    var id: RecordID<StoredNote>
    var title: String
    var count: Int
    var text: String
  }

  /// Twelve fields, of which some are optional, nested or of types with a form of their own.
  struct Contact: Codable {
    enum Kind: String, Codable { case person, company }
    struct Address: Codable {
      var street: String
      var city: String
      var postcode: String?
    }

    var name: String
    var email: String?
    var phone: String?
    var kind: Kind
    var address: Address
    var secondAddress: Address?
    var tags: [String]
    var visits: Int
    var rating: Double
    var isFavourite: Bool
    var reference: UUID
    var notes: String

    init(_ index: Int) {
      name = "Contact number \(index)"
      email = index % 2 == 0 ? "contact\(index)@example.com" : nil
      phone = nil
      kind = index % 3 == 0 ? .company : .person
      address = Address(street: "Long Street \(index)", city: "Berlin", postcode: "10115")
      secondAddress =
        index % 4 == 0 ? Address(street: "Side Street", city: "Hamburg", postcode: nil) : nil
      tags = ["customer", "north"]
      visits = index
      rating = Double(index % 50) / 10
      isFavourite = index % 5 == 0
      reference = UUID(
        uuid: (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, UInt8(truncatingIfNeeded: index)))
      notes = "Met at the fair, wants to be called back after the holidays."
    }
  }

  func notes() -> [Note] {
    work.edits.prefix(work.records).map { edit in
      Note(
        title: edit.fields["title"].flatMap(Self.text) ?? "", count: edit.key.utf8.count,
        text: edit.fields["text"].flatMap(Self.text) ?? "")
    }
  }

  func contacts() -> [Contact] { (0..<min(work.records, 20_000)).map { Contact($0) } }

  /// A collection read as records of a type, against JSON texts in memory decoded by Foundation.
  func typedRead() async throws -> Measurement {
    let texts = try notes().map { try JSONEncoder().encode($0) }
    let store = try Store.open(at: path(.api))
    defer { store.close() }
    return try await .run(
      "typed read (C column: JSONDecoder)", count: work.records, unit: "records", runs: runs,
      baseline: {
        let decoder = JSONDecoder()
        return try cost {
          var notes = 0
          for text in texts {
            notes += try decoder.decode(Note.self, from: text).text.isEmpty ? 0 : 1
          }
          try expect(notes, work.records)
        }
      },
      api: {
        try cost {
          var notes = 0
          try store.read { snapshot in
            try snapshot.forEach(StoredNote.self) { notes += $0.text.isEmpty ? 0 : 1 }
          }
          try expect(notes, work.records)
        }
      })
  }

  static func text(_ value: Value) -> String? {
    if case .string(let text) = value { text } else { nil }
  }

  /// Both structs, both ways, with the budget's words for each.
  func codec() async throws -> [(work: String, measurement: Measurement)] {
    let (notes, contacts) = (notes(), contacts())
    return [
      ("decode 3 fields, × JSONDecoder", try await decode("3 fields", notes)),
      ("decode 12 fields, × JSONDecoder", try await decode("12 fields", contacts)),
      ("encode 3 fields, × JSONEncoder", try await encode("3 fields", notes)),
      ("encode 12 fields, × JSONEncoder", try await encode("12 fields", contacts)),
    ]
  }

  func encode<T: Encodable>(_ name: String, _ values: [T]) async throws -> Measurement {
    try await .run(
      "encode \(name) (C column: JSONEncoder)", count: values.count, unit: "values", runs: runs,
      baseline: {
        let encoder = JSONEncoder()
        return try cost {
          var bytes = 0
          for value in values { bytes += try encoder.encode(value).count }
          try expect(bytes > values.count ? values.count : 0, values.count)
        }
      },
      api: {
        let encoder = FieldEncoder()
        return try cost {
          var bytes = 0
          for value in values { bytes += try encoder.withEncoded(value) { $0.count } }
          try expect(bytes > values.count ? values.count : 0, values.count)
        }
      })
  }

  func decode<T: Codable>(_ name: String, _ values: [T]) async throws -> Measurement {
    let texts = try values.map { try JSONEncoder().encode($0) }
    let records = try values.map { try FieldEncoder().encoded($0) }
    return try await .run(
      "decode \(name) (C column: JSONDecoder)", count: values.count, unit: "values", runs: runs,
      baseline: {
        let decoder = JSONDecoder()
        return try cost {
          for text in texts { Self.keep(try decoder.decode(T.self, from: text)) }
        }
      },
      api: {
        let decoder = FieldDecoder()
        return try cost {
          for record in records {
            Self.keep(try record.withUnsafeBytes { try decoder.decode(T.self, from: $0) })
          }
        }
      })
  }

  /// Keeps a value from being optimised away.
  @inline(never)
  private static func keep<T>(_ value: T) {}
}
