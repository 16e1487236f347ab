import Foundation

/// Numbers and rows as the Markdown table shows them.
enum Format {
  static func two(_ number: Double) -> String {
    String(format: "%.2f", number)
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
      "| work | API : C | inner path : C | C a second | API a second | inner path a second |",
      "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in measurements {
      lines.append(
        "| \(row.name) | \(row.ratio(row.api)) | \(row.ratio(row.inner)) "
          + "| \(row.rate(row.baseline)) \(row.unit) | \(row.rate(row.api)) "
          + "| \(row.rate(row.inner)) |")
    }
    return lines.joined(separator: "\n")
  }
}
