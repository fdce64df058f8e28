/// Sums and products of numbers that files claim: a forged one must neither end the program nor
/// become a small one.
extension FixedWidthInteger {
  /// The sum, or the greatest or least value where it would be beyond that.
  func saturatingAdd(_ other: Self) -> Self {
    let (sum, overflow) = addingReportingOverflow(other)
    guard overflow else { return sum }
    return other < 0 ? .min : .max
  }

  /// The product of two numbers that are not negative, or the greatest value.
  func saturatingMultiply(_ other: Self) -> Self {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    return overflow ? .max : product
  }
}
