import Foundation
import Synchronization

@testable import Reel

/// The kinds of calls that the engine makes on a folder and its files.
enum Call: String, CaseIterable, Sendable {
  case open, list, read, write, sync, map, truncate, unlink, rename, lock, byteCount, folder
  case folderSync, temporaryFile, removeFolder, modificationTime
}

/// One fault: the call with a number fails, alone or with all calls of its kind that follow.
struct Fault: Sendable, CustomStringConvertible {
  var call: Call
  /// From 0 on.
  var index: Int
  var code: Int32
  var isSticky = false
  /// Whether a write that fails has written some of its bytes.
  var isShort = false
  /// After so many calls that failed, none does any more: there is room again.
  var failureLimit = Int.max

  var description: String {
    "\(call.rawValue) number \(index) fails with \(systemMessage(code)) (\(code)),"
      + (isSticky ? " as do all after it" : " once") + (isShort ? ", half written" : "")
  }
}

/// A folder that counts the calls made on it and its files, and lets chosen ones fail.
final class FaultyFolder: Folder {
  private let folder: any Folder
  private let plan: Plan

  /// What the calls of a folder and of all its files come to.
  final class Plan: Sendable {
    private struct State {
      var counts: [Call: Int] = [:]
      var fault: Fault?
      var failed: [IOFailure] = []
    }

    private let state = Mutex(State())

    func set(_ fault: Fault?) { state.withLock { $0.fault = fault } }

    func limit(to fault: Fault) { state.withLock { if $0.fault != nil { $0.fault = fault } } }

    var counts: [Call: Int] { state.withLock { $0.counts } }
    /// What has been made to fail so far.
    var failed: [IOFailure] { state.withLock { $0.failed } }

    /// Counts a call.
    /// - Returns: The fault that it meets.
    func meet(_ call: Call, _ path: String) -> Fault? {
      state.withLock { state in
        let index = state.counts[call, default: 0]
        state.counts[call] = index + 1
        guard let fault = state.fault, fault.call == call,
          fault.isSticky ? index >= fault.index : index == fault.index,
          state.failed.count < fault.failureLimit
        else { return nil }
        state.failed.append(
          IOFailure(operation: call.rawValue, path: path, code: fault.code))
        return fault
      }
    }

    func pass(_ call: Call, _ path: String) throws(ReelError) {
      guard let fault = meet(call, path) else { return }
      throw Self.error(fault, path)
    }

    static func error(_ fault: Fault, _ path: String) -> ReelError {
      .io(IOFailure(operation: fault.call.rawValue, path: path, code: fault.code))
    }
  }

  convenience init(_ folder: any Folder, _ fault: Fault? = nil) {
    self.init(folder, Plan())
    plan.set(fault)
  }

  private init(_ folder: any Folder, _ plan: Plan) {
    self.folder = folder
    self.plan = plan
  }

  /// Fails no more calls, or others.
  func set(_ fault: Fault?) { plan.set(fault) }

  /// Fails as `fault` says from now on, unless no call fails any more.
  func limit(to fault: Fault) { plan.limit(to: fault) }

  /// How many calls of each kind have been made.
  var counts: [Call: Int] { plan.counts }
  /// What has been made to fail, in order.
  var failed: [IOFailure] { plan.failed }

  var path: String { folder.path }
  func list() throws(ReelError) -> [String] {
    try plan.pass(.list, path)
    return try folder.list()
  }
  func open(_ name: String, _ access: FileAccess) throws(ReelError) -> any File {
    try plan.pass(.open, path + "/" + name)
    return FaultyFile(try folder.open(name, access), plan)
  }
  func temporaryFile() throws(ReelError) -> any File {
    try plan.pass(.temporaryFile, path)
    return FaultyFile(try folder.temporaryFile(), plan)
  }
  func folder(_ name: String, create: Bool) throws(ReelError) -> any Folder {
    try plan.pass(.folder, path + "/" + name)
    return FaultyFolder(try folder.folder(name, create: create), plan)
  }
  func unlink(_ name: String) throws(ReelError) {
    try plan.pass(.unlink, path + "/" + name)
    try folder.unlink(name)
  }
  func removeFolder(_ name: String) throws(ReelError) {
    try plan.pass(.removeFolder, path + "/" + name)
    try folder.removeFolder(name)
  }
  func rename(_ name: String, to newName: String) throws(ReelError) {
    try plan.pass(.rename, path + "/" + name)
    try folder.rename(name, to: newName)
  }
  func sync() throws(ReelError) {
    try plan.pass(.folderSync, path)
    try folder.sync()
  }
  func modificationTime() throws(ReelError) -> Int64 {
    try plan.pass(.modificationTime, path)
    return try folder.modificationTime()
  }
}

/// A file whose calls are counted and may fail.
private final class FaultyFile: File {
  private let file: any File
  private let plan: FaultyFolder.Plan

  init(_ file: any File, _ plan: FaultyFolder.Plan) {
    self.file = file
    self.plan = plan
  }

  var path: String { file.path }
  func byteCount() throws(ReelError) -> Int {
    try plan.pass(.byteCount, path)
    return try file.byteCount()
  }
  func read(at offset: Int, byteCount: Int) throws(ReelError) -> [UInt8] {
    try plan.pass(.read, path)
    return try file.read(at: offset, byteCount: byteCount)
  }
  func write(_ bytes: RawSpan, at offset: Int) throws(ReelError) {
    guard let fault = plan.meet(.write, path) else { return try file.write(bytes, at: offset) }
    if fault.isShort { try file.write(bytes.extracting(0..<(bytes.byteCount / 2)), at: offset) }
    throw FaultyFolder.Plan.error(fault, path)
  }
  func sync() throws(ReelError) {
    try plan.pass(.sync, path)
    try file.sync()
  }
  func truncate(to byteCount: Int) throws(ReelError) {
    try plan.pass(.truncate, path)
    try file.truncate(to: byteCount)
  }
  func map(byteCount: Int) throws(ReelError) -> Region {
    try plan.pass(.map, path)
    return try file.map(byteCount: byteCount)
  }
  func lock() throws(ReelError) -> Bool {
    try plan.pass(.lock, path)
    return try file.lock()
  }
}
