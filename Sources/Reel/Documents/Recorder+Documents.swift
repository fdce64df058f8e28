extension Recorder {
  /// Stores `bytes` as a new version of the document `name`; earlier versions stay.
  ///
  /// It is durable when this returns, and every reader sees it at once.
  ///
  /// - Parameters:
  ///   - name: 1 to 64 bytes of UTF-8.
  ///   - bytes: At most 64 MiB.
  /// - Returns: The version, one more than the last that was stored under that name.
  /// - Throws: ``ReelError/limitExceeded(what:found:limit:)``, ``ReelError/closed``, nothing being
  ///   stored; ``ReelError/io(_:)``: the document is then as it was, or, when only the last sync of
  ///   the folder failed, has a new version that is perhaps not durable.
  /// - Complexity: O(bytes), one listing of the documents, and two to three syncs.
  @discardableResult
  public func setDocument(_ name: String, _ bytes: [UInt8]) throws(ReelError) -> UInt64 {
    guard bytes.count <= Limits.documentByteCount else {
      throw .limitExceeded(
        what: "a document's length", found: bytes.count, limit: Limits.documentByteCount)
    }
    return try store(name, bytes, isRemoved: false)
  }

  /// Removes the document `name` by a new version that says so; earlier versions stay.
  ///
  /// - Returns: The version.
  /// - Throws: ``ReelError/documentNotFound(name:)`` when there is none, or it is removed already;
  ///   otherwise as ``setDocument(_:_:)``.
  @discardableResult
  public func removeDocument(_ name: String) throws(ReelError) -> UInt64 {
    let documents = DocumentStore(folder: folder, recording: recordingID)
    let encoded = try DocumentName.encode(name)
    guard let entry = try documents.list()[encoded] else { throw .documentNotFound(name: name) }
    // One of which no version can be read may be removed.
    if try documents.newest(encoded, entry).file?.isRemoved == true {
      throw .documentNotFound(name: name)
    }
    return try store(name, [], isRemoved: true)
  }

  private func store(
    _ name: String, _ bytes: [UInt8], isRemoved: Bool
  ) throws(ReelError) -> UInt64 {
    try whileOpen { () throws(ReelError) in
      try DocumentStore(folder: folder, recording: recordingID).write(
        name, bytes, isRemoved: isRemoved, recording: recordingID, created: clock.wall())
    }
  }
}
