/// The bytes an encoder has written: shared by all containers of one record, which take turns.
///
/// Members stand in the order they are encoded in and are put in order when their map is complete.
/// A value is encoded by entering its place, letting it write, and leaving: what a container writes
/// out of turn is refused.
final class FieldWriting {
  private enum Kind {
    case empty, keyed, unkeyed, single
  }

  /// A place where one value stands.
  private struct Frame {
    var kind = Kind.empty
    /// Tells it from others that stood at the same depth.
    var serial: Int
    var start = 0
    var firstMember = 0
    var elements = 0
    /// Nil for the value itself.
    var key: (any CodingKey)?
  }

  /// A container that was asked for ahead of its content, and writes for itself meanwhile.
  private struct Child {
    var frame: Int
    var name: String
    var offset: Int
    var writing: FieldWriting
  }

  // SAFETY: one thread encodes a record, and no access of a member overlaps another: they are not
  // checked for it at run time, since each field touches them.
  @exclusivity(unchecked) private var output = RawOutput()
  @exclusivity(unchecked) private var members = WrittenMembers()
  @exclusivity(unchecked) private var frames: [Frame] = []
  @exclusivity(unchecked) private var children: [Child] = []
  @exclusivity(unchecked) private var serial = 0
  /// What a container could not throw when it was asked for.
  @exclusivity(unchecked) private(set) var failure: EncodingError?
  /// Whether there is one: the error itself is slow to look at.
  @exclusivity(unchecked) private var hasFailed = false
  /// Whether the member `id` is left out, as that of a record is.
  @exclusivity(unchecked) private(set) var omitsID = false
  private let basePath: [any CodingKey]

  init(basePath: [any CodingKey] = []) {
    self.basePath = basePath
  }

  /// The place of the value itself.
  func begin(omitsID: Bool = false) -> FieldItemEncoder {
    output.count = 0
    members.count = 0
    frames.removeAll(keepingCapacity: true)
    if !children.isEmpty { children.removeAll() }
    if hasFailed { failure = nil }
    hasFailed = false
    self.omitsID = omitsID
    serial += 1
    frames.append(Frame(serial: serial, key: nil))
    return FieldItemEncoder(writing: self, frame: 0, serial: serial)
  }

  /// Completes the value; its bytes are lent until the next one begins.
  func finish() throws -> UnsafeRawBufferPointer {
    try close(0)
    if let failure { throw failure }
    do throws(EncodingFault) { try checkSize() } catch { throw error.error(path(to: 0)) }
    return output.bytes
  }

  /// Lets go of a large record's memory.
  func end() {
    frames.removeAll(keepingCapacity: true)
    if output.capacity > 1 << 16 { output = RawOutput() }
  }

  // MARK: Places

  func path(to frame: Int) -> [any CodingKey] {
    guard frame > 0, frame < frames.count else { return basePath }
    return basePath + frames[1...frame].compactMap(\.key)
  }

  /// The number of containers around a place's content.
  private func depth(of frame: Int) -> Int { basePath.count + frame }

  /// Encodes a value in a place of its own; one that fails leaves nothing.
  func nest<T: Encodable>(_ value: T, _ key: any CodingKey) throws {
    let frame = frames.count
    guard depth(of: frame) <= Limits.depth else {
      throw EncodingFault.tooDeep.error(path(to: frame - 1) + [key])
    }
    let (bytes, firstMember) = (output.count, members.count)
    serial += 1
    frames.append(Frame(serial: serial, key: key))
    do {
      try value.encode(to: FieldItemEncoder(writing: self, frame: frame, serial: serial))
      try close(frame)
      frames.removeLast()
    } catch {
      frames.removeLast(frames.count - frame)
      members.count = firstMember
      children.removeAll { $0.frame >= frame }
      output.count = bytes
      throw error
    }
  }

  // MARK: Containers

  func openKeyed(_ frame: Int, _ serial: Int) { open(.keyed, CBORMajor.map, frame, serial) }

  func openUnkeyed(_ frame: Int, _ serial: Int) { open(.unkeyed, CBORMajor.array, frame, serial) }

  private func open(_ kind: Kind, _ major: UInt8, _ frame: Int, _ serial: Int) {
    guard isCurrent(frame, serial) else { return fail(.outOfTurn, frame) }
    if frames[frame].kind == kind { return }
    guard frames[frame].kind == .empty else { return fail(.twoForms, frame) }
    guard depth(of: frame) < Limits.depth else { return fail(.tooDeep, frame) }
    frames[frame].kind = kind
    frames[frame].start = output.count
    frames[frame].firstMember = members.count
    output.byte(major << 5)
  }

  private func fail(_ fault: EncodingFault, _ frame: Int) {
    failure = failure ?? fault.error(path(to: frame))
    hasFailed = true
  }

  @inline(__always)
  private func isCurrent(_ frame: Int, _ serial: Int) -> Bool {
    frame == frames.count - 1 && frames[frame].serial == serial
  }

  func elementCount(_ frame: Int, _ serial: Int) -> Int {
    frame < frames.count && frames[frame].serial == serial ? frames[frame].elements : 0
  }

