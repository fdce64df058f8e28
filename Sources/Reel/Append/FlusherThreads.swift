/// The threads that take work off the flusher.
struct FlusherThreads: Sendable {
  let syncer: Syncer
  let compressor: BlockCompressor
  let merger: IndexMerger

  /// Starts them; ``stop()`` must follow.
  /// - Throws: ``ReelError/io(_:)`` when a thread cannot be had; none is then left.
  init(folder: any Folder, clock: any Clock) throws(ReelError) {
    syncer = try Syncer()
    do throws(ReelError) {
      compressor = try BlockCompressor()
    } catch {
      syncer.stop()
      throw error
    }
    do throws(ReelError) {
      merger = try IndexMerger(folder: folder, clock: clock)
    } catch {
      compressor.stop()
      syncer.stop()
      throw error
    }
  }

  /// Ends them.
  func stop() {
    merger.stop()
    compressor.stop()
    syncer.stop()
  }
}
