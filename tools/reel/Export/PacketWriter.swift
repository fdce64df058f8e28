import PerfettoTrace
import Reel
import SwiftProtobuf

/// Puts the packets of a trace into bytes.
///
/// Messages are nested here: a trace is its packets one after the other, each behind its field's
/// tag and its length, and so are an event in its packet and the annotations in their event.
/// swift-protobuf writes each of them by itself: it would measure what is nested once more for each
/// level, and go slowly from message to message.
struct PacketWriter {
  /// What is written of the trace, for somebody to take.
  var output: [UInt8] = []
  /// The annotations of the event to come.
  private var annotations: [UInt8] = []
  /// Empty but for its room.
  private var scratch: [UInt8] = []

  /// The packets of a trace, the event of a packet, the annotations of an event.
  private static let packetField: UInt8 = 1
  private static let trackEventField: UInt8 = 11
  private static let annotationField: UInt8 = 4

  /// Appends an annotation of the event to come.
  mutating func add(_ annotation: PerfettoDebugAnnotation) {
    let content = Self.bytes(annotation)
    Self.begin(Self.annotationField, content.count, in: &annotations)
    annotations.append(content)
  }

  /// Appends a packet.
  mutating func add(_ packet: PerfettoTracePacket) {
    let content = Self.bytes(packet)
    Self.begin(Self.packetField, content.count, in: &output)
    output.append(content)
  }

  /// Appends a packet with an event, of which the annotations are those added since the last one.
  mutating func add(_ packet: PerfettoTracePacket, _ event: PerfettoTrackEvent) {
    let content = Self.bytes(event)
    scratch.append(Self.bytes(packet))
    Self.begin(Self.trackEventField, content.count + annotations.count, in: &scratch)
    scratch.append(content)
    scratch += annotations
    annotations.removeAll(keepingCapacity: true)
    Self.begin(Self.packetField, scratch.count, in: &output)
    output += scratch
    scratch.removeAll(keepingCapacity: true)
  }

  private static func bytes(_ message: some Message) -> MessageBytes {
    do {
      return try message.serializedBytes()
    } catch {
      // Nothing is required, and an event is far from the 2 GiB that a message may have.
      preconditionFailure("a packet cannot be written: \(error)")
    }
  }

  /// Appends what stands before the content of a field that has a length.
  private static func begin(_ field: UInt8, _ byteCount: Int, in bytes: inout [UInt8]) {
    bytes.append(field << 3 | 2)
    bytes.append(varint: UInt64(byteCount))
  }
}

extension [UInt8] {
  fileprivate mutating func append(_ message: borrowing MessageBytes) {
    append(bytesOf: message.bytes, 0..<message.count)
  }
}
