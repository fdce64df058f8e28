import Testing

@testable import Reel
@testable import ReelTestSupport

@Suite struct SmokeTests {
  @Test func recordsAndReads() throws {
    try withTemporaryDirectory { path in
      let model = try record((1...100).map(numbered), at: path)
      let recording = try Recording(path: path)
      #expect(try recording.events().events == model.events(Query()))
    }
  }
}
