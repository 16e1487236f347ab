extension JournalReader {
  /// How many edits wait for a server though no remote owns their collection, by the collection's bytes; an erasure
  /// whose remote was removed counts under no name.
  ///
  /// Nothing is looked at where a remote owns what no other names; else linear in the open edits.
  package func unownedEdits() throws -> [[UInt8]: UInt64] {
    let remotes = try remotes()
    guard remotes.allSatisfy({ !$0.collections.isEmpty }) else { return [:] }
    let owners = remotes.map { Ownership(of: $0.name, among: remotes) }
    var unowned: [[UInt8]: UInt64] = [:]
    try scanEdits { sequence, state in
      guard state.delivery == .pending, let entry = try entry(sequence) else { return true }
      try entry.plainBody.withUnsafeBytes { bytes in
        let body = try Body(bytes)
        guard try !owners.contains(where: { try $0.owns(body) }) else { return }
        unowned[try body.text(.collection).map { [UInt8]($0.utf8) } ?? [], default: 0] += 1
      }
      return true
    }
    return unowned
  }
}
