import Reel

/// What the player does: where it is, how fast it goes, what is filtered and looked for.
///
/// It knows of no terminal: keys and the time come in, and what is to be seen goes out.
final class PlayerModel {
  /// The play head runs along the time of the recording.
  struct Playing {
    /// The clock and the recording's time when it began to run, or its speed changed.
    var clock: Int64
    var time: Int64
  }

  /// A search that is going on.
  struct Searching {
    var direction: Navigator.Direction
    var events: EventCursor
    var examinedCount = 0
  }

  let recording: Recording
  let navigator: Navigator
  private(set) var speed: Double
  private(set) var playing: Playing?
  /// Where the play head is; between events while it runs.
  private(set) var head = Timestamp(nanoseconds: 0)
  var prompt: PlayerPrompt?
  var message = ""
  var showsHelp = false
  private(set) var isDone = false
  var search: TextSearch?
  var searching: Searching?
  private(set) var filterText: String
  private(set) var density: Density?
  /// Times of which the recording does not have everything.
  private(set) var lacks: [PlayerLack] = []
  /// The damages that steps had met when the lacks were found.
  private var metDamageCount = 0
  private let stretchCount: Int
  /// The event after the current one, while playing.
  private var upcoming: Event?
  /// When the density is to be counted again, because a recorder may have added to it.
  private var nextCount: Int64 = 0

  /// Speeds that `+` and `-` go through.
  private static let speedSteps: [Double] = [1, 2, 5]
  private static let speedRange = 1e-9...1e9
  /// The screen is drawn at most so often while playing, and at least so often for the play head.
  private static let frame: Int64 = 33_000_000
  private static let longFrame: Int64 = 100_000_000
  private static let searchStep = 20_000
  /// Steps of Page Up and Page Down.
  private static let pageStep = 10

  init(
    _ recording: Recording, filter: Query = Query(), filterText: String = "", speed: Double = 1,
    stretchCount: Int = 80, clock: Int64
  ) throws {
    self.recording = recording
    self.filterText = filterText
    self.speed = speed
    self.stretchCount = stretchCount
    navigator = Navigator(recording, filter: filter)
    try count(at: clock)
    try step(.forward)
    if navigator.current == nil { message = try nothingMatches() }
  }

  /// Begins with the first event at `time` or later.
  func begin(at time: Timestamp) throws { try seek(.time(time)) }

  var isPlaying: Bool { playing != nil }

  /// The number of events that match the filter.
  var eventCount: Int { density?.counts.reduce(0, +) ?? 0 }

  private func nothingMatches() throws -> String {
    let total = try recording.count()
    return total == 0
      ? "the recording has no events"
      : "none of the recording's \(Wording.count(total, "event")) matches"
  }

  private func count(at clock: Int64) throws {
    let start = monotonicNanoseconds()
    density = try recording.density(navigator.filter, stretchCount: stretchCount)
    try findLacks()
    // Counting may take a fiftieth of the time.
    nextCount = clock &+ max(1_000_000_000, (monotonicNanoseconds() - start) * 50)
  }

  /// Finds out when the recording lacks something, as far as counting and steps have met it.
  private func findLacks() throws {
    guard let density else { return }
    metDamageCount = navigator.damages.count
    lacks = PlayerLack.all(
      density.completeness, and: navigator.damages, gaps: try recording.statistics().gaps,
      in: density.range, of: recording)
  }

  /// Marks damage that has been met since.
  private func noteDamage() throws {
    guard navigator.damages.count > metDamageCount else { return }
    try findLacks()
    if message.isEmpty { message = "records here are damaged: reel verify has the details" }
  }

  // MARK: Keys

  /// Does what a key asks for; a failure is told in the message.
  func handle(_ key: Key, at clock: Int64) {
    message = ""
    do {
      if prompt != nil {
        try type(key, clock)
      } else if showsHelp {
        showsHelp = false
        if key == .character("q") || key == .control("c") { isDone = true }
      } else {
        try press(key, clock)
      }
      try noteDamage()
    } catch {
      fail(error)
    }
  }

  private func fail(_ error: any Error) {
    playing = nil
    searching = nil
    message = "\(error)"
  }

