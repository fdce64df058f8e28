import Foundation
import Testing

/// What `--ack` promises, with recorders that are killed while they read.
@Suite struct AcknowledgementTests {
  @Test func aLineIsAcknowledgedOnceReadersSeeIt() throws {
    let folder = try TemporaryFolder()
    let trace = folder.path("trace")
    let feed = try RecorderFeed(trace)
    for number in 0..<3 {
      try feed.input.fileHandleForWriting.write(
        contentsOf: Data(Lines.simple(number..<(number + 1)).utf8))
      #expect(feed.acknowledged() == [number + 1])
      #expect(try ToolRun("query", trace, "--count").output == "\(number + 1)\n")
    }
    // A second writer is told who holds the recording.
    let second = try ToolRun("record", trace)
    #expect(second.status == 1)
    #expect(second.errors.contains("\(feed.process.processIdentifier)"), "\(second.errors)")
    try feed.input.fileHandleForWriting.write(contentsOf: Data("{\"id\":\"torn".utf8))
    feed.process.terminate()
    feed.process.waitUntilExit()
    #expect(feed.process.terminationStatus == 0)
    #expect(try ToolRun("query", trace, "--all", "--json").output == Lines.simple(0..<3))
    #expect(try ToolRun("info", trace).output.contains("  closed  "))
  }

  @Test(arguments: [[], ["--batch", "7"], ["--durability", "disk", "--batch", "50"]])
  func killedAndRestartedItHasEverythingOnce(options: [String]) throws {
    let folder = try TemporaryFolder()
    let trace = folder.path("trace")
    let total = 6000
    var recorded = 0
    for target in [700, 2500, 2600] {
      let feed = try RecorderFeed(trace, options)
      let rest = Data(Lines.simple(recorded..<total).utf8)
      let handle = feed.input.fileHandleForWriting
      // The pipe takes less than the whole input, so feeding needs a thread of its own.
      let feeding = Thread { try? handle.write(contentsOf: rest) }
      feeding.start()
      var last = 0
      while last < target - recorded, let next = feed.acknowledged().last { last = next }
      kill(feed.process.processIdentifier, SIGKILL)
      // What was acknowledged before the kill may still be in the pipe.
      while let next = feed.acknowledged().last { last = max(last, next) }
      feed.process.waitUntilExit()
      let count = try ToolRun("query", trace, "--count").output
      let now = try #require(Int(count.dropLast()))
      #expect(now >= recorded + last)
      recorded = now
    }
    let end = try ToolRun(
      ["record", trace] + options, input: Lines.simple(recorded..<total))
    #expect(end.status == 0)
    #expect(
      try Lines.ids(ToolRun("query", trace, "--all", "--json")) == (0..<total).map { "e\($0)" })
    #expect(try ToolRun("info", trace).output.contains("  crashed "))
  }
}
