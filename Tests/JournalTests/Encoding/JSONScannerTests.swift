import Journal
import Testing

@Suite("Strict JSON input")
struct JSONScannerTests {
  private func refused(_ text: String, maxDepth: Int = 32) -> String {
    refusal { _ = try cbor(text, maxDepth: maxDepth) }
  }

  @Test(
    "a name that stands twice is refused at any depth, however it is spelled",
    arguments: [
      (#"{"a":1,"a":2}"#, #"duplicate member "a" at byte 7"#),
      (#"{"a":1,"b":2,"\u0061":2}"#, #"duplicate member "a" at byte 13"#),
      (#"[{"x":{"b":1,"a":2,"b":3}}]"#, #"duplicate member "b" at byte 19"#),
      (#"{"\n":1,"\u000a":2}"#, #"duplicate member "\n" at byte 8"#),
      (#"{"":1,"":2}"#, #"duplicate member "" at byte 6"#),
    ])
  func duplicates(_ text: String, _ reason: String) {
    #expect(refused(text) == reason)
    guard text.hasPrefix("{") else { return }
    #expect(
      refusal {
        try withBytes(text) { bytes in
          var scanner = JSONScanner(bytes)
          try scanner.object { _, scanner in
            var writer = CBORWriter()
            try scanner.transcode(into: &writer, depth: 0, maxDepth: 8)
          }
        }
      } == reason)
  }

  @Test("duplicates among many members are found too")
  func manyDuplicates() throws {
    let names = (0..<2000).map { "\"k\($0)\":0" }
    let unique = "{\(names.joined(separator: ","))}"
    let doubled = "{\((names + ["\"k\\u0037\":1"]).joined(separator: ","))}"
    func iterate(_ text: String) throws {
      try withBytes(text) { bytes in
        var scanner = JSONScanner(bytes)
        try scanner.object { _, scanner in
          var writer = CBORWriter()
          try scanner.transcode(into: &writer, depth: 0, maxDepth: 8)
        }
        try scanner.expectEnd()
      }
    }
    try iterate(unique)
    #expect(isAccepted(try cbor(unique)))
    #expect(refusal { try iterate(doubled) }.hasPrefix("duplicate member \"k7\" at byte "))
    #expect(refused(doubled).hasPrefix("duplicate member \"k7\" at byte "))
  }

  @Test("é and e with an accent are different names")
  func canonicalEquivalents() throws {
    #expect(try cbor("{\"\u{e9}\":1,\"e\u{301}\":2}").first == 0xA2)
  }

  @Test("depth counts objects and arrays, and is bounded")
  func depth() throws {
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    #expect(isAccepted(try cbor(nested(32))))
    #expect(refused(nested(33)) == "depth over 32 at byte 32")
    #expect(refused("{\"a\":[]}", maxDepth: 1) == "depth over 1 at byte 5")
    #expect(refused("{}", maxDepth: 0) == "depth over 0 at byte 0")
    #expect(refused(nested(1_000_000), maxDepth: .max) == "depth over 128 at byte 128")
    #expect(try cbor("1", maxDepth: 0) == [1])
  }

  @Test(
    "integers and doubles stay what they are",
    arguments: [
      ("0", .integer(0)), ("-0", .integer(0)), ("1", .integer(1)), ("1.0", .double(1)),
      ("1e0", .double(1)), ("1E+2", .double(100)), ("-0.0", .double(-0.0)), ("-0e1", .double(-0.0)),
      ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
      ("9223372036854775808", .unsigned(1 << 63)), ("18446744073709551615", .unsigned(.max)),
      ("9007199254740993", .integer(9_007_199_254_740_993)),
      ("9007199254740993.0", .double(9_007_199_254_740_992)), ("0.1", .double(0.1)),
      ("51.8598089", .double(51.8598089)), ("1e-400", .double(0)), ("5e-324", .double(0x1p-1074)),
      ("1.7976931348623157e308", .double(.greatestFiniteMagnitude)),
      ("123456789012345678901234567890.5", .double(123456789012345678901234567890.5)),
      ("0.00000000000000000000000000000000000000001e41", .double(1)),
      ("0e999999999999999999999", .double(0)),
    ] as [(String, Value)])
  func numbers(_ text: String, _ expected: Value) throws {
    #expect(try JSONText.parse(text) == expected)
  }

  @Test(
    "numbers that JSON or the types cannot hold are refused",
    arguments: [
      ("18446744073709551616", "number out of range at byte 0"),
      ("-9223372036854775809", "number out of range at byte 0"),
      ("[1,100000000000000000000000]", "number out of range at byte 3"),
      ("1e309", "number out of range at byte 0"),
      ("-1e99999999999999999999", "number out of range at byte 0"),
      ("01", "a leading zero at byte 0"), ("-01", "a leading zero at byte 1"),
      ("1.", "expected a digit, found the end at byte 2"),
      (".5", "expected a value, found '.' at byte 0"),
      ("1e", "expected a digit, found the end at byte 2"),
      ("1e+", "expected a digit, found the end at byte 3"),
      ("-", "expected a digit, found the end at byte 1"),
      ("+1", "expected a value, found '+' at byte 0"),
      ("NaN", "expected a value, found 'N' at byte 0"),
      ("0x10", "expected the end, found 'x' at byte 1"),
      ("1 2", "expected the end, found a number at byte 2"),
    ])
  func wrongNumbers(_ text: String, _ reason: String) {
    #expect(refused(text) == reason)
  }

