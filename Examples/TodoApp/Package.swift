// swift-tools-version: 6.1
import PackageDescription

let package = Package(
  name: "TodoApp",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(name: "swift-sync-journal", path: "../..", traits: [])
  ],
  targets: [
    .executableTarget(
      name: "TodoApp",
      dependencies: [
        .product(name: "Journal", package: "swift-sync-journal"),
        .product(name: "Projection", package: "swift-sync-journal"),
        .product(name: "JournalTesting", package: "swift-sync-journal"),
      ])
  ])
