import Journal
import Projection
import TestKit
import Testing
import Transport

@testable import JournalTool

@Suite struct `A server as a witness` {
  @Test func `cosigns what it has found to be an extension`() async throws {
    let world = try World()
    let a = try await world.device("a")
    try await a.put("1", ["n": 1])
    try await a.sync()
    let cosigned = try #require(try a.store.journal.cosignedCheckpoint(by: "server"))
    let key = try VerifierKey(cosigned.key)
    #expect(key.kind == .cosigner)
    let checkpoint = try SignedNote.open(cosigned.note, with: [key])
    #expect(checkpoint.size == (try a.store.journal.lastSequence))
    // The device's own signature stands in the same note.
    let own = try VerifierKey(a.store.journal.verifierKey)
    #expect(try SignedNote.open(cosigned.note, with: [own]) == checkpoint)
    let report = try Verifier.verify(
      directory: a.store.journal.path,
      against: [OutsideCheckpoint(note: cosigned.note, keys: [key])], folder: RecordFolder())
    #expect(report.isSound)
  }

  @Test func `is not believed when its cosignature does not hold`() async throws {
    let world = try World()
    let a = try await world.device("a")
    try await a.put("1", ["n": 1])
    let forger = AlteredRemote(
      world.remote,
      show: { witness, server in
        let answer = try await server.show(witness)
        guard case .acknowledged(let size, var cosigned?) = answer else { return answer }
        cosigned.key = try SigningKey(name: "somebody").cosignerKey.description
        return .acknowledged(size: size, cosigned: cosigned)
      })
    let engine = SyncEngine(
      journal: a.store.journal, remote: "server", over: forger)
    await #expect(throws: TransportError.self) { try await engine.sync() }
    #expect(try a.store.journal.cosignedCheckpoint(by: "server") == nil)
  }

  @Test func `signs the time with the text, as C2SP says`() throws {
    let key = try SigningKey(name: "witness.example/w", seed: [UInt8](repeating: 7, count: 32))
    let log = try SigningKey(name: "log.example/l", seed: [UInt8](repeating: 8, count: 32))
    let note = try log.sign(Checkpoint(origin: "log.example/l", size: 0, root: .empty))
    let cosigned = try key.cosign(note, at: Timestamp(milliseconds: 1_700_000_000_999))
    #expect(cosigned.hasPrefix(note))
    let verifier = try key.cosignerKey
    #expect(try VerifierKey(verifier.description) == verifier)
    #expect(try SignedNote.open(cosigned, with: [verifier]).size == 0)
    // A cosigner's key is none of the signer's, though the public key is the same.
    #expect(throws: JournalError.self) {
      try SignedNote.open(cosigned, with: [key.verifierKey])
    }
  }
}
