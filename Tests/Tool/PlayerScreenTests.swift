import Testing

@testable import Reel
@testable import ReelTool

/// What the player shows, as lines.
@Suite struct PlayerScreenTests {
  /// A view of the event `text`, among others.
  private func view(_ text: String) throws -> PlayerView {
    let recorder = try Recorder(folder: MemoryFolder(path: "a/trace"), configuration: .tiny)
    for number in 0..<60 {
      var event = Event(
        timestamp: Timestamp(nanoseconds: Int64(number) * 1000), kind: "function_entry" + text,
        process: "<0.1.0>" + text, peerProcess: "<0.2.0>", correlationID: "req-1" + text)
      event.function = Function(module: "Desk" + text, name: "handle", arity: 1)
      event.payload = Payload("payload \(number) " + text)
      try recorder.append(event)
    }
    let model = try PlayerModel(try recorder.recording, clock: 0)
    model.handle(.pageDown, at: 0)
    let view = try PlayerView(model, neighbourCount: 40)
    try recorder.close()
    return view
  }

  private static let texts = [
    "", "日本語のとても長い文字列", "e\u{301}e\u{301}", "\u{1B}[31m\u{7}\n\t", "👩‍👩‍👧‍👦🇩🇪☀️",
    String(repeating: "x", count: 500), "\u{202E}abc\u{0}", "ääßüö",
  ]

