package import Journal

extension Journal {
  /// Makes this copy of the journal a device of its own, with a new key and checkpoint origin.
  ///
  /// What was in flight under the old device is pending again, ids unchanged.
  package func changeDevice(because reason: String) async throws {
    let (old, label) = try read { reader in
      (reader.identity.current.id, reader.identity.current.label)
    }
    // The key is on disk before any entry names it.
    let device = try Journal.makeDevice(label: label, in: path, configuration: configuration)
    try await transact { context in
      guard context.identity.current.id == old else { return }
      var body = BodyBuilder()
      body.add(.reason, text: reason)
      body.add(.device, data: device.id.bytes)
      body.add(.label, text: device.label)
      body.add(.verifierKey, text: device.verifierKey)
      try context.append(Draft(.deviceChanged, body: body.finish()))
      try context.changeDevice(to: device)
    }
  }
}
