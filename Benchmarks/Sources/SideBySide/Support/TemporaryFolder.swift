#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// An empty folder within `TMPDIR`, or `/tmp`, for the files of one measurement.
struct TemporaryFolder {
  let path: String

  init(_ name: String) throws {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    path = "\(parent)/reel-side-by-side-\(getpid())-\(name)"
    remove()
    guard mkdir(path, 0o755) == 0 else { throw StoreError(message: "cannot make \(path)") }
  }

  func remove() { _ = system("rm -rf '\(path)'") }

  /// Bytes on disk of all files in it.
  func byteCount() throws -> Int {
    guard let pipe = popen("du -s --block-size=1 '\(path)' | cut -f1", "r") else {
      throw StoreError(message: "cannot run du")
    }
    defer { pclose(pipe) }
    var line = [CChar](repeating: 0, count: 64)
    guard fgets(&line, 64, pipe) != nil else { throw StoreError(message: "du says nothing") }
    return atol(line)
  }

  /// The names of the files directly in it, in order.
  func fileNames() throws -> [String] {
    guard let folder = opendir(path) else { throw StoreError(message: "cannot list \(path)") }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }
}
