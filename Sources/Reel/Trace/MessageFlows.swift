/// Finds the send of each message that is received, in bounded memory.
///
/// No recording says which belongs to which. A message is taken for the one that was sent to this
/// process, or to a name that may be its, with the same content; of several equal ones the first
/// sent is the first received, as between two processes they are. Only hashes of them are kept.
public struct MessageFlows: Sendable {
  private struct Key: Hashable {
    /// Of the receiver, 0 for one that is known by a name alone.
    var receiver: UInt64
    var message: UInt64
  }

  /// The sends of one key that are not received yet: a list through ``waiting``.
  private struct Queue {
    var first: Int
    var last: Int
  }

  private static let seed: UInt64 = 0x464C_4F57
  private var queues: [Key: Queue] = [:]
  private var waiting: [(send: SequenceNumber, next: Int)] = []
  private var free: [Int] = []
  private let capacity: Int

  /// Creates one that has seen no message.
  ///
  /// - Parameter capacity: Sends that are remembered at once; beyond it all are forgotten.
  public init(capacity: Int = 1 << 18) {
    self.capacity = capacity
  }

  /// Takes the send of a message.
  public mutating func send(_ view: EventView) {
    send(Event(peerProcess: view.peerProcess, payload: view.payload), as: view.sequenceNumber)
  }

  mutating func send(_ event: Event, as number: SequenceNumber) {
    if waiting.count - free.count >= capacity {
      queues.removeAll(keepingCapacity: true)
      waiting.removeAll(keepingCapacity: true)
      free.removeAll(keepingCapacity: true)
    }
    let key = Key(
      receiver: MessageLinker.receiver(event).map(Self.hash) ?? 0, message: Self.message(event))
    let place = free.popLast() ?? waiting.count
    let entry = (send: number, next: -1)
    if place == waiting.count { waiting.append(entry) } else { waiting[place] = entry }
    if let queue = queues[key] {
      waiting[queue.last].next = place
      queues[key] = Queue(first: queue.first, last: place)
    } else {
      queues[key] = Queue(first: place, last: place)
    }
  }

  /// Takes the receipt of a message.
  ///
  /// - Returns: The sequence number of its send; nothing when there is none.
  public mutating func receive(_ view: EventView) -> SequenceNumber? {
    receive(Event(process: view.process, payload: view.payload))
  }

  mutating func receive(_ event: Event) -> SequenceNumber? {
    let message = Self.message(event)
    return take(Key(receiver: event.process.map(Self.hash) ?? 0, message: message))
      ?? take(Key(receiver: 0, message: message))
  }

  private mutating func take(_ key: Key) -> SequenceNumber? {
    guard let queue = queues[key] else { return nil }
    let entry = waiting[queue.first]
    free.append(queue.first)
    queues[key] = entry.next < 0 ? nil : Queue(first: entry.next, last: queue.last)
    return entry.send
  }

  private static func hash(_ text: String) -> UInt64 { hash(Array(text.utf8)) }

  private static func hash(_ bytes: [UInt8]) -> UInt64 {
    textHash(bytes.rawSpan, seed: seed) | 1
  }

  private static func message(_ event: Event) -> UInt64 { hash(MessageLinker.message(event)) }
}
