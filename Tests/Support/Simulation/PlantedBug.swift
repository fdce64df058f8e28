@testable import Reel

/// A mistake in the order or number of system calls, such as other engines have made; each is made
/// between the engine and the disk, so that the engine itself stays as it is.
enum PlantedBug: String, CaseIterable {
  case segmentsAreNotSynced
  case theBufferIsNotSynced
  case aSyncReturnsBeforeItIsDone
  case namesAreNotSynced
  case theBufferIsUnlinkedBeforeSegmentsAreSynced
  case recoveryDoesNotSyncWhatItAccepts
  case recoveryUnlinksTheBufferBeforeItsRecordsAreInBlocks
  case aWriteToTheBufferIsLost
  case aWriteToTheBufferIsStale
  case aWriteIsHeldBack
  case aWriteIsCutShort
  case theMappingIsPrivate
  case theNewestSegmentIsDropped
  case documentsAreNotSynced
  case documentNamesAreNotSynced
  case aDocumentIsNamedBeforeItIsWritten

  /// What shows it.
  var workload: Workload {
    switch self {
    case .segmentsAreNotSynced, .theBufferIsNotSynced, .aSyncReturnsBeforeItIsDone,
      .theBufferIsUnlinkedBeforeSegmentsAreSynced, .aWriteToTheBufferIsLost:
      .oneByOne(.disk)
    case .namesAreNotSynced, .recoveryDoesNotSyncWhatItAccepts: .deaths(.disk)
    case .recoveryUnlinksTheBufferBeforeItsRecordsAreInBlocks: .deaths(.process)
    case .aWriteToTheBufferIsStale: .laps(.disk)
    case .aWriteIsHeldBack, .aWriteIsCutShort,
      .theMappingIsPrivate:
      .oneByOne(.process)
    case .theNewestSegmentIsDropped: .removal(.process)
    case .documentsAreNotSynced, .documentNamesAreNotSynced, .aDocumentIsNamedBeforeItIsWritten:
      .documents(.disk)
    }
  }
}

/// A folder that makes a ``PlantedBug``.
final class PlantedFolder: Folder {
  private let folder: any Folder
  private let state: State

  convenience init(_ folder: any Folder, _ bug: PlantedBug) {
    self.init(folder, State(bug))
  }

  private init(_ folder: any Folder, _ state: State) {
    self.folder = folder
    self.state = state
  }

  /// What all files of a recording share.
  fileprivate final class State: @unchecked Sendable {
    let bug: PlantedBug
    private let lock = Lock()
    private var values = Values()

    struct Values {
      var isOpening = false
      var writeCount = 0
      var firstPage: [UInt8]?
      var postponed: [any File] = []
      /// Names that were given ahead of time.
      var renamed: Set<String> = []
    }

    init(_ bug: PlantedBug) { self.bug = bug }

    func with<R>(_ body: (inout Values) -> R) -> R { lock.withLock { body(&values) } }
  }

  var path: String { folder.path }
  func list() throws(ReelError) -> [String] { try folder.list() }

  func open(_ name: String, _ access: FileAccess) throws(ReelError) -> any File {
    if name == FileName.lock { state.with { $0.isOpening = true } }
    if name.hasSuffix(".buffer" + FileName.temporarySuffix) { state.with { $0.isOpening = false } }
    return PlantedFile(try folder.open(name, access), name, folder, state)
  }

  func temporaryFile() throws(ReelError) -> any File { try folder.temporaryFile() }

  func folder(_ name: String, create: Bool) throws(ReelError) -> any Folder {
    PlantedFolder(try folder.folder(name, create: create), state)
  }

  func unlink(_ name: String) throws(ReelError) {
    if state.bug == .theNewestSegmentIsDropped, name.hasSuffix(".segment") {
      let segments = try folder.list().filter { $0.hasSuffix(".segment") }.sorted()
      return try folder.unlink(segments.last ?? name)
    }
    if state.bug == .recoveryUnlinksTheBufferBeforeItsRecordsAreInBlocks,
      try !folder.list().contains(name)
    {
      return
    }
    try folder.unlink(name)
  }

  func removeFolder(_ name: String) throws(ReelError) { try folder.removeFolder(name) }

  func rename(_ name: String, to newName: String) throws(ReelError) {
    if state.with({ $0.renamed.remove(newName) }) == nil {
      try folder.rename(name, to: newName)
    }
  }

  func sync() throws(ReelError) {
    let isDocuments = path.hasSuffix("/" + FileName.documents)
    if state.bug == .namesAreNotSynced || state.bug == .documentNamesAreNotSynced && isDocuments {
      return
    }
    try folder.sync()
    for file in state.with({ values in
      defer { values.postponed = [] }
      return values.postponed
    }) { try file.sync() }
  }