  private func press(_ key: Key, _ clock: Int64) throws {
    searching = nil
    switch key {
    case .character("q"), .control("c"): isDone = true
    case .character("?"): showsHelp = true
    case .character(" "): try togglePlay(clock)
    case .character("+"), .character("="): changeSpeed(up: true, clock)
    case .character("-"): changeSpeed(up: false, clock)
    case .character("g"): prompt = PlayerPrompt(purpose: .time)
    case .character("/"): prompt = PlayerPrompt(purpose: .search)
    case .character("e"): prompt = PlayerPrompt(purpose: .filter, text: filterText)
    case .character("n"): try find(.forward)
    case .character("N"): try find(.backward)
    case .home: try seek(.start)
    case .end: try seek(.end)
    default: try move(key)
    }
  }

  /// Does what the keys ask for that go from event to event.
  private func move(_ key: Key) throws {
    switch key {
    case .right, .down, .character("l"), .character("j"): try step(.forward)
    case .left, .up, .character("h"): try step(.backward)
    case .pageDown: try step(.forward, count: Self.pageStep)
    case .pageUp: try step(.backward, count: Self.pageStep)
    case .character("p"): try step(.forward, .process)
    case .character("P"): try step(.backward, .process)
    case .character("f"): try step(.forward, .function)
    case .character("F"): try step(.backward, .function)
    case .character("c"): try step(.forward, .correlation)
    case .character("C"): try step(.backward, .correlation)
    case .character("k"): try step(.forward, .kind)
    case .character("K"): try step(.backward, .kind)
    case .character("i"): try call("called within", navigator.stepInto())
    case .character("I"): try call("called before", navigator.stepInto(.backward))
    case .character("o"): try call("after it", navigator.stepOver())
    case .character("O"): try call("before it", navigator.stepOver(.backward))
    case .character("u"): try call("around it that ends", navigator.stepOut())
    case .character("U"): try call("around it", navigator.stepOut(.backward))
    default: break
    }
  }

  private func step(
    _ direction: Navigator.Direction, _ track: Navigator.Track = .all, count: Int = 1
  ) throws {
    playing = nil
    var isMoved = false
    for _ in 0..<count {
      guard try navigator.step(direction, along: track) != nil else { break }
      isMoved = true
    }
    if !isMoved, navigator.current != nil {
      let side = direction == .forward ? "after" : "before"
      message =
        track == .all ? "no event \(side) this one" : "no event \(side) it of the same \(track)"
    }
    arrive()
  }

  private func call(_ what: String, _ event: Event?) {
    playing = nil
    if event == nil { message = "nothing is known \(what)" }
    arrive()
  }

  /// The play head is where the current event is.
  private func arrive() {
    if let time = navigator.current?.timestamp { head = time }
  }

  // MARK: Prompts

  private func type(_ key: Key, _ clock: Int64) throws {
    guard var prompt else { return }
    switch key {
    case .escape, .control("c"): self.prompt = nil
    case .enter:
      self.prompt = nil
      try answer(prompt, clock)
    case .backspace:
      if prompt.text.isEmpty { return self.prompt = nil }
      prompt.text.removeLast()
      self.prompt = prompt
    case .control("u"):
      prompt.text = ""
      self.prompt = prompt
    case .character(let character):
      prompt.text.append(character)
      self.prompt = prompt
    default: break
    }
  }

  private func answer(_ prompt: PlayerPrompt, _ clock: Int64) throws {
    switch prompt.purpose {
    case .time:
      guard !prompt.text.isEmpty, let range = density?.range else { return }
      do throws(PlayerTarget.Fault) {
        try go(to: try PlayerTarget(prompt.text, from: head, in: range), clock)
      } catch {
        message = error.text
      }
    case .search:
      if !prompt.text.isEmpty { search = TextSearch(prompt.text) }
      try find(.forward)
    case .filter: try setFilter(prompt.text, clock)
    }
  }

  private func go(to target: PlayerTarget, _ clock: Int64) throws(PlayerTarget.Fault) {
    do {
      try seek(target)
    } catch {
      throw PlayerTarget.Fault(text: "\(error)")
    }
    if playing != nil { playing = Playing(clock: clock, time: head.nanoseconds) }
  }

  private func seek(_ target: PlayerTarget) throws {
    let event: Event?
    switch target {
    case .start: event = try navigator.seek(to: .min)
    case .end: event = try navigator.seek(to: .max, .backward)
    case .sequenceNumber(let number): event = try navigator.seek(to: number)
    case .time(let time):
      // Behind the last event there is still the last.
      event = try navigator.seek(to: time) ?? navigator.seek(to: time, .backward)
    }
    upcoming = nil
    if event == nil { message = "there is no such event" }
    arrive()
  }