  @Test(arguments: texts)
  func noLineIsWiderThanTheScreenAndNoneCanSteerIt(text: String) throws {
    var view = try view(text)
    for size in [(80, 24), (81, 25), (132, 50), (200, 60), (97, 24)] {
      for isPlain in [false, true] {
        let screen = PlayerScreen(columnCount: size.0, rowCount: size.1, isPlain: isPlain)
        for state in 0..<3 {
          view.prompt = state == 1 ? PlayerPrompt(purpose: .search, text: text + text) : nil
          view.showsHelp = state == 2
          view.message = text
          view.filterText = text
          let rows = screen.rows(view)
          #expect(rows.count <= size.1)
          if state < 2 { #expect(rows.count == size.1) }
          for row in rows {
            #expect(CellText.width(row.text) <= size.0, "\(row.text)")
            let isHarmless = row.text.unicodeScalars.allSatisfy {
              ![.control, .format].contains($0.properties.generalCategory)
            }
            #expect(isHarmless, "\(row.text)")
            if isPlain { #expect(row.text.utf8.allSatisfy { $0 < 0x80 }, "\(row.text)") }
          }
        }
      }
    }
  }

  @Test func theCurrentEventItsCallsAndThoseAroundAreShown() throws {
    let view = try view("")
    let rows = PlayerScreen(columnCount: 80, rowCount: 24).rows(view).map(\.text)
    #expect(rows[0].contains("trace") && rows[0].contains("paused"))
    #expect(rows[0].hasSuffix("60 events "))
    #expect(rows[1].contains("1970-01-01 00:00:00.000010000 UTC"), "\(rows[1])")
    #expect(rows[1].contains("+10.0 µs of 59.0 µs") && rows[1].contains("16.9 %"))
    #expect(rows[3].hasSuffix("▲") && rows[3].count == 14, "\(rows[3])")
    #expect(rows[5].contains("function_entry   <0.1.0> > <0.2.0>   Desk.handle/1"))
    #expect(rows[7].contains("payload 10"))
    #expect(rows[10].contains("calls of <0.1.0>: 11"))
    #expect(rows[11].hasPrefix("  11  Desk.handle/1  payload 10"))
    #expect(rows[14].contains("and 8 around"))
    let current = try #require(rows.firstIndex { $0.hasPrefix("▸") })
    #expect(rows[current].contains("00:00:00.000010000"))
    #expect(rows[current - 1].contains("00:00:00.000009000"))
    #expect(rows[current + 1].contains("00:00:00.000011000"))
  }

  @Test func theDensityHasItsHeightsWhereTheEventsAre() throws {
    var view = PlayerView()
    var density = Density(range: 0...799, stretchCount: 80)
    density.counts = (0..<80).map { $0 == 3 ? 800 : $0 == 70 ? 1 : $0 == 40 ? 400 : 0 }
    view.density = density
    view.head = 705
    let rich = PlayerScreen(columnCount: 80, rowCount: 24).rows(view)[2].text
    #expect(Array(rich)[3] == "█" && Array(rich)[70] == "▁" && Array(rich)[40] == "▄")
    #expect(rich.filter { $0 == " " }.count == 77)
    let wide = PlayerScreen(columnCount: 160, rowCount: 24, isPlain: true).rows(view)
    #expect(Array(wide[2].text)[6] == "#" && Array(wide[2].text)[7] == "#")
    #expect(
      wide[3].text.firstIndex(of: "^").map {
        wide[3].text.distance(
          from: wide[3].text.startIndex, to: $0)
      } == 140)
  }

  @Test func whatTheRecordingLacksIsMarkedBelowTheTimeAndSaid() throws {
    var view = PlayerView()
    var density = Density(range: 0...799, stretchCount: 80)
    density.counts = [Int](repeating: 1, count: 80)
    view.density = density
    view.head = 305
    view.lacks = [
      PlayerLack(range: 100...129, text: "5 events dropped"),
      PlayerLack(range: 700...700, text: "1 record damaged"),
    ]
    let rich = PlayerScreen(columnCount: 80, rowCount: 24)
    let below = Array(rich.rows(view)[3].text)
    #expect(below.indices.filter { below[$0] == "×" } == [10, 11, 12, 70])
    #expect(below.firstIndex(of: "▲") == 30 && below.count == 71)
    let status = rich.rows(view)[22].text
    #expect(status == " incomplete: 5 events dropped, 1 record damaged")
    view.head = 115
    #expect(rich.rows(view)[22].text == " incomplete here: 5 events dropped")
    let plain = PlayerScreen(columnCount: 160, rowCount: 24, isPlain: true).rows(view)[3].text
    #expect(plain.filter { $0 == "x" }.count == 5 && Array(plain)[140] == "x")
    view.message = "found 'x'"
    #expect(rich.rows(view)[22].text == " found 'x'")
    view.lacks = []
    #expect(!rich.rows(view)[3].text.contains("×"))
  }

  @Test func aScreenThatIsTooSmallSaysSo() throws {
    for size in [(79, 24), (80, 23), (10, 3), (1, 1)] {
      let rows = PlayerScreen(columnCount: size.0, rowCount: size.1).rows(PlayerView())
      #expect(rows.count == 1)
      #expect(CellText.width(rows[0].text) <= size.0)
    }
    let rows = PlayerScreen(columnCount: 79, rowCount: 24).rows(PlayerView())
    #expect(rows[0].text.contains("80x24") && rows[0].text.contains("79x24"))
  }

  @Test func onlyLinesThatDifferAreWritten() throws {
    var painter = Painter(isPlain: false)
    let rows = [ScreenRow(text: "one"), ScreenRow(text: "two", style: .bold)]
    let first = painter.bytes(rows, (80, 24))
    #expect(String(decoding: first, as: UTF8.self).hasPrefix("\u{1B}[0m\u{1B}[2J"))
    #expect(painter.bytes(rows, (80, 24)).isEmpty)
    let change = painter.bytes([rows[0], ScreenRow(text: "three")], (80, 24))
    #expect(String(decoding: change, as: UTF8.self) == "\u{1B}[2;1H\u{1B}[Kthree\u{1B}[0m")
    #expect(painter.bytes([rows[0]], (80, 24)) == Array("\u{1B}[2;1H\u{1B}[K".utf8))
    #expect(!painter.bytes([rows[0]], (81, 24)).isEmpty)
    painter.forget()
    #expect(!painter.bytes([rows[0]], (81, 24)).isEmpty)
  }

  @Test func textsAreCutByTheCellsTheyTake() {
    #expect(CellText.fit("abcdef", 6) == "abcdef")
    #expect(CellText.fit("abcdef", 5) == "abcd…")
    #expect(CellText.fit("日本語", 6) == "日本語")
    #expect(CellText.fit("日本語", 5) == "日本…")
    #expect(CellText.fit("日本語", 4) == "日…")
    #expect(CellText.pad("日本語", 4) == "日…" + " ")
    #expect(CellText.fit("abc", 0) == "")
    #expect(CellText.end(of: "abcdef", 3) == "def")
    #expect(CellText.wrap("abcdefgh", width: 3, count: 3) == ["abc", "def", "gh"])
    #expect(CellText.wrap("abcdefghij", width: 3, count: 2) == ["abc", "de…"])
    #expect(CellText.wrap("", width: 3, count: 2) == [])
  }

  @Test func quotesKeepWordsTogether() {
    #expect(FilterText.words("a=1  'b=2 3' c=\"4'5\" ") == ["a=1", "b=2 3", "c=4'5"])
    #expect(FilterText.words("") == [])
  }
}
