// swift-tools-version: 6.3
import PackageDescription

/// A package of its own, so that those who use Reel do not inherit what it is measured against.
///
/// `Benchmarks/run` installs the libraries and runs the comparison, `Benchmarks/micro` measures the
/// operations of Reel one by one.
let package = Package(
  name: "reel-benchmarks",
  platforms: [.macOS(.v26)],
  dependencies: [
    .package(name: "reel", path: "../"),
    // Without its traits, which put something of their own below malloc and retain.
    .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
  ],
  targets: [
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CLMDB", pkgConfig: "lmdb", providers: [.apt(["liblmdb-dev"])]),
    .systemLibrary(name: "CLevelDB", providers: [.apt(["libleveldb-dev"]), .brew(["leveldb"])]),
    .systemLibrary(
      name: "CRocksDB", pkgConfig: "rocksdb",
      providers: [.apt(["librocksdb-dev"]), .brew(["rocksdb"])]),
    // Of its own name, because the package of Reel has another for itself.
    .systemLibrary(
      name: "CLZ4Library", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"]), .brew(["lz4"])]),
    .target(
      name: "Workload", dependencies: [.product(name: "Reel", package: "reel")],
      swiftSettings: [.swiftLanguageMode(.v6)]),
    .executableTarget(
      name: "SideBySide",
      dependencies: [
        "Workload", "CSQLite", "CLMDB", "CLevelDB", "CRocksDB", "CLZ4Library",
        .product(name: "Reel", package: "reel"),
      ],
      swiftSettings: [.swiftLanguageMode(.v6)]),
    // The command looks for benchmarks in folders that lie in one called Benchmarks. The package's
    // build plugin would write the entry point, and its tool be built with any other product.
    .executableTarget(
      name: "Micro",
      dependencies: [
        "Workload", .product(name: "Benchmark", package: "benchmark"),
        .product(name: "Reel", package: "reel"),
      ],
      path: "Sources/Benchmarks/Micro",
      swiftSettings: [.swiftLanguageMode(.v6)]),
  ]
)
