/// What can go wrong in the world outside: files, limits, locks, formats.
///
/// A caller's own mistake that no input can cause (a negative capacity, say) is a precondition
/// instead. Each case says what remains true afterwards.
@nonexhaustive
public enum ReelError: Error, Equatable, Sendable {
  /// A system call failed. When it came from a writer's sync or write, the recorder is poisoned,
  /// unless the disk was full: then the events stay in the buffer and the write is tried again.
  case io(IOFailure)
  /// Bytes of a file fail a check. The file is left as it is.
  case corrupted(Corruption)
  /// Another process or recorder writes to the recording. Nothing was changed.
  case locked(path: String, holder: String)
  /// No such recording, segment or folder.
  case notFound(path: String)
  /// The place exists and is not a recording. Nothing was changed.
  case notARecording(path: String, reason: String)
  /// The file was written by a later version of Reel, or by one before the format was declared.
  case unsupportedFormat(path: String, found: Int, supported: Int)
  /// An event, batch, name or document is larger than a limit; none of it was taken.
  case limitExceeded(what: String, found: Int, limit: Int)
  /// An argument that cannot be right, such as a negative limit. Nothing was done.
  case invalidArgument(String)
  /// The event's id is in the recording already and the recorder was opened with `uniqueIDs`.
  case duplicateID(EventID)
  /// There is no such document.
  case documentNotFound(name: String)
  /// The recorder or recording has been closed.
  case closed
  /// The recorder met a failure after which it may not go on; opening it anew recovers.
  case poisoned(by: IOFailure)
}

/// A failed system call: which, on what, and the system's error number.
public struct IOFailure: Error, Hashable, Sendable {
  /// The call, such as `write` or `fdatasync`.
  public let operation: String
  /// The file or folder it was made on.
  public let path: String
  /// The value of `errno`.
  public let code: Int32

  /// Creates a failure of `operation` on `path` with the error number `code`.
  public init(operation: String, path: String, code: Int32) {
    self.operation = operation
    self.path = path
    self.code = code
  }

  /// Whether room on the disk or in the quota would make the call succeed.
  public var isOutOfSpace: Bool {
    code == ErrorNumber.noSpace || code == ErrorNumber.quotaExceeded
  }
}

/// Bytes that fail a check, with their place.
public struct Corruption: Error, Hashable, Sendable {
  /// The file the bytes are in.
  public let path: String
  /// The damaged bytes, as offsets in the file.
  public let bytes: Range<Int>
  /// The sequence numbers that are lost with them, as far as they are known.
  public let sequenceNumbers: ClosedRange<UInt64>?
  /// What was expected and what was found.
  public let reason: String

  /// Creates a report of damaged `bytes` of the file at `path`.
  public init(
    path: String, bytes: Range<Int>, sequenceNumbers: ClosedRange<UInt64>? = nil, reason: String
  ) {
    self.path = path
    self.bytes = bytes
    self.sequenceNumbers = sequenceNumbers
    self.reason = reason
  }
}

/// The result of `body`, or nothing when it meets damage.
///
/// Unlike `try?` it lets every other error through: a disk that cannot be read at the moment is not
/// damaged.
@discardableResult
func damageAsNothing<R>(_ body: () throws(ReelError) -> R) throws(ReelError) -> R? {
  do throws(ReelError) {
    return try body()
  } catch {
    switch error {
    case .corrupted, .notARecording: return nil
    default: throw error
    }
  }
}

extension ReelError: CustomStringConvertible {
  /// What happened, where, and what to do.
  public var description: String {
    switch self {
    case .io(let failure):
      failure.description
    case .corrupted(let corruption):
      corruption.description
    case .locked(let path, let holder):
      "\(path): another writer has it open (\(holder)); end that one, or read the recording"
        + " instead, which any number of processes may do"
    case .notFound(let path):
      "\(path): there is no recording here"
    case .notARecording(let path, let reason):
      "\(path): not a recording: \(reason)"
    case .unsupportedFormat(let path, let found, let supported):
      "\(path): written in format version \(found), this program reads version \(supported);"
        + " use a release of Reel that knows version \(found)"
    case .limitExceeded(let what, let found, let limit):
      "\(what) is \(found), the limit is \(limit); nothing was stored"
    case .invalidArgument(let message):
      message
    case .duplicateID(let id):
      "the id \(id) is in the recording already; nothing was stored"
    case .documentNotFound(let name):
      "there is no document '\(name)'"
    case .closed:
      "it has been closed"
    case .poisoned(let failure):
      "recording stopped after a failure that must not be tried again (\(failure.summary));"
        + " open the recording anew: everything acknowledged before is kept"
    }
  }
}

extension IOFailure: CustomStringConvertible {
  /// The call, the place and the system's words.
  public var description: String { summary + advice }

  /// The same without advice.
  fileprivate var summary: String {
    "\(path): \(operation) failed: \(systemMessage(code)) (errno \(code))"
  }

  /// What can be done about the failures that people meet.
  private var advice: String {
    switch code {
    case ErrorNumber.noSpace, ErrorNumber.quotaExceeded:
      "; everything acknowledged is kept, and recording goes on when there is room"
    case ErrorNumber.readOnly, ErrorNumber.noAccess, ErrorNumber.notPermitted:
      "; recording needs a folder that this user may write to, reading does not"
    case ErrorNumber.tooManyFiles:
      "; raise the limit of open files, or lower RecordingConfiguration.openFileCount"
    case ErrorNumber.tooManyFilesInSystem:
      "; the whole system has too many files open: end other programs, or raise its limit"
    case ErrorNumber.fileTooLarge:
      "; the file system or the process (ulimit -f) allows no file as large as this one must be"
    case ErrorNumber.inputOutput:
      "; the disk has failed to do it: look at the system's log, and copy what can be read"
    default: ""
    }
  }
}

extension Corruption: CustomStringConvertible {
  /// The place, the reason and what is lost.
  public var description: String {
    let lost =
      sequenceNumbers.map { ", sequence numbers \($0.lowerBound) to \($0.upperBound) lost" } ?? ""
    return "\(path): bytes \(bytes.lowerBound) to \(bytes.upperBound): \(reason)\(lost)"
  }
}
