// swift-tools-version: 6.1
import PackageDescription

/// The package two folders up, by the name SwiftPM derives from its folder; passing it on makes
/// the library's `package` declarations visible here, which only a root package may do.
let library = Context.packageDirectory.split(separator: "/").dropLast(2).last.map(String.init)
let libraryModuleName = String(
  (library ?? "").lowercased().map { $0.isLetter || $0.isNumber ? $0 : "_" })

/// A package of its own, so that nobody who builds the library builds its fuzzer.
let package = Package(
  name: "fuzz",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(name: "swift-sync-journal", path: "../..", traits: [])
  ],
  targets: [
    .target(name: "CLibFuzzer"),
    .executableTarget(
      name: "fuzz",
      dependencies: [
        "CLibFuzzer",
        .product(name: "Journal", package: "swift-sync-journal"),
        .product(name: "Projection", package: "swift-sync-journal"),
        .product(name: "Transport", package: "swift-sync-journal"),
      ],
      packageAccess: false,
      swiftSettings: [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .unsafeFlags(["-parse-as-library", "-package-name", libraryModuleName]),
      ]),
  ]
)
