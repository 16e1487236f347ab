import Journal
import Projection
import Transport

/// Which records a device asks for. For one request.
struct AskedRecords {
  private let test: (any RecordTest)?

  /// Everything.
  static var all: AskedRecords { AskedRecords() }

  private init() {
    test = nil
  }

  /// - Throws: ``ServerError/badRequest(_:)`` for a filter this release cannot read.
  init(_ filters: [RemoteFilter]) throws {
    do {
      test = filters.isEmpty ? nil : try RecordFolder().recordTest(filters)
    } catch {
      throw ServerError.badRequest("`filter`: \(error)")
    }
  }

  var areAll: Bool { test == nil }

  /// Whether a record that stands like this is among them; one that is not there is not, where not all are.
  func has(_ collection: String, _ fields: UnsafeRawBufferPointer?) throws -> Bool {
    guard let test, test.concerns(collection) else { return true }
    return try fields.map { try test.takes(collection, $0) } ?? false
  }

  func has(_ collection: String, _ fields: [UInt8]?) throws -> Bool {
    guard let fields else { return try has(collection, nil as UnsafeRawBufferPointer?) }
    return try fields.withUnsafeBytes { try has(collection, $0) }
  }

  /// What is shown of a change; nil where the record was not among them before either.
  ///
  /// - Parameter wasAmong: Whether it was, before the change.
  func shown(_ change: FeedChange, wasAmong: Bool) throws -> FeedChange? {
    switch change.state {
    case .live(let fields):
      if try has(change.collection, fields) { return change }
    case .deleted: return wasAmong ? change : nil
    case .erased, .withdrawn: return change
    }
    guard wasAmong else { return nil }
    var withdrawn = change
    withdrawn.state = .withdrawn
    withdrawn.changed = nil
    return withdrawn
  }
}
