/// One row of the performance budget: what was promised, what was reached.
struct BudgetRow {
  let work: String
  let target: Double
  /// Whether less is better.
  var isAtMost = false
  let reached: Double
  var unit = "×"

  var isMet: Bool { isAtMost ? reached <= target : reached >= target }

  var line: String {
    "| \(work) | \(isAtMost ? "≤" : "≥") \(Format.short(target)) \(unit) "
      + "| \(Format.short(reached)) \(unit) | \(isMet ? "passed" : "missed") |"
  }

  static func table(_ rows: [BudgetRow]) -> String {
    (["| work | target | reached | |", "| --- | ---: | ---: | --- |"] + rows.map(\.line))
      .joined(separator: "\n")
  }
}
