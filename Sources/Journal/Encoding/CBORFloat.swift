/// The floating-point forms of CBOR: a value stands in the shortest that holds it exactly.
///
/// Half precision is done on bits, because `Float16` does not exist on every platform.
enum CBORFloat {
  /// The half-precision bits of a value, or nil where half precision would change it.
  static func halfBits(of value: Float) -> UInt16? {
    let bits = value.bitPattern
    let sign = UInt16(truncatingIfNeeded: bits >> 16) & 0x8000
    let exponent = Int(bits >> 23 & 0xFF) - 127
    let fraction = bits & 0x7F_FFFF
    switch exponent {
    case -127:
      return fraction == 0 ? sign : nil
    case -24 ... -15:
      let significand = fraction | 0x80_0000
      let shift = UInt32(-14 - exponent + 13)
      guard significand & (1 << shift - 1) == 0 else { return nil }
      return sign | UInt16(truncatingIfNeeded: significand >> shift)
    case -14...15:
      guard fraction & 0x1FFF == 0 else { return nil }
      return sign | UInt16(exponent + 15) << 10 | UInt16(truncatingIfNeeded: fraction >> 13)
    default:
      return nil
    }
  }

  /// The value of half-precision bits; not finite where they are not.
  static func value(halfBits bits: UInt16) -> Double {
    let fraction = Double(bits & 0x3FF)
    let magnitude: Double
    switch Int(bits >> 10 & 0x1F) {
    case 0: magnitude = fraction * 0x1p-24
    case 31: magnitude = fraction == 0 ? .infinity : .nan
    case let exponent:
      magnitude = Double(sign: .plus, exponent: exponent - 25, significand: 1024 + fraction)
    }
    return bits & 0x8000 == 0 ? magnitude : -magnitude
  }
}
