import Foundation
import Journal
import TestKit
import Testing

@Suite("Timestamps")
struct TimestampTests {
  @Test(
    "RFC 3339 reads as milliseconds",
    arguments: [
      ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00.001Z", 1),
      ("2013-08-04T20:12:55.123Z", 1_375_647_175_123),
      ("2013-08-04t22:12:55.1239+02:00", 1_375_647_175_123),
      ("2013-08-04T18:42:55.1-01:30", 1_375_647_175_100),
      ("2000-02-29T00:00:00-00:00", 951_782_400_000),
      ("9999-12-31T23:59:59.999999999999999999z", 253_402_300_799_999),
      ("1969-12-31T23:30:00-00:30", 0), ("2016-12-31T23:59:60Z", 1_483_228_799_999),
      ("2017-01-01T01:59:60.5+02:00", 1_483_228_799_999),
    ])
  func parsing(_ text: String, _ milliseconds: UInt64) {
    #expect(Timestamp(text)?.milliseconds == milliseconds)
  }

  @Test(
    "what is not RFC 3339 or no real time is refused",
    arguments: [
      "", "2013-08-04", "2013-08-04 20:12:55Z", "2013-08-04T20:12:55", "2013-08-04T20:12Z",
      "2013-8-04T20:12:55Z", "2013-08-04T20:12:55.Z", "2013-08-04T20:12:55,1Z",
      "2013-02-29T00:00:00Z",
      "1900-02-29T00:00:00Z", "2013-04-31T00:00:00Z", "2013-00-01T00:00:00Z",
      "2013-13-01T00:00:00Z",
      "2013-01-00T00:00:00Z", "2013-01-01T24:00:00Z", "2013-01-01T00:60:00Z",
      "2013-01-01T00:00:61Z",
      "2013-01-01T00:00:60Z", "2016-12-30T23:59:60Z", "2013-01-01T00:00:00+24:00",
      "2013-01-01T00:00:00+0100", "2013-01-01T00:00:00+01", "2013-01-01T00:00:00Z ", "x",
      "+013-01-01T00:00:00Z", "2013-01-01T00:00:00z\0", "２013-01-01T00:00:00Z",
    ])
  func refused(_ text: String) {
    #expect(Timestamp(text) == nil)
    #expect(!withBytes(text) { Timestamp.isValid($0) })
  }

  @Test("years before 1970 are valid but no timestamp")
  func early() {
    for text in ["0000-01-01T00:00:00+23:59", "0000-02-29T00:00:00Z", "1969-12-31T23:59:59.999Z"] {
      #expect(withBytes(text) { Timestamp.isValid($0) })
      #expect(Timestamp(text) == nil)
    }
    #expect(Timestamp("1970-01-01T00:00:00+00:01") == nil)
    #expect(Timestamp("9999-12-31T23:59:59-00:01") == nil)
    #expect(!withBytes("0100-02-29T00:00:00Z") { Timestamp.isValid($0) })
  }

  @Test("the text has three digits of milliseconds and reads back")
  func text() {
    #expect(Timestamp(milliseconds: 0).description == "1970-01-01T00:00:00.000Z")
    #expect(Timestamp(milliseconds: 1_375_647_175_120).description == "2013-08-04T20:12:55.120Z")
    #expect(!Timestamp(milliseconds: .max).description.isEmpty)
    let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    for seed in 1...2000 as ClosedRange<UInt64> {
      var random = SeededRandom(seed: seed)
      let time = Timestamp(milliseconds: random.next() % 253_402_300_800_000)
      #expect(Timestamp(time.description) == time, "seed \(seed)")
      let seconds = Timestamp(milliseconds: time.milliseconds / 1000 * 1000)
      let date = Date(timeIntervalSince1970: Double(seconds.milliseconds / 1000))
      #expect(seconds.description == date.formatted(format), "seed \(seed)")
    }
  }

  @Test("the clock is now")
  func now() {
    let seconds = Date().timeIntervalSince1970
    #expect(abs(Double(Timestamp.now.milliseconds) / 1000 - seconds) < 60)
  }
}
