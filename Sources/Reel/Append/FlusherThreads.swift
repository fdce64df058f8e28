/// The threads that take work off the flusher.
struct FlusherThreads: Sendable {
  let syncer: Syncer
  let blockWriter: BlockWriter
  let merger: IndexMerger

  /// Starts them for `appender`; ``stop()`` must follow.
  /// - Throws: ``ReelError/io(_:)`` when a thread cannot be had; none is then left.
  init(
    _ appender: inout SegmentAppender, _ configuration: RecorderConfiguration
  ) throws(ReelError) {
    syncer = try Syncer()
    do throws(ReelError) {
      blockWriter = try BlockWriter(appender.work)
    } catch {
      syncer.stop()
      throw error
    }
    do throws(ReelError) {
      merger = try IndexMerger(folder: appender.folder, clock: configuration.clock)
    } catch {
      blockWriter.stop()
      syncer.stop()
      throw error
    }
    appender.beginWriting(blockWriter)
    appender.beginMerging(merger)
  }

  /// Ends them.
  func stop() {
    merger.stop()
    blockWriter.stop()
    syncer.stop()
  }
}
