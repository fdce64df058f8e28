import Testing

@testable import ReelTool

/// Moments as text: fixed pairs at every border, faults, then each day against a naive calendar.
@Suite struct JSONTimestampTests {
  static func fault(_ text: String) -> TimestampText.Fault? {
    do throws(TimestampText.Fault) {
      _ = try TimestampText.nanoseconds(text)
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: [
    (Int64.min, "1677-09-21T00:12:43.145224192Z"), (.max, "2262-04-11T23:47:16.854775807Z"),
    (0, "1970-01-01T00:00:00.000000000Z"), (-1, "1969-12-31T23:59:59.999999999Z"),
    (951_782_400_000_000_000, "2000-02-29T00:00:00.000000000Z"),
    (-2_203_891_200_000_000_000, "1900-03-01T00:00:00.000000000Z"),
    (-2_203_891_200_000_000_001, "1900-02-28T23:59:59.999999999Z"),
    (1_795_231_320_123_456_789, "2026-11-21T03:22:00.123456789Z"),
  ])
  func formatsAndParses(_ nanoseconds: Int64, _ text: String) throws {
    #expect(TimestampText.rfc3339(nanoseconds) == text)
    #expect(try TimestampText.nanoseconds(text) == nanoseconds)
    #expect(try TimestampText.nanoseconds("\(nanoseconds)") == nanoseconds)
  }

  @Test(arguments: [
    ("1970-01-02", Int64(86_400_000_000_000)), ("1970-01-01T00:01", 60_000_000_000),
    ("1970-01-01 00:00:00.5", 500_000_000), ("1970-01-01t00:00:00,25z", 250_000_000),
    ("1970-01-01T01:00:00+01:00", 0), ("1970-01-01T00:00:00-0130", 5_400_000_000_000),
    ("1970-01-01T05:00:00+05", 0),
    ("2262-04-12T01:47:16.854775807+02:00", .max), ("1677-09-20T23:12:43.145224192-01:00", .min),
  ])
  func parsesOtherForms(_ text: String, _ nanoseconds: Int64) throws {
    #expect(try TimestampText.nanoseconds(text) == nanoseconds)
  }

  @Test(arguments: [
    ("", TimestampText.Fault.malformed), ("abc", .malformed), ("1.5", .malformed),
    ("1970-1-1", .malformed), ("1970-01-01T", .malformed), ("1970-01-01T00", .malformed),
    ("1970-01-01T00:00:00.", .malformed), ("1970-01-01T00:00:00.1234567890Z", .malformed),
    ("1970-01-01T00:00:00Zx", .malformed), ("1970-01-01T00:00:00+1", .malformed),
    ("1970-01-01T00:00:00+01:", .malformed), ("+5", .malformed), ("007", .malformed),
    ("1970-13-01", .noSuchTime), ("1970-00-01", .noSuchTime), ("1900-02-29", .noSuchTime),
    ("2024-04-31", .noSuchTime), ("1970-01-01T24:00", .noSuchTime),
    ("1970-01-01T00:00:60Z", .noSuchTime), ("1970-01-01T00:00+24:00", .noSuchTime),
    ("9223372036854775808", .outOfRange), ("-9223372036854775809", .outOfRange),
    ("99999999999999999999999", .outOfRange), ("2262-04-11T23:47:16.854775808Z", .outOfRange),
    ("1677-09-21T00:12:43.145224191Z", .outOfRange), ("0000-01-01", .outOfRange),
    ("9999-12-31", .outOfRange),
  ])
  func refuses(_ text: String, _ fault: TimestampText.Fault) {
    #expect(Self.fault(text) == fault)
  }

  @Test func everyDayFollowsTheOneBefore() {
    var day: Int64 = TimestampText.days(fromYear: 1600, month: 1, day: 1)
    for year in Int64(1600)...2400 {
      let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
      let dayCounts = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
      for (index, count) in dayCounts.enumerated() {
        for date in 1...Int64(count) {
          let month = Int64(index + 1)
          let civil = TimestampText.civil(fromDays: day)
          let isRight =
            TimestampText.days(fromYear: year, month: month, day: date) == day
            && civil == (year, month, date)
          #expect(isRight, "\(year)-\(month)-\(date)")
          day += 1
        }
      }
    }
  }

  @Test(arguments: seeds(1)) func everyMomentReadsBack(seed: UInt64) throws {
    var random = SeededRandom(seed)
    for _ in 0..<20_000 {
      let moment = Int64.random(in: .min ... .max, using: &random)
      #expect(
        try TimestampText.nanoseconds(TimestampText.rfc3339(moment)) == moment, "seed \(seed)")
    }
  }
}
