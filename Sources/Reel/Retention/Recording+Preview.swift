extension Recording {
  /// What ``Recorder/keepNewest(bytes:)`` would drop now.
  ///
  /// - Parameters:
  ///   - byteCount: Bytes to keep, 0 or more.
  ///   - bufferByteCount: The buffer that the recorder would have, which counts as kept.
  /// - Returns: Whole sealed segments, the oldest first.
  /// - Throws: ``ReelError/io(_:)``, ``ReelError/closed``.
  public func retentionPreview(
    keepingBytes byteCount: Int, bufferByteCount: Int
  ) throws(ReelError) -> RetentionReport {
    let segments = try snapshot().segments
    var bytes = segments.reduce(bufferByteCount) { $0 + $1.byteCount }
    var report = RetentionReport()
    for segment in segments {
      guard segment.isSealed, bytes > byteCount else { break }
      bytes -= segment.byteCount
      report.segmentCount += 1
      report.eventCount += Int(clamping: segment.summary.eventCount)
      report.byteCount += segment.byteCount
    }
    return report
  }
}
