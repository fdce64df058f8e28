import Reel

/// All that the player shows at one moment.
struct PlayerView {
  /// What is shown of the recording as a whole.
  var name = ""
  var eventCount = 0
  var filterText = ""
  var density: Density?
  var lacks: [PlayerLack] = []
  var speed = 1.0
  var isPlaying = false
  var head = Timestamp(nanoseconds: 0)
  /// The current event and those around it, nearest first.
  var current: Event?
  var before: [Event] = []
  var after: [Event] = []
  /// The current event's process right after it.
  var process: ProcessMoment?
  var prompt: PlayerPrompt?
  var message = ""
  var showsHelp = false

  /// What `model` has to show, with up to so many events on either side.
  ///
  /// - Throws: As reading does.
  init(_ model: PlayerModel, neighbourCount: Int) throws {
    name = model.recording.path.split(separator: "/").last.map(String.init) ?? model.recording.path
    eventCount = model.eventCount
    filterText = model.filterText
    density = model.density
    lacks = model.lacks
    speed = model.speed
    isPlaying = model.isPlaying
    head = model.head
    prompt = model.prompt
    message = model.message
    showsHelp = model.showsHelp
    current = model.navigator.current
    before = try model.navigator.neighbours(.backward, limit: neighbourCount)
    after = try model.navigator.neighbours(.forward, limit: neighbourCount)
    process = try model.navigator.process()
  }

  init() {}
}
