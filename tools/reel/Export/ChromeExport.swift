import Reel

/// The trace format of Chrome, one JSON object with all events in `traceEvents`.
///
/// https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU describes it. A
/// thread is a process of the recording. Calls are pairs of `B` and `E`, sends and receipts `X`
/// without a duration, between which `s` and `f` draw an arrow; the rest are instants. Times count
/// from the first event, since microseconds from 1970 on do not fit the numbers of JSON's readers
/// to the nanosecond; `otherData` has the moment.
struct ChromeExport: CallSink {
  var output: [UInt8] = []
  /// What times count from.
  let base: Int64
  private let title: String
  private let attributes: [AttributeDeclaration]
  /// The file that is being written, from 1 on: each names the threads that it has.
  private var file = 0
  private var isFirst = true
  /// The names of open calls, for the file that they go on in.
  private var names = CallNames()

  init(title: String, base: Int64, attributes: [AttributeDeclaration]) {
    self.title = title
    self.base = base
    self.attributes = attributes
  }

  // MARK: Files

  mutating func begin() {
    file += 1
    isFirst = true
    output.append(literal: "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"recording\":")
    output.append(jsonString: title)
    output.append(literal: ",\"base_time_ns\":")
    output.append(decimal: base, isQuoted: true)
    output.append(literal: ",\"file\":")
    output.append(decimal: file, isQuoted: true)
    output.append(literal: "},\n\"traceEvents\":[")
    separate()
    output.append(literal: "{\"ph\":\"M\",\"pid\":1,\"name\":\"process_name\",\"args\":{\"name\":")
    output.append(jsonString: title)
    output.append(literal: "}}")
  }

  mutating func end() {
    output.append(literal: "\n]}\n")
  }

  /// Begins a call anew that went on when a file was full.
  mutating func reopen(_ frame: CallFrame, in lane: CallLane) {
    start("B", lane, lane.time)
    output.append(literal: ",\"cat\":\"call\",\"name\":")
    output.append(jsonString: names[frame.tag].byteSpan)
    output.append(literal: ",\"args\":{\"continued\":true}}")
  }

  // MARK: Events

  mutating func enter(_ view: EventView, _ frame: inout CallFrame, in lane: CallLane) {
    frame.tag = names.number { EventParts.appendName(view, to: &$0) }
    start("B", lane, lane.time)
    output.append(literal: ",\"cat\":\"call\",\"name\":")
    output.append(jsonString: names[frame.tag].byteSpan)
    output.append(literal: ",\"args\":{")
    members(view)
    output.append(literal: "}}")
  }

  mutating func resume(_ entry: Event, _ frame: inout CallFrame, in lane: CallLane) {
    let name = entry.function?.description ?? entry.kind ?? ""
    frame.tag = names.number { $0.append(contentsOf: name.utf8) }
    start("B", lane, frame.start)
    output.append(literal: ",\"cat\":\"call\",\"name\":")
    output.append(jsonString: name)
    output.append(literal: ",\"args\":{\"began_ns\":")
    output.append(decimal: entry.timestamp?.nanoseconds ?? 0, isQuoted: true)
    if let number = entry.sequenceNumber {
      output.append(literal: ",\"event\":\"#")
      output.append(decimal: number.rawValue, isQuoted: false)
      output.append(UInt8(ascii: "\""))
    }
    output.append(literal: "}}")
  }

  mutating func leave(
    _ view: EventView?, _ frame: CallFrame, in lane: CallLane, at time: Int64
  ) {
    start("E", lane, time)
    if let view {
      output.append(literal: ",\"args\":{\"exit\":{")
      members(view)
      output.append(literal: "}}")
    }
    output.append(UInt8(ascii: "}"))
  }

  mutating func happen(
    _ view: EventView, _ role: EventRole, _ flow: MessageFlow, in lane: CallLane
  ) {
    switch flow {
    case .none:
      start("i", lane, lane.time)
      output.append(literal: ",\"s\":\"t\"")
    default:
      start("X", lane, lane.time)
      output.append(literal: ",\"dur\":0")
    }
    output.append(literal: ",\"cat\":")
    output.append(jsonString: role.name)
    output.append(literal: ",\"name\":")
    view.withBytes(of: .kind) { span in
      if let span { output.append(jsonString: span) } else { output.append(literal: "\"event\"") }
    }
    output.append(literal: ",\"args\":{")
    members(view, hasFunction: true)
    output.append(literal: "}}")
    switch flow {
    case .none: break
    case .send(let number):
      start("s", lane, lane.time)
      arrow(number)
    case .receive(let number):
      start("f", lane, lane.time)
      output.append(literal: ",\"bp\":\"e\"")
      arrow(number)
    }
  }

  private mutating func arrow(_ number: UInt64) {
    output.append(literal: ",\"cat\":\"message\",\"name\":\"message\",\"id\":")
    output.append(decimal: number, isQuoted: true)
    output.append(UInt8(ascii: "}"))
  }

  // MARK: Members

  private mutating func separate() {
    output.append(literal: isFirst ? "\n" : ",\n")
    isFirst = false
  }