  @Test(
    "escapes decode to their text",
    arguments: [
      (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"), (#""\u00e9\u6c34""#, "é水"),
      (#""\uD83D\ude00 x""#, "😀 x"), (#""\u0000""#, "\0"),
      ("\"\u{7f}\u{2028}é水😀\"", "\u{7f}\u{2028}é水😀"),
      (#""plain text of more than sixteen \u0062ytes""#, "plain text of more than sixteen bytes"),
    ])
  func escapes(_ text: String, _ expected: String) throws {
    #expect(try JSONText.parse(text) == .string(expected))
    try withBytes(text) { bytes in
      var scanner = JSONScanner(bytes)
      #expect(try scanner.string() == expected)
      scanner = JSONScanner(bytes)
      var utf8: [UInt8] = []
      try scanner.utf8(into: &utf8)
      #expect(utf8 == Array(expected.utf8))
    }
  }

  @Test(
    "strings that are not text are refused",
    arguments: [
      (#""\ud800""#, "a lone surrogate at byte 1"), (#""x\udc00""#, "a lone surrogate at byte 2"),
      (#""\ud800\u0041""#, "a lone surrogate at byte 1"),
      (#""\ud800\ud800""#, "a lone surrogate at byte 1"),
      (#""\ud83d\n""#, "a lone surrogate at byte 1"),
      (#""\u12g4""#, "an unknown escape at byte 1"), (#""\u12""#, "an unknown escape at byte 1"),
      (#""\x""#, "an unknown escape at byte 1"), (#""\é""#, "an unknown escape at byte 1"),
      ("\"a\nb\"", "a control character in a string at byte 2"),
      ("\"12345678\u{1f}\"", "a control character in a string at byte 9"),
      ("\"\0\"", "a control character in a string at byte 1"),
      ("\"abc", "a string without an end at byte 0"),
      ("[\"\\\"]", "a string without an end at byte 1"),
      ("\"\\", "an unknown escape at byte 1"),
    ])
  func wrongStrings(_ text: String, _ reason: String) {
    #expect(refused(text) == reason)
  }

  @Test(
    "bytes that are not UTF-8 are refused",
    arguments: [
      [0xFF], [0xC3, 0x28], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
      [0xE6, 0xB0],
      [0xF0, 0x82, 0x82, 0xAC], [0x80],
    ] as [[UInt8]])
  func wrongBytes(_ bytes: [UInt8]) {
    let text = [0x22] + bytes + [0x22]
    #expect(
      refusal { _ = try text.withUnsafeBytes { try JSONText.parse($0) } }
        == "text that is not UTF-8 at byte 1")
  }

  @Test(
    "broken structure is refused where it breaks",
    arguments: [
      ("\u{feff}{}", "byte order mark at byte 0"),
      ("", "expected a value, found the end at byte 0"),
      ("{\"a\" 1}", "expected a colon, found a number at byte 5"),
      ("{\"a\":1,}", "expected a member name, found '}' at byte 7"),
      ("{\"a\":1 \"b\":2}", "expected a comma or }, found a string at byte 7"),
      ("{a:1}", "expected a member name, found 'a' at byte 1"),
      ("[1,]", "expected a value, found ']' at byte 3"),
      ("[1 true]", "expected a comma or ], found true at byte 3"),
      ("[1", "expected a comma or ], found the end at byte 2"), ("{", "expected a member name"),
      ("nul", "expected a value, found 'n' at byte 0"), ("truex", "expected the end, found 'x'"),
      ("{}{}", "expected the end, found an object at byte 2"),
      ("\u{1}", "expected a value, found byte 0x01 at byte 0"),
      ("[/*x*/]", "expected a value, found '/' at byte 1"),
    ])
  func structure(_ text: String, _ reason: String) {
    #expect(refused(text).hasPrefix(reason))
  }

  @Test("an object that is asked for is an object")
  func objectRequired() {
    for (text, found) in [("[]", "an array"), ("1", "a number"), ("null", "null"), ("", "the end")]
    {
      let message = refusal {
        try withBytes(text) { bytes in
          var scanner = JSONScanner(bytes)
          var writer = CBORWriter()
          try scanner.transcodeObject(into: &writer, depth: 0, maxDepth: 32)
        }
      }
      #expect(message == "expected an object, found \(found) at byte 0")
    }
  }

  @Test("members and elements are handed out in order with decoded names")
  func iteration() throws {
    var seen: [String] = []
    try withBytes(#" { "op" : "put" , "\u0069ds" : [ 1 , 2 ] , "fields":{} } "#) { bytes in
      var scanner = JSONScanner(bytes)
      try scanner.object { name, scanner in
        seen.append(String(decoding: name, as: UTF8.self))
        switch scanner.peek() {
        case UInt8(ascii: "\""): seen.append(try scanner.string())
        case UInt8(ascii: "["):
          try scanner.array { scanner in
            var writer = CBORWriter()
            try scanner.transcode(into: &writer, depth: 0, maxDepth: 0)
            seen.append(Hex.encode(writer.bytes))
          }
        default:
          var writer = CBORWriter()
          try scanner.transcodeObject(into: &writer, depth: 0, maxDepth: 1)
          seen.append(Hex.encode(writer.bytes))
        }
      }
      try scanner.expectEnd()
    }
    #expect(seen == ["op", "put", "ids", "01", "02", "fields", "a0"])
  }
}
