import Foundation
import Journal
import TestKit
import Testing

/// Runs a closure over the bytes of a text or of an array.
func withBytes<R>(_ text: String, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
  try Array(text.utf8).withUnsafeBytes(body)
}

/// The CBOR of a JSON text.
func cbor(_ json: String, maxDepth: Int = 32) throws -> [UInt8] {
  try withBytes(json) { bytes in
    var scanner = JSONScanner(bytes)
    var writer = CBORWriter()
    try scanner.transcode(into: &writer, depth: 0, maxDepth: maxDepth)
    try scanner.expectEnd()
    return writer.bytes
  }
}

/// The JSON text of encoded CBOR.
func json(_ cbor: [UInt8]) throws -> String {
  var text: [UInt8] = []
  try cbor.withUnsafeBytes { try JSONText.write(cbor: $0, into: &text) }
  return String(decoding: text, as: UTF8.self)
}

/// The CBOR of a value.
func cbor(_ value: Value) throws -> [UInt8] {
  var writer = CBORWriter()
  try writer.value(value)
  return writer.bytes
}

/// The value of encoded CBOR that must fill the bytes.
func value(_ cbor: [UInt8], maxDepth: Int = 32) throws -> Value {
  try cbor.withUnsafeBytes { bytes in
    var reader = CBORReader(bytes)
    let value = try reader.value(maxDepth: maxDepth)
    guard reader.isAtEnd else { throw JournalError.damaged("trailing bytes") }
    return value
  }
}

/// Whether `skip` takes the bytes as one whole item.
func isAccepted(_ cbor: [UInt8], maxDepth: Int = 32) -> Bool {
  cbor.withUnsafeBytes { bytes in
    var reader = CBORReader(bytes)
    return (try? reader.skip(maxDepth: maxDepth)) == 0..<bytes.count
  }
}

/// The message with which a closure refuses its input.
func refusal(_ body: () throws -> Void) -> String {
  do {
    try body()
    return "accepted"
  } catch {
    return "\(error)"
  }
}

extension SeededRandom {
  private static let scalars: [Character] = Array("aZ09 \"\\/\n\u{1}é水😀\u{301}\u{7f}\u{2028}")

  mutating func text(upTo length: Int) -> String {
    let count = Int.random(in: 0...length, using: &self)
    return String((0..<count).map { _ in Self.scalars.randomElement(using: &self) ?? "a" })
  }

  mutating func finiteDouble() -> Double {
    switch Int.random(in: 0..<4, using: &self) {
    case 0: return Double(Int.random(in: -1000...1000, using: &self)) / 8
    case 1: return Double(Float(bitPattern: UInt32.random(in: 0..<0x7F80_0000, using: &self)))
    case 2:
      return [0.0, -0.0, 65504, 65505, 0x1p-24, 0x1p-25, 0x1p-1074][
        Int.random(in: 0..<7, using: &self)]
    default:
      let value = Double(bitPattern: next())
      return value.isFinite ? value : 1.5
    }
  }

  /// A value; with `jsonOnly` one that JSON text brings back.
  mutating func value(depth: Int, jsonOnly: Bool = false) -> Value {
    switch Int.random(in: 0..<(depth > 0 ? 11 : 8), using: &self) {
    case 0: return .null
    case 1: return .bool(Bool.random(using: &self))
    case 2: return .integer(Int64(bitPattern: next() >> UInt64.random(in: 0..<64, using: &self)))
    case 3: return .integer(-Int64(next() >> UInt64.random(in: 1..<64, using: &self)))
    case 4: return Value(next())
    case 5: return .double(finiteDouble())
    case 6 where !jsonOnly: return .bytes(Array(text(upTo: 4).utf8))
    case 6, 7: return .string(text(upTo: 40))
    case 8 where !jsonOnly: return .reference(collection: text(upTo: 3), key: text(upTo: 9))
    case 8, 9:
      let count = Int.random(in: 0...30, using: &self) / depth
      return .array((0..<count).map { _ in value(depth: depth - 1, jsonOnly: jsonOnly) })
    default: return .object(fields(depth: depth, jsonOnly: jsonOnly))
    }
  }

  mutating func fields(depth: Int, jsonOnly: Bool = false) -> Fields {
    var fields = Fields()
    for _ in 0..<Int.random(in: 0...40, using: &self) / depth {
      fields[text(upTo: 5)] = value(depth: depth - 1, jsonOnly: jsonOnly)
    }
    return fields
  }
}

/// Files beside the package that a checkout may lack.
enum SharedVectors {
  static func contents(of name: String) -> Data? {
    var directory = URL(filePath: #filePath).deletingLastPathComponent()
    while directory.path != "/" {
      let manifest = directory.appending(path: "Package.swift").path
      if FileManager.default.fileExists(atPath: manifest) { break }
      directory.deleteLastPathComponent()
    }
    return FileManager.default.contents(
      atPath: directory.appending(path: "../shared/data/vectors/\(name)").standardized.path)
  }
}
