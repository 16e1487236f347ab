import Journal
import Transport

/// Judges the checkpoint a device shows: it must extend the one the server knows.
enum WitnessRule {
  enum Judgement: Equatable {
    case extends(Checkpoint)
    case sizeDiffers(UInt64)
    case forked
  }

  /// Opens the signed note. Costs one signature check; done outside the write transaction.
  static func open(_ witness: Witness) throws -> Checkpoint {
    let key = try VerifierKey(witness.verifierKey)
    let origin = JournalIdentity.origin(of: witness.device)
    guard key.name == origin else {
      throw ServerError.badRequest("the key is not the device's: its name is not \(origin)")
    }
    let checkpoint = try SignedNote.open(witness.checkpoint, with: [key])
    guard checkpoint.origin == origin, checkpoint.size > 0 else {
      throw ServerError.badRequest("the checkpoint's origin is not \(origin)")
    }
    return checkpoint
  }

  static func judge(_ witness: Witness, _ checkpoint: Checkpoint, known: PeerRow?) -> Judgement {
    guard let known, known.size > 0 else {
      return witness.fromSize == 0 ? .extends(checkpoint) : .sizeDiffers(0)
    }
    guard witness.verifierKey.utf8.elementsEqual(known.verifierKey.utf8),
      checkpoint.size >= known.size
    else { return .forked }
    if checkpoint.size == known.size {
      return checkpoint.root == known.root ? .extends(checkpoint) : .forked
    }
    guard witness.fromSize == known.size else { return .sizeDiffers(known.size) }
    return MerkleProof.verifyConsistency(
      from: known.size, fromRoot: known.root, to: checkpoint.size, toRoot: checkpoint.root,
      proof: witness.proof) ? .extends(checkpoint) : .forked
  }

  static func row(_ witness: Witness, _ checkpoint: Checkpoint, known: PeerRow?) -> PeerRow {
    var row = known ?? PeerRow()
    row.label = witness.label
    row.verifierKey = witness.verifierKey
    row.size = checkpoint.size
    row.root = checkpoint.root
    row.note = witness.checkpoint
    return row
  }
}
