import Journal
import Projection
import Transport

@testable import JournalTool

/// What entries say of delivery, conflicts and trims, held to what has happened.
extension Checks {
  /// What is set aside was refused, or needs something that is.
  static func checkSetAside(
    _ device: SimulatedDevice, refused: Set<String>?
  ) throws {
    let parked = try device.store.journal.parked()
    if let refused {
      for edit in parked where edit.code != ParkedEdit.dependsOn {
        guard refused.contains(edit.id.description) else {
          throw Violation(
            "parked", "\(device.name) set edit \(edit.sequence) aside, which nobody refused")
        }
      }
    }
    device.setAside = Set(parked.map(\.id.description))
    device.everSetAside.formUnion(device.setAside)
  }

  /// A conflict is decided once, and is one with somebody else.
  static func checkConflicts(_ device: SimulatedDevice, _ server: SimulatedServer) throws {
    // Of a full state, of a server that does not hold the edit any more, and of edits that are set aside, a device's
    // own may be news to it.
    let isPlain =
      server.incarnation == 0 && device.everSetAside.isEmpty && !device.isCopied
      && device.discarded.isEmpty && !server.isTrimmedPast
    let foreign = Set(
      server.history.filter { !device.everOwn.contains($0.id) }.map(\.intent.record))
    var seen: Set<[UInt8]> = []
    try device.store.journal.read { reader in
      try reader.scanEntries(from: 1) { entry in
        guard entry.header.kind == .conflict else { return true }
        let content = try entry.plainBody
        guard seen.insert(content).inserted else {
          throw Violation("conflict", "\(device.name) has decided a conflict twice")
        }
        let names = try content.withUnsafeBytes { try Body($0).record()?.names }
        guard let names, isPlain else { return true }
        guard foreign.contains("\(names.collection)/\(names.key)") else {
          throw Violation(
            "conflict", "\(device.name) is in conflict with itself about \(names)")
        }
        return true
      }
    }
  }

  /// After a trim: groups are whole, and nothing is gone a witness has not seen.
  static func checkTrimmed(_ device: SimulatedDevice, _ server: SimulatedServer) throws {
    let held = Set(try device.store.edits(from: 1).map(\.id))
    var groups: [SequenceNumber: Set<Bool>] = [:]
    for edit in device.ledger where edit.group != 0 {
      groups[edit.group, default: []].insert(held.contains(edit.id))
    }
    guard groups.allSatisfy({ $0.value.count == 1 }) else {
      throw Violation("group", "\(device.name) has trimmed a part of a group")
    }
    guard server.incarnation == 0, !device.isCopied else { return }
    let (id, horizon) = try device.store.journal.read { reader in
      (reader.identity.current.id, reader.horizon.sequence)
    }
    let known = try server.core.info(device: id).acknowledgedSize
    guard known == 0 || horizon <= known + 1 else {
      throw Violation(
        "witness", "\(device.name) has trimmed to \(horizon); the server has seen \(known)")
    }
  }
}
