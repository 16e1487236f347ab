import FaultySystemCalls
import Foundation
import Journal

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Commits without syncing, writes down what reached the system, and then makes the files as a power
/// cut at some moment could leave them: what was synced, and of the rest any sectors.
enum PowerCuts {
  private static let sector = 512

  static func run(_ directory: String, seed: UInt64, images: Int, keepsSnapshot: Bool) throws {
    var random = Words(state: seed)
    try Environment.create(directory: directory).close()
    let start = try Data(contentsOf: URL(fileURLWithPath: directory + "/data.mdb"))
    faulty_record()
    var settings = StorageSettings(durability: .pinnedSnapshot(interval: .seconds(3600)))
    settings.bootID = { "the first running" }
    /// After so many calls, entries up to this one were durable.
    var durable: [(calls: UInt, sequence: UInt64)] = [(0, 0)]
    var inodes: [String: UInt] = [:]
    var sequence: UInt64 = 0
    for _ in 0..<4 {
      let environment = try Environment.open(directory: directory, settings: settings)
      for _ in 0..<Int(random.next() % 40) + 20 {
        sequence += 1
        try environment.commit(sequence, bytes: Int(random.next() % 3000))
        if random.next() % 12 == 0 {
          try environment.makeDurable()
          durable.append((faulty_recorded(), sequence))
        }
      }
      sequence += 1
      try environment.commit(sequence)
      for name in ["data.mdb", "snapshot"] { inodes[name] = try inode(directory + "/" + name) }
      // Closing cannot save a snapshot: the round ends as a killed process does.
      faulty_arm(Int32(FAULTY_SYNC), 0, 1, EIO)
      environment.close()
      faulty_arm(0, 0, 0, 0)
    }
    let recorded = faulty_recorded()
    settings.bootID = { "the second running" }
    var bad = 0
    for image in 0..<images {
      let cut = UInt(random.next() % UInt64(recorded + 1))
      for (name, bytes) in [("data.mdb", start), ("snapshot", Data())] {
        guard let inode = inodes[name] else { continue }
        let made = make(bytes, inode: inode, cut: cut, &random)
        let path = directory + "/" + name
        if name == "snapshot", made.isEmpty || !keepsSnapshot {
          try? FileManager.default.removeItem(atPath: path)
        } else {
          // In place: the file stays the one the snapshot was made of.
          if !FileManager.default.fileExists(atPath: path) {
            _ = FileManager.default.createFile(atPath: path, contents: nil)
          }
          let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
          try file.truncate(atOffset: 0)
          try file.write(contentsOf: made)
          try file.close()
        }
      }
      let needed = durable.last { $0.calls <= cut }?.sequence ?? 0
      if let finding = check(directory, settings, needed: needed, last: sequence) {
        bad += 1
        say("bad \(image) cut \(cut) of \(recorded): \(finding)")
      }
    }
    say("images \(images) bad \(bad) durable \(durable.count) entries \(sequence)")
  }

  private static func inode(_ path: String) throws -> UInt {
    let number = try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber]
    return UInt(number as? UInt64 ?? 0)
  }

  private static func make(
    _ start: Data, inode: UInt, cut: UInt, _ random: inout Words
  ) -> Data {
    var lastSync = 0
    for index in 0..<Int(cut) {
      let call = faulty_call(UInt(index))
      if call.inode == inode, call.kind == RECORDED_SYNC { lastSync = index }
    }
    var image = start
    for index in 0..<Int(cut) {
      let call = faulty_call(UInt(index))
      guard call.inode == inode else { continue }
      let isSafe = index < lastSync || call.kind == RECORDED_DURABLE_WRITE
      if call.kind == RECORDED_LENGTH {
        let grows = isSafe || random.next() % 2 == 0
        if grows, image.count < call.offset {
          image.append(Data(count: call.offset - image.count))
        }
        continue
      }
      guard call.kind != RECORDED_SYNC, let bytes = call.bytes else { continue }
      let end = call.offset + Int(call.length)
      if image.count < end { image.append(Data(count: end - image.count)) }
      var offset = call.offset
      while offset < end {
        let next = min(end, (offset / sector + 1) * sector)
        if isSafe || random.next() % 2 == 0 {
          let from = bytes + (offset - call.offset)
          image.replaceSubrange(
            offset..<next, with: UnsafeBufferPointer(start: from, count: next - offset))
        }
        offset = next
      }
    }
    return image
  }

  /// What is wrong with the image; nil when it is whole, holds what was durable, and goes on.
  private static func check(
    _ directory: String, _ settings: StorageSettings, needed: UInt64, last: UInt64
  ) -> String? {
    do {
      // First as a reader, which may not write, then as a writer.
      try checkRows(try PagedReader.open(directory: directory, settings: settings), needed, last)
      let environment = try Environment.open(directory: directory, settings: settings)
      try environment.commit(last + 1)
      environment.close()
      try checkRows(
        try PagedReader.open(directory: directory, settings: settings), needed, last)
      return nil
    } catch {
      return "\(error)"
    }
  }

  private struct Wrong: Error, CustomStringConvertible {
    var description: String
  }

  private static func checkRows(
    _ reader: PagedReader, _ needed: UInt64, _ last: UInt64
  ) throws {
    defer { reader.close() }
    if let problem = reader.checkStructure().first { throw Wrong(description: problem) }
    var expected: UInt64 = 1
    try reader.scan(.entries, from: nil) { key, payload in
      let sequence = UInt64(sequenceKey: key) ?? 0
      if sequence == last + 1 { return true }
      guard sequence == expected,
        Array(payload) == Environment.payload(sequence, bytes: payload.count)
      else { throw Wrong(description: "row \(sequence) where \(expected) belongs") }
      expected += 1
      return true
    }
    guard expected - 1 >= needed else {
      throw Wrong(description: "rows up to \(expected - 1), though \(needed) were durable")
    }
  }
}

/// Random words from a seed (SplitMix64).
struct Words {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
