// swift-tools-version: 6.2
import PackageDescription

/// A package of its own, so that those who use Reel do not inherit what it is measured against.
let package = Package(
  name: "reel-benchmarks",
  platforms: [.macOS(.v26)],
  dependencies: [.package(name: "reel", path: "../")],
  targets: [
    .target(
      name: "Workload", dependencies: [.product(name: "Reel", package: "reel")],
      swiftSettings: [.swiftLanguageMode(.v6)]),
    .executableTarget(
      name: "SideBySide",
      dependencies: ["Workload", .product(name: "Reel", package: "reel")],
      swiftSettings: [.swiftLanguageMode(.v6)]),
  ]
)
