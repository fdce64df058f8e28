import Foundation

@testable import Reel

/// One thing that was done to a simulated disk, or that a test said about it, in the order in which
/// it happened.
///
/// Files and folders are named by number, as by inode: names are entries of folders, durable apart
/// from what they name.
enum DiskOperation {
  case write(file: Int, piece: Piece)
  /// What was stored in a mapped file since the operation before: every sector that differs.
  case store(file: Int, pieces: [Piece])
  case truncate(file: Int, byteCount: Int)
  case sync(file: Int)
  case link(folder: Int, name: String, node: Int, isFolder: Bool)
  case rename(folder: Int, name: String, newName: String, node: Int)
  case unlink(folder: Int, name: String)
  case syncFolder(Int)
  case marker(Marker)

  /// Bytes at an offset of a file.
  struct Piece {
    var offset: Int
    var bytes: [UInt8]

    var end: Int { offset + bytes.count }
  }

  /// The unit that a disk writes whole.
  static let sectorByteCount = 512
}

/// What a test knows of its own calls; it says so between the operations that they lead to.
enum Marker: Hashable {
  /// Events below this number have been handed to append.
  case sent(Int)
  /// Appends of all events below this number have returned, or something has that promises as much.
  case acknowledged(Int, Durability)
  /// A recovery has handed these events out, and they are as durable from now on.
  case handedOut([Int], Durability)
  /// A removal of all events below this number was begun; it has returned.
  case removing(below: Int)
  case removed(below: Int, Durability)
  /// A version of a document is being stored, nothing being its removal; the call has returned.
  case storing(String, [UInt8]?)
  case stored(String)
}

extension DiskOperation: CustomStringConvertible {
  var description: String {
    switch self {
    case .write(let file, let piece): "write \(file) \(piece.offset)..<\(piece.end)"
    case .store(let file, let pieces): "store \(file) \(pieces.map { "\($0.offset)..<\($0.end)" })"
    case .truncate(let file, let byteCount): "truncate \(file) to \(byteCount)"
    case .sync(let file): "sync \(file)"
    case .link(let folder, let name, let node, _): "link \(folder)/\(name) = \(node)"
    case .rename(let folder, let name, let newName, let node):
      "rename \(folder)/\(name) to \(newName) = \(node)"
    case .unlink(let folder, let name): "unlink \(folder)/\(name)"
    case .syncFolder(let folder): "sync folder \(folder)"
    case .marker(let marker): "\(marker)"
    }
  }
}

extension [UInt8] {
  /// Writes `piece`, after zeros where the bytes end before it.
  mutating func write(_ piece: DiskOperation.Piece) {
    let bytes = piece.bytes
    write(bytes.rawSpan, at: piece.offset)
  }
}
