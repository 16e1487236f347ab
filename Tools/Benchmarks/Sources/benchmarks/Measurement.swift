import Foundation

/// One row: the same work in C, by the public API, and by the inner path, several times over.
struct Measurement {
  let name: String
  /// How many things one round handles, for figures a second.
  let count: Int
  let unit: String
  var baseline: [Cost] = []
  var api: [Cost] = []
  var inner: [Cost] = []

  /// Runs every column once a round, so that what the machine does meanwhile hits all of them.
  static func run(
    _ name: String, count: Int, unit: String = "entries", runs: Int,
    baseline: () async throws -> Cost, api: () async throws -> Cost,
    inner: (() async throws -> Cost)? = nil
  ) async throws -> Measurement {
    var measurement = Measurement(name: name, count: count, unit: unit)
    for _ in 0..<runs {
      measurement.baseline.append(try await baseline())
      measurement.api.append(try await api())
      if let inner { measurement.inner.append(try await inner()) }
    }
    return measurement
  }

  /// How fast a column is, C being 1: from the medians, with the range over the rounds.
  func ratio(_ column: [Cost]) -> String {
    guard !column.isEmpty else { return "–" }
    let ratios = zip(baseline, column).map { $0.seconds / $1.seconds }
    let range = (ratios.min() ?? 0, ratios.max() ?? 0)
    return "\(Format.two(speed(column))) "
      + "(\(Format.two(range.0))–\(Format.two(range.1)))"
  }

  func speed(_ column: [Cost]) -> Double {
    baseline.map(\.seconds).median / column.map(\.seconds).median
  }

  /// The same by processor time, which other processes disturb less.
  func processorRatio(_ column: [Cost]) -> String {
    guard !column.isEmpty else { return "–" }
    return Format.two(baseline.map(\.processor).median / column.map(\.processor).median)
  }

  func rate(_ column: [Cost]) -> String {
    column.isEmpty ? "–" : Format.grouped(Double(count) / column.map(\.seconds).median)
  }

  /// Microseconds of processor time for each thing.
  func each(_ column: [Cost]) -> String {
    guard !column.isEmpty else { return "–" }
    return Format.two(column.map(\.processor).median * 1e6 / Double(count))
  }
}

extension [Double] {
  var median: Double {
    let sorted = sorted()
    guard !sorted.isEmpty else { return .nan }
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }
}

/// What a piece of work took.
struct Cost {
  /// Seconds on the clock.
  var seconds: Double
  /// Seconds of processor time of the whole process: what holds on a busy machine.
  var processor: Double

  static var zero: Cost { Cost(seconds: 0, processor: 0) }
}

/// What a piece of work costs.
func cost(_ work: () throws -> Void) rethrows -> Cost {
  let before = processorSeconds()
  let seconds = try ContinuousClock().measure(work) / .seconds(1)
  return Cost(seconds: seconds, processor: processorSeconds() - before)
}

/// What a piece of work costs that waits for others.
func costAwaiting(_ work: () async throws -> Void) async rethrows -> Cost {
  let before = processorSeconds()
  let seconds = try await ContinuousClock().measure(work) / .seconds(1)
  return Cost(seconds: seconds, processor: processorSeconds() - before)
}

private func processorSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