  @inline(__always)
  private func check(_ frame: Int, _ serial: Int) throws(EncodingFault) {
    guard isCurrent(frame, serial), !hasFailed else { throw .outOfTurn }
    try checkSize()
  }

  @inline(__always)
  private func checkSize() throws(EncodingFault) {
    guard output.count <= Limits.entryBytes else { throw .tooLarge }
  }

  /// Writes a member's name; the value follows.
  @inline(__always)
  func beginMember(_ name: String, _ frame: Int, _ serial: Int) throws(EncodingFault) {
    try check(frame, serial)
    let start = output.count
    let (offset, word) = output.text(name)
    guard
      word.length > 0 && word.length <= RecordAddress.maximumNameBytes || frame > 0
        || !basePath.isEmpty
    else {
      output.count = start
      throw .name(word.length)
    }
    members.append(
      WrittenMember(
        name: word, nameOffset: UInt32(truncatingIfNeeded: offset),
        start: UInt32(truncatingIfNeeded: start)))
  }

  /// Takes a member back whose value could not be written.
  func dropMember() {
    output.count = members.removeLast()
  }

  func beginElement(_ frame: Int, _ serial: Int) throws(EncodingFault) {
    try check(frame, serial)
    frames[frame].elements += 1
  }

  func dropElement() {
    frames[frames.count - 1].elements -= 1
  }

  func beginSingle(_ frame: Int, _ serial: Int) throws(EncodingFault) {
    try check(frame, serial)
    guard frames[frame].kind == .empty else { throw .twoForms }
    frames[frame].kind = .single
  }

  /// A place for a container whose content comes later; it is taken in when this one is complete.
  func addChild(
    _ key: any CodingKey, _ frame: Int, _ serial: Int
  ) -> FieldItemEncoder {
    let child = FieldWriting(basePath: path(to: frame) + [key])
    let encoder = child.begin()
    if isCurrent(frame, serial) {
      children.append(
        Child(frame: frame, name: key.stringValue, offset: output.count, writing: child))
      if frames[frame].kind == .unkeyed { frames[frame].elements += 1 }
    } else {
      fail(.outOfTurn, frame)
    }
    return encoder
  }

  // MARK: Completing

  private func close(_ frame: Int) throws {
    if !children.isEmpty { try takeIn(frame) }
    do throws(EncodingFault) {
      switch frames[frame].kind {
      case .single: break
      case .empty: output.head(CBORMajor.map, 0)
      case .keyed: try arrange(frames[frame])
      case .unkeyed:
        output.setHead(CBORMajor.array, frames[frame].elements, at: frames[frame].start)
      }
      if frame == 0, basePath.isEmpty, frames[0].kind == .single || frames[0].kind == .unkeyed {
        throw .noObject
      }
    } catch {
      throw error.error(path(to: frame))
    }
  }

  private func takeIn(_ frame: Int) throws {
    let own = children.filter { $0.frame == frame }
    children.removeAll { $0.frame == frame }
    for child in own.reversed() {
      let bytes = try child.writing.finish()
      if frames[frame].kind == .unkeyed {
        output.insert(bytes, at: child.offset)
      } else {
        do throws(EncodingFault) {
          try beginMember(child.name, frame, frames[frame].serial)
        } catch {
          throw error.error(path(to: frame))
        }
        output.copy(bytes)
      }
    }
  }

  /// Puts the members of a map in order and fills in its head.
  private func arrange(_ frame: Frame) throws(EncodingFault) {
    let own = members.end(from: frame.firstMember, at: output.count)
    if try !WrittenMember.sort(own, output.bytes) {
      output.rearrange(from: frame.start + 1, count: own.count) { index in
        Int(own[index].start)..<Int(own[index].end)
      }
    }
    let count = own.count
    members.count = frame.firstMember
    output.setHead(CBORMajor.map, count, at: frame.start)
  }
}

// MARK: Items

extension FieldWriting {
  func null() { output.byte(CBORMajor.nullByte) }

  func bool(_ value: Bool) { output.byte(value ? CBORMajor.trueByte : CBORMajor.falseByte) }

  func string(_ value: String) { _ = output.text(value) }

  func text(_ bytes: UnsafeRawBufferPointer) {
    output.head(CBORMajor.text, UInt64(bytes.count))
    output.copy(bytes)
  }

  func data(_ bytes: UnsafeRawBufferPointer) {
    output.head(CBORMajor.data, UInt64(bytes.count))
    output.copy(bytes)
  }

  @inline(__always)
  func integer<T: FixedWidthInteger>(_ value: T) {
    if value >= 0 {
      output.head(CBORMajor.unsigned, UInt64(truncatingIfNeeded: value))
    } else {
      output.head(CBORMajor.negative, ~UInt64(bitPattern: Int64(truncatingIfNeeded: value)))
    }
  }

  func double(_ value: Double) throws(EncodingFault) {
    guard value.isFinite else { throw .notFinite(value) }
    output.double(value)
  }

  func array(count: Int) { output.head(CBORMajor.array, UInt64(count)) }

  func tag(_ tag: UInt64) { output.head(CBORMajor.tag, tag) }
}
