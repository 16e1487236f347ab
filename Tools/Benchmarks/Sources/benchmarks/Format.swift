import Foundation

/// Numbers and rows as the Markdown table shows them.
enum Format {
  static func two(_ number: Double) -> String {
    String(format: "%.2f", number)
  }

  /// Two decimals below a hundred, none above, none where they are zero.
  static func short(_ number: Double) -> String {
    if number >= 100 { return grouped(number) }
    return number == number.rounded() ? String(Int(number)) : two(number)
  }

  static func grouped(_ number: Double) -> String {
    let digits = Array(String(Int(number.rounded())))
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return text
  }

  static func table(_ measurements: [Measurement]) -> String {
    var lines = [
      "| work | API : C | inner path : C | C a second | API a second | inner path a second "
        + "| by processor time | µs each: C, API, inner |",
      "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in measurements {
      lines.append(
        "| \(row.name) | \(row.ratio(row.api)) | \(row.ratio(row.inner)) "
          + "| \(row.rate(row.baseline)) \(row.unit) | \(row.rate(row.api)) "
          + "| \(row.rate(row.inner)) "
          + "| \(row.processorRatio(row.api)), \(row.processorRatio(row.inner)) "
          + "| \(row.each(row.baseline)), \(row.each(row.api)), \(row.each(row.inner)) |")
    }
    return lines.joined(separator: "\n")
  }
}
