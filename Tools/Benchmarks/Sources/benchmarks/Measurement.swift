/// One row: the same work in C, by the public API, and by the inner path, several times over.
struct Measurement {
  let name: String
  /// How many things one round handles, for figures a second.
  let count: Int
  let unit: String
  var baseline: [Double] = []
  var api: [Double] = []
  var inner: [Double] = []

  /// Runs every column once a round, so that what the machine does meanwhile hits all of them.
  static func run(
    _ name: String, count: Int, unit: String = "entries", runs: Int,
    baseline: () throws -> Double, api: () async throws -> Double,
    inner: (() async throws -> Double)? = nil
  ) async throws -> Measurement {
    var measurement = Measurement(name: name, count: count, unit: unit)
    for _ in 0..<runs {
      measurement.baseline.append(try baseline())
      measurement.api.append(try await api())
      if let inner { measurement.inner.append(try await inner()) }
    }
    return measurement
  }

  /// How fast a column is, C being 1: from the medians, with the range over the rounds.
  func ratio(_ column: [Double]) -> String {
    guard !column.isEmpty else { return "–" }
    let ratios = zip(baseline, column).map { $0 / $1 }
    let range = (ratios.min() ?? 0, ratios.max() ?? 0)
    return "\(Format.two(baseline.median / column.median)) "
      + "(\(Format.two(range.0))–\(Format.two(range.1)))"
  }

  func rate(_ column: [Double]) -> String {
    column.isEmpty ? "–" : Format.grouped(Double(count) / column.median)
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

/// The seconds a piece of work takes.
func seconds(_ work: () throws -> Void) rethrows -> Double {
  try ContinuousClock().measure(work) / .seconds(1)
}

/// The seconds a piece of work takes that waits for others.
func secondsAwaiting(_ work: () async throws -> Void) async rethrows -> Double {
  try await ContinuousClock().measure(work) / .seconds(1)
}
