/// A version of a named document.
public struct DocumentInfo: Hashable, Sendable {
  /// 1 to 64 bytes of UTF-8.
  public internal(set) var name: String
  /// From 1 on, ascending with each change.
  public internal(set) var version: UInt64
  /// Bytes of the content; 0 when it was removed or cannot be read.
  public internal(set) var byteCount = 0
  /// When it was stored; nothing when it cannot be read.
  public internal(set) var created: Timestamp?
  /// Whether this version removes the document.
  public internal(set) var isRemoved = false
  /// Why this version cannot be read; nothing when it can.
  public internal(set) var damage: Corruption?
  /// Newer versions that cannot be read and for which this one stands in.
  public internal(set) var newerDamages: [Corruption] = []

  init(name: String, version: UInt64, damage: Corruption) {
    self.name = name
    self.version = version
    self.damage = damage
  }

  init(_ file: DocumentFile) {
    name = file.name
    version = file.version
    byteCount = file.content.count
    created = Timestamp(nanoseconds: file.created)
    isRemoved = file.isRemoved
  }
}

/// A document: a version and its bytes.
public struct Document: Hashable, Sendable {
  /// What the bytes are a version of.
  public let info: DocumentInfo
  /// The content.
  public let bytes: [UInt8]
}
