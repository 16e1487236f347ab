// swift-tools-version: 6.1
import PackageDescription

/// Every target is built in the Swift 6 language mode with the upcoming features that make
/// imports and existentials explicit.
let settings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

let package = Package(
  name: "swift-sync-journal",
  platforms: [.macOS(.v15), .iOS(.v18)],
  products: [
    .library(name: "Journal", targets: ["Journal"]),
    .library(name: "Projection", targets: ["Projection"]),
    .library(name: "Transport", targets: ["Transport"]),
    .library(name: "JournalTesting", targets: ["JournalTesting"]),
    .library(name: "TransportTesting", targets: ["TransportTesting"]),
    .executable(name: "journal", targets: ["JournalTool"]),
  ],
  traits: [
    .trait(
      name: "HTTPClient",
      description: "AsyncHTTPClient as the HTTP client on Linux; without it bring your own."),
    .default(enabledTraits: ["HTTPClient"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(
      url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
  ],
  targets: [
    .systemLibrary(
      name: "CLMDB",
      path: "Sources/Journal/CLMDB",
      pkgConfig: "lmdb",
      providers: [.apt(["liblmdb-dev"]), .brew(["lmdb"])]),
    // Compresses the blocks of packs. Part of every system; Debian keeps its header apart.
    .systemLibrary(
      name: "CZlib",
      path: "Sources/Journal/CZlib",
      providers: [.apt(["zlib1g-dev"])]),
    .target(name: "CChecksum", path: "Sources/Journal/CChecksum"),
    .target(
      name: "Journal",
      dependencies: [
        "CLMDB", "CZlib", "CChecksum", .product(name: "Crypto", package: "swift-crypto"),
      ],
      exclude: ["CLMDB", "CZlib", "CChecksum"],
      swiftSettings: settings),
    .target(name: "Projection", dependencies: ["Journal"], swiftSettings: settings),
    .target(
      name: "Transport",
      dependencies: [
        "Journal",
        .product(
          name: "AsyncHTTPClient", package: "async-http-client",
          condition: .when(platforms: [.linux], traits: ["HTTPClient"])),
        .product(
          name: "NIOCore", package: "swift-nio",
          condition: .when(platforms: [.linux], traits: ["HTTPClient"])),
        .product(
          name: "NIOHTTP1", package: "swift-nio",
          condition: .when(platforms: [.linux], traits: ["HTTPClient"])),
        .product(
          name: "NIOPosix", package: "swift-nio",
          condition: .when(platforms: [.linux], traits: ["HTTPClient"])),
      ],
      swiftSettings: settings),
    // For the tests of apps: replays against golden files, and a server that is a table of answers. Two
    // products, so that a replay does not build an HTTP client.
    .target(
      name: "JournalTesting", dependencies: ["Journal", "Projection"], swiftSettings: settings),
    .target(
      name: "TransportTesting",
      dependencies: [
        "Journal", "Transport",
        // The proxy between a client and a server, on Linux.
        .product(
          name: "NIOCore", package: "swift-nio",
          condition: .when(platforms: [.linux], traits: ["HTTPClient"])),
        .product(
          name: "NIOPosix", package: "swift-nio",
          condition: .when(platforms: [.linux], traits: ["HTTPClient"])),
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "JournalTool",
      dependencies: [
        "Journal", "Projection", "Transport",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
      ],
      path: "Tools/journal",
      swiftSettings: settings),
    .target(
      name: "TestKit", dependencies: ["Journal", "Projection"], path: "Tests/TestKit",
      swiftSettings: settings,
      // liblmdb finds the tests' own `fsync` and `fdatasync`, which see and fail its syncs.
      linkerSettings: [
        .unsafeFlags(
          ["fsync", "fdatasync"].flatMap { ["-Xlinker", "--export-dynamic-symbol=\($0)"] },
          .when(platforms: [.linux]))
      ]),
    // Tests of storage need processes that can be killed, forked and given a broken disk.
    .target(name: "FaultySystemCalls", path: "Tests/FaultySystemCalls"),
    .executableTarget(
      name: "StorageProbe", dependencies: ["Journal", "FaultySystemCalls"],
      path: "Tests/StorageProbe", swiftSettings: settings),
    // A live query under a stream of edits, for as long as asked; part of `Tools/soak`.
    .executableTarget(
      name: "LiveSoak", dependencies: ["TestKit"], path: "Tests/LiveSoak",
      swiftSettings: settings),
    .testTarget(
      name: "JournalTests", dependencies: ["Journal", "TestKit", "StorageProbe"],
      swiftSettings: settings),
    .testTarget(
      name: "ProjectionTests",
      dependencies: ["Journal", "Projection", "JournalTesting", "TestKit"],
      swiftSettings: settings),
    .testTarget(
      name: "ReadmeTests", dependencies: ["Journal", "Projection", "Transport", "TestKit"],
      swiftSettings: settings),
    .testTarget(
      name: "SyncTests",
      dependencies: [
        "Journal", "Projection", "Transport", "TransportTesting", "JournalTool", "TestKit",
      ],
      swiftSettings: settings),
    // Devices, a server and what goes wrong between them, from one seed; `Tools/simulate` runs it.
    .testTarget(
      name: "SimulationTests",
      dependencies: [
        "Journal", "Projection", "Transport", "TransportTesting", "JournalTool", "TestKit",
        .product(name: "Crypto", package: "swift-crypto"),
      ],
      path: "Tests/Simulation",
      swiftSettings: settings),
  ]
)
