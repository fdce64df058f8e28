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
    var bytes = segments.reduce(bufferByteCount) { $0.saturatingAdd($1.byteCount) }
    var report = RetentionReport()
    // A recovery may have left one without a seal in the middle; only the last is written to.
    for segment in segments.prefix(while: { $0 !== segments.last || $0.isSealed })
    where segment.isReadable {
      guard bytes > byteCount else { break }
      bytes -= segment.byteCount
      report.segmentCount += 1
      report.eventCount = report.eventCount.saturatingAdd(
        Int(clamping: segment.summary.eventCount))
      report.byteCount = report.byteCount.saturatingAdd(segment.byteCount)
    }
    return report
  }
}