  func modificationTime() throws(ReelError) -> Int64 { try folder.modificationTime() }
}

/// A file of it.
private final class PlantedFile: File {
  private let file: any File
  private let name: String
  private let folder: any Folder
  private let state: PlantedFolder.State
  private var bug: PlantedBug { state.bug }
  private let heldBack = Held()

  /// A write, or a sync, that is still to be made.
  private final class Held: @unchecked Sendable {
    let lock = Lock()
    var write: (bytes: [UInt8], offset: Int)?
    var sync = false
  }

  init(_ file: any File, _ name: String, _ folder: any Folder, _ state: PlantedFolder.State) {
    self.file = file
    self.name = name
    self.folder = folder
    self.state = state
  }

  private var isSegment: Bool { name.contains(".segment") }
  private var isBuffer: Bool { name.contains(".buffer") }
  private var isDocument: Bool { !isSegment && !isBuffer && name != FileName.lock }

  var path: String { file.path }
  func byteCount() throws(ReelError) -> Int { try file.byteCount() }
  func read(at offset: Int, byteCount: Int) throws(ReelError) -> [UInt8] {
    try file.read(at: offset, byteCount: byteCount)
  }

  func write(_ bytes: RawSpan, at offset: Int) throws(ReelError) {
    try settle()
    let isRing = isBuffer && offset >= BufferHeader.byteCount && bytes.byteCount < 4096
    switch bug {
    case .aWriteToTheBufferIsLost where isRing:
      if state.with({ values in
        values.writeCount += 1
        return values.writeCount % 5 == 0
      }) {
        return
      }
    case .aWriteToTheBufferIsStale where isBuffer && offset == 0 && bytes.byteCount == 4096:
      let copy = bytes.copied()
      let page = state.with { values in
        values.writeCount += 1
        // The first is of zeros, before the file has its name.
        if values.writeCount == 2 { values.firstPage = copy }
        return values.firstPage ?? copy
      }
      return try file.write(page.rawSpan, at: offset)
    case .aWriteIsHeldBack where isSegment && offset > 0:
      let copy = bytes.copied()
      return heldBack.lock.withLock { heldBack.write = (copy, offset) }
    case .aWriteIsCutShort where isSegment && bytes.byteCount > 400:
      return try file.write(bytes.extracting(0..<400), at: offset)
    case .aDocumentIsNamedBeforeItIsWritten where isDocument: try nameEarly()
    case .recoveryUnlinksTheBufferBeforeItsRecordsAreInBlocks where isSegment:
      if state.with({ $0.isOpening }) { try unlinkBuffers() }
    default: break
    }
    try file.write(bytes, at: offset)
  }

  /// Gives the first version of a document its name while it is still empty.
  private func nameEarly() throws(ReelError) {
    guard name.hasSuffix(FileName.temporarySuffix) else { return }
    let newName = String(name.dropLast(FileName.temporarySuffix.count)) + ".0000000001.document"
    guard try !folder.list().contains(newName) else { return }
    state.with { _ = $0.renamed.insert(newName) }
    try folder.rename(name, to: newName)
  }

  private func unlinkBuffers() throws(ReelError) {
    for name in try folder.list() where name.hasSuffix(".buffer") { try folder.unlink(name) }
  }

  /// Makes what was held back.
  private func settle() throws(ReelError) {
    let (write, sync) = heldBack.lock.withLock {
      defer {
        heldBack.write = nil
        heldBack.sync = false
      }
      return (heldBack.write, heldBack.sync)
    }
    if let write {
      let bytes = write.bytes
      try file.write(bytes.rawSpan, at: write.offset)
    }
    if sync { try file.sync() }
  }

  func sync() throws(ReelError) {
    switch bug {
    case .segmentsAreNotSynced where isSegment, .theBufferIsNotSynced where isBuffer,
      .documentsAreNotSynced where isDocument:
      return
    case .recoveryDoesNotSyncWhatItAccepts where isSegment:
      if state.with({ $0.isOpening }) { return }
    case .theBufferIsUnlinkedBeforeSegmentsAreSynced where isSegment:
      return state.with { $0.postponed.append(file) }
    case .aSyncReturnsBeforeItIsDone where isBuffer:
      return heldBack.lock.withLock { heldBack.sync = true }
    default: break
    }
    try file.sync()
  }

  func truncate(to byteCount: Int) throws(ReelError) { try file.truncate(to: byteCount) }

  func map(byteCount: Int) throws(ReelError) -> Region {
    guard bug == .theMappingIsPrivate else { return try file.map(byteCount: byteCount) }
    let region = Region(byteCount: byteCount)
    let bytes = try file.read(at: 0, byteCount: byteCount)
    region.copy(bytes.rawSpan, at: 0)
    return region
  }

  func lock() throws(ReelError) -> Bool { try file.lock() }
}
