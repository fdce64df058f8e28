// swift-tools-version: 6.3
import PackageDescription

/// One set of rules for every target: Swift 6 mode, explicit `any`, imports internal unless said
/// otherwise, unsafe expressions marked, and no warning that stays.
let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),  // SE-0335
  .enableUpcomingFeature("InternalImportsByDefault"),  // SE-0409
  .enableUpcomingFeature("MemberImportVisibility"),  // SE-0444
  .enableExperimentalFeature("Lifetimes"),  // returning a Span that depends on its owner
  .strictMemorySafety(),  // SE-0458
  .treatAllWarnings(as: .error),  // SE-0480
]

let package = Package(
  name: "reel",
  platforms: [.macOS(.v26)],
  products: [
    .library(name: "Reel", targets: ["Reel"]),
    .library(name: "ReelServiceLifecycle", targets: ["ReelServiceLifecycle"]),
    .executable(name: "reel", targets: ["ReelTool"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
  ],
  targets: [
    .systemLibrary(
      name: "CLZ4", pkgConfig: "liblz4",
      providers: [.apt(["liblz4-dev"]), .brew(["lz4"])]),
    .systemLibrary(
      name: "CXXHash", pkgConfig: "libxxhash",
      providers: [.apt(["libxxhash-dev"]), .brew(["xxhash"])]),
    .target(name: "CPrefetch"),
    .target(name: "Reel", dependencies: ["CLZ4", "CPrefetch", "CXXHash"], swiftSettings: settings),
    .target(
      name: "ReelServiceLifecycle",
      dependencies: [
        "Reel", .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: settings),
    // Generated code, which our settings are not for.
    .target(
      name: "PerfettoTrace",
      dependencies: [.product(name: "SwiftProtobuf", package: "swift-protobuf")],
      path: "tools/perfetto", exclude: ["perfetto_trace.proto"]),
    .executableTarget(
      name: "ReelTool",
      dependencies: [
        "Reel", "PerfettoTrace",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      path: "tools/reel",
      swiftSettings: settings),
    // One target for all tests: what they share looks inside Reel, which only tests may.
    .testTarget(
      name: "ReelTests",
      dependencies: [
        "Reel", "ReelServiceLifecycle", "ReelTool", "PerfettoTrace",
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "ServiceLifecycleTestKit", package: "swift-service-lifecycle"),
      ],
      path: "Tests",
      exclude: ["Fixtures", "Fuzzing/Corpus", "RELIABILITY.md"],
      swiftSettings: settings),
  ]
)

/// Leaves nothing but the engine and a program of its tests' own.
@MainActor func keepEngine(and program: Target) {
  package.dependencies = []
  package.products = []
  package.targets.removeAll {
    ["ReelServiceLifecycle", "PerfettoTrace", "ReelTool", "ReelTests"].contains($0.name)
  }
  package.targets.append(program)
}

// With FUZZ set the program is the fuzzer: tools/fuzz. libFuzzer brings a `main` of its own, and
// must not meet another.
if Context.environment["FUZZ"] != nil {
  keepEngine(
    and: .executableTarget(
      name: "fuzzer", dependencies: ["Reel"], path: ".",
      exclude: ["Tests/Fuzzing/Corpus"],
      sources: [
        "Tests/Fuzzing/FuzzTarget.swift", "Tests/Fuzzing/ChecksumMending.swift",
        "Tests/Fuzzing/SegmentFuzz.swift", "Tests/Fuzzing/BufferFuzz.swift",
        "Tests/Fuzzing/BlockFuzz.swift", "Tests/Fuzzing/PartFuzz.swift",
        "Tests/Fuzzing/IndexFuzz.swift", "Tests/Fuzzing/ContextFuzz.swift",
        "Tests/Fuzzing/JSONFuzz.swift", "Tests/Fuzzing/TermFuzz.swift",
        "tools/reel/Import/ExternalTerm.swift",
        "tools/reel/Import/ExternalTermPrinter.swift",
        "tools/reel/Import/ExternalTermPrinter+Text.swift",
        "tools/reel/Import/BeamEventReader.swift",
        "Tests/Fuzzing/FuzzCorpus.swift", "Tests/Fuzzing/Fuzzer.swift",
        "Tests/Support/MemoryFolder.swift", "Tests/Support/Bytes.swift",
        "Tests/Support/ManualClock.swift", "Tests/Support/SeededRandom.swift",
        "Tests/Support/Concurrency.swift", "tools/reel/JSON",
      ],
      swiftSettings: settings + [.define("FUZZ")]))
}

// With SIMULATOR set it is the simulator of crashes: tools/simulate.
if Context.environment["SIMULATOR"] != nil {
  keepEngine(
    and: .executableTarget(
      name: "simulator", dependencies: ["Reel"], path: "Tests/Support",
      sources: ["Simulation", "Bytes.swift", "ManualClock.swift", "SeededRandom.swift"],
      swiftSettings: settings + [.define("SIMULATOR")]))
}
