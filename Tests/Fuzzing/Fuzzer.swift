#if FUZZ
  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #elseif canImport(Darwin)
    import Darwin
  #endif

  // libFuzzer's two ends: its driver calls `LLVMFuzzerTestOneInput`, and the package manager names
  // the entry point of an executable after its module.

  @_silgen_name("LLVMFuzzerRunDriver")
  private func runDriver(
    _ count: UnsafeMutablePointer<Int32>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
  ) -> Int32

  /// A value of the environment.
  func environment(_ name: String) -> String? {
    unsafe getenv(name).map { unsafe String(cString: $0) }
  }

  /// The target that the environment variable `FUZZ_TARGET` names.
  private let target: FuzzTarget = {
    let name = environment("FUZZ_TARGET") ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
      let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
      fatalError("FUZZ_TARGET must be one of \(names)")
    }
    return target
  }()

  /// Writes what the recipe makes into the folder of each target below `folder`.
  private func writeCorpus(_ folder: String) {
    for target in FuzzTarget.allCases {
      guard let inputs = try? FuzzCorpus.recipe(target) else { fatalError("no \(target)") }
      for (name, bytes) in inputs {
        let path = folder + "/" + target.rawValue + "/" + name
        guard let file = unsafe fopen(path, "w") else { fatalError("cannot write \(path)") }
        unsafe fwrite(bytes, 1, bytes.count, file)
        unsafe fclose(file)
      }
    }
  }

  /// Gives one input to the target; a fault ends the process, as libFuzzer wants it.
  @_cdecl("LLVMFuzzerTestOneInput")
  public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let faults = target.run(unsafe Array(UnsafeBufferPointer(start: bytes, count: count)))
    guard faults.isEmpty else { fatalError(faults.prefix(5).joined(separator: "\n")) }
    return 0
  }

  /// The entry point that the package manager expects: hands over to libFuzzer.
  @_cdecl("fuzzer_main")
  public func fuzzerMain(
    _ count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  ) -> Int32 {
    if let folder = environment("FUZZ_CORPUS") {
      writeCorpus(folder)
      return 0
    }
    var count = count
    var arguments = unsafe arguments
    return unsafe runDriver(&count, &arguments, testOneInput)
  }
#endif