  /// Begins an event of a thread, whose name is told first where this file has not told it yet.
  private mutating func start(_ phase: StaticString, _ lane: CallLane, _ time: Int64) {
    if lane.mark != file {
      lane.mark = file
      separate()
      output.append(literal: "{\"ph\":\"M\",\"pid\":1,\"tid\":")
      output.append(decimal: lane.number, isQuoted: false)
      output.append(literal: ",\"name\":\"thread_name\",\"args\":{\"name\":")
      output.append(jsonString: EventParts.name(lane.process))
      output.append(literal: "}}")
    }
    separate()
    output.append(literal: "{\"ph\":\"")
    output.append(literal: phase)
    output.append(literal: "\",\"pid\":1,\"tid\":")
    output.append(decimal: lane.number, isQuoted: false)
    output.append(literal: ",\"ts\":")
    let nanoseconds = UInt64(bitPattern: time &- base)
    output.append(decimal: nanoseconds / 1000, isQuoted: false)
    let rest = UInt16(nanoseconds % 1000)
    output.append(UInt8(ascii: "."))
    output.append(UInt8(ascii: "0") + UInt8(rest / 100))
    output.append(UInt8(ascii: "0") + UInt8(rest / 10 % 10))
    output.append(UInt8(ascii: "0") + UInt8(rest % 10))
  }

  /// Appends what an event has besides its name, process and time, as members.
  private mutating func members(_ view: EventView, hasFunction: Bool = false) {
    output.append(literal: "\"event\":")
    let hasID = view.withIDBytes { span in
      guard let span, isUTF8(span) else { return false }
      output.append(jsonString: span)
      return true
    }
    if !hasID {
      output.append(literal: "\"#")
      output.append(decimal: view.sequenceNumber.rawValue, isQuoted: false)
      output.append(UInt8(ascii: "\""))
    }
    if hasFunction {
      var name: [UInt8] = []
      if EventParts.appendFunction(view, to: &name) {
        output.append(literal: ",\"function\":")
        output.append(jsonString: name.byteSpan)
      }
    }
    member("peer_process", .peerProcess, view)
    member("correlation_id", .correlationID, view)
    member("ast_node_id", .astNodeID, view)
    member("node", .node, view)
    member("call_id", .callID, view)
    if let clock = view.secondClock {
      output.append(literal: ",\"second_clock\":")
      output.append(decimal: clock, isQuoted: true)
    }
    if let parent = view.parentID {
      output.append(literal: ",\"parent\":")
      output.append(jsonString: parent.description)
    }
    if !attributes.isEmpty { append(view.attributes) }
    payload(view)
  }

  private func isUTF8(_ span: RawSpan) -> Bool {
    span.endOfPlainText(from: 0) == span.byteCount || span.array(0..<span.byteCount).isUTF8
  }

  private mutating func member(
    _ name: StaticString, _ field: EventView.TextField, _ view: EventView
  ) {
    view.withBytes(of: field) { span in
      guard let span else { return }
      output.append(literal: ",\"")
      output.append(literal: name)
      output.append(literal: "\":")
      output.append(jsonString: span)
    }
  }

  private mutating func append(_ values: [String: AttributeValue]) {
    guard !values.isEmpty else { return }
    output.append(literal: ",\"attributes\":{")
    var isFirst = true
    for attribute in attributes {
      guard let value = values[attribute.name] else { continue }
      if !isFirst { output.append(UInt8(ascii: ",")) }
      isFirst = false
      output.append(jsonString: attribute.name)
      output.append(UInt8(ascii: ":"))
      EventWriter.append(value, asStrings: true, to: &output)
    }
    output.append(UInt8(ascii: "}"))
  }

  private mutating func payload(_ view: EventView) {
    guard let encoding = view.payloadEncoding else { return }
    view.withPayloadBytes { span in
      let all = 0..<span.byteCount
      switch PayloadForm(span, encoding, depth: 6, node: view.node) {
      case .json:
        output.append(literal: ",\"data\":")
        output.append(bytesOf: span, all)
      case .members:
        output.append(literal: ",\"data\":{")
        output.append(bytesOf: span, all)
        output.append(UInt8(ascii: "}"))
      case .text:
        output.append(literal: ",\"data\":")
        output.append(jsonString: span)
      case .term(let text):
        output.append(literal: ",\"data\":")
        output.append(jsonString: text.byteSpan)
      case .base64:
        output.append(literal: ",\"data_base64\":\"")
        BinaryText.appendBase64(span.array(all), to: &output)
        output.append(literal: "\",\"data_encoding\":")
        output.append(jsonString: encoding.name)
      }
    }
  }
}

/// Numbers the names of calls, in bounded memory.
struct CallNames {
  /// Distinct names that are kept; a program has fewer functions.
  private static let limit = 1 << 18
  private var numbers: [[UInt8]: Int] = [:]
  private var names: [[UInt8]] = [Array("(other)".utf8)]
  private var scratch: [UInt8] = []
  /// Whether names were given up for a common one.
  private(set) var isFull = false

  subscript(number: Int) -> [UInt8] { names[number] }

  /// The number of the name that `body` appends.
  mutating func number(_ body: (inout [UInt8]) -> Void) -> Int {
    scratch.removeAll(keepingCapacity: true)
    body(&scratch)
    if let number = numbers[scratch] { return number }
    guard names.count < Self.limit else {
      isFull = true
      return 0
    }
    numbers[scratch] = names.count
    names.append(scratch)
    return names.count - 1
  }
}
