import Foundation

/// Whether the planted defect of this name is switched on, by the environment variable `PLANTED`.
///
/// Stands here for `Tests/Defects/run`, which puts it into a copy of the sources; the project
/// itself never builds it.
package func planted(_ name: String) -> Bool { active == name }

private let active = ProcessInfo.processInfo.environment["PLANTED"]