  private func setFilter(_ text: String, _ clock: Int64) throws {
    let query: Query
    do {
      query = try FilterText.query(text, recording)
    } catch {
      return message = FilterText.message(error)
    }
    guard try recording.cursor(query, limit: 1).next() != nil else {
      return message = "no event matches: the filter stays as it was"
    }
    navigator.filter = query
    filterText = text
    upcoming = nil
    try count(at: clock)
    // To the first event at the place or after it that matches.
    try seek(.time(head))
  }

  // MARK: Playing

  private func togglePlay(_ clock: Int64) throws {
    if playing != nil { return playing = nil }
    upcoming = try navigator.neighbours(.forward, limit: 1).first
    if upcoming == nil { return message = "the end; Home goes to the beginning" }
    playing = Playing(clock: clock, time: head.nanoseconds)
  }

  private func changeSpeed(up: Bool, _ clock: Int64) {
    if playing != nil { playing = Playing(clock: clock, time: head.nanoseconds) }
    var power = 1.0
    while power * 10 <= speed * 1.000001 { power *= 10 }
    while power > speed * 1.000001 { power /= 10 }
    let steps = Self.speedSteps.map { $0 * power }
    let next =
      up
      ? steps.first { $0 > speed * 1.000001 } ?? power * 10
      : steps.last { $0 < speed * 0.999999 } ?? power / 2
    if Self.speedRange.contains(next) { speed = next }
  }

  /// Lets the time be `clock`: moves the play head, goes on with a search, counts anew.
  func advance(to clock: Int64) {
    do {
      if let playing { try play(playing, clock) }
      if searching != nil { try searchOn() }
      if clock >= nextCount { try count(at: clock) }
      try noteDamage()
    } catch {
      fail(error)
    }
  }

  private func play(_ playing: Playing, _ clock: Int64) throws {
    let passed = Double(clock &- playing.clock) * speed
    let (target, overflow) = playing.time.addingReportingOverflow(
      passed < 9e18 ? Int64(passed) : .max)
    let time = Timestamp(nanoseconds: overflow ? .max : target)
    if upcoming == nil { upcoming = try navigator.neighbours(.forward, limit: 1).first }
    if let next = upcoming?.timestamp, next <= time {
      try navigator.seek(to: time, .backward)
      upcoming = try navigator.neighbours(.forward, limit: 1).first
    }
    head = max(head, time)
    if upcoming == nil {
      self.playing = nil
      arrive()
      message = "the end"
    }
  }

  /// When ``advance(to:)`` is to be called at the latest.
  func deadline(after clock: Int64) -> Int64 {
    if searching != nil { return clock }
    guard let playing, let next = upcoming?.timestamp else { return nextCount }
    let exact = next.nanoseconds.subtractingReportingOverflow(playing.time)
    let wait = (exact.overflow ? .infinity : Double(exact.partialValue)) / speed
    let due = wait < 4e18 ? playing.clock &+ Int64(wait) : .max
    return min(max(due, clock &+ Self.frame), clock &+ Self.longFrame)
  }

  // MARK: Searching

  private func find(_ direction: Navigator.Direction) throws {
    guard search != nil else { return message = "nothing to look for; / asks for it" }
    guard let current = navigator.current, let time = current.timestamp,
      let number = current.sequenceNumber
    else { return }
    playing = nil
    var query = navigator.filter
    query.order = direction == .forward ? .ascending : .descending
    query.after = Query.Position(timestamp: time, sequenceNumber: number)
    searching = Searching(direction: direction, events: try recording.cursor(query))
  }

  /// Looks at some thousand events, so that keys are heard in between.
  private func searchOn() throws {
    guard var job = searching, let search else { return searching = nil }
    for _ in 0..<Self.searchStep {
      guard let view = try job.events.next() else {
        searching = nil
        let side = job.direction == .forward ? "after" : "before"
        return message = "'\(search.text)' is in no event \(side) this one"
      }
      job.examinedCount += 1
      guard search.matches(view) else { continue }
      searching = nil
      navigator.seek(to: view.event)
      message = "found '\(search.text)'"
      return arrive()
    }
    searching = job
    message =
      "looking for '\(search.text)': \(Wording.grouped(job.examinedCount)) events; any key stops"
  }
}
