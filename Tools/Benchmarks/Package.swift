// swift-tools-version: 6.1
import PackageDescription

/// A package of its own, so that nobody who builds the library builds its measurements.
let package = Package(
  name: "benchmarks",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(name: "swift-sync-journal", path: "../..", traits: [])
  ],
  targets: [
    .systemLibrary(
      name: "SystemLMDB",
      pkgConfig: "lmdb",
      providers: [.apt(["liblmdb-dev"]), .brew(["lmdb"])]),
    .target(
      name: "CBaseline",
      dependencies: ["SystemLMDB"]),
    .executableTarget(
      name: "benchmarks",
      dependencies: [
        "CBaseline",
        .product(name: "Journal", package: "swift-sync-journal"),
        .product(name: "Projection", package: "swift-sync-journal"),
      ],
      swiftSettings: [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
      ]),
  ]
)
