// swift-tools-version: 6.1
import PackageDescription

/// The package two folders up, by the name SwiftPM derives from its folder.
///
/// Passing it on makes the library's `package` declarations visible here: the inner path can be
/// measured without making it public. Only a root package may pass such flags, which this one is.
let library = Context.packageDirectory.split(separator: "/").dropLast(2).last.map(String.init)
let libraryModuleName = String(
  (library ?? "").lowercased().map { $0.isLetter || $0.isNumber ? $0 : "_" })

/// A package of its own, so that nobody who builds the library builds its measurements.
let package = Package(
  name: "benchmarks",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(name: "swift-sync-journal", path: "../..", traits: []),
    // What the queries are measured against.
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
  ],
  targets: [
    .systemLibrary(
      name: "SystemLMDB",
      pkgConfig: "lmdb",
      providers: [.apt(["liblmdb-dev"]), .brew(["lmdb"])]),
    .systemLibrary(
      name: "SystemSQLite",
      pkgConfig: "sqlite3",
      providers: [.apt(["libsqlite3-dev"]), .brew(["sqlite3"])]),
    .target(name: "CBaseline", dependencies: ["SystemLMDB", "SystemSQLite"]),
    .executableTarget(
      name: "benchmarks",
      dependencies: [
        "CBaseline",
        .product(name: "Journal", package: "swift-sync-journal"),
        .product(name: "Projection", package: "swift-sync-journal"),
      ],
      packageAccess: false,
      swiftSettings: [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .unsafeFlags(["-package-name", libraryModuleName]),
      ]),
    .executableTarget(
      name: "trimming",
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
    .executableTarget(
      name: "queries",
      dependencies: [
        .product(name: "GRDB", package: "GRDB.swift"),
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
