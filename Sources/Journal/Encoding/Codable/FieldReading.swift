/// The bytes a decoder reads and what it has found in them: shared by all containers of one record.
///
/// Every access is checked against the bytes. Once the record is decoded the bytes are taken away,
/// so that a container somebody kept reads nothing.
final class FieldReading {
  /// A member of a map that was looked through.
  struct Member {
    var name: MapName
    var nameOffset: UInt32
    var valueOffset: UInt32
  }

  /// Where in the value a decoder stands; only asked for when something goes wrong.
  private struct Place {
    var parent: Int
    /// How many containers it is in.
    var depth: Int
    var key: any CodingKey
  }

  // SAFETY: one thread decodes a record, and no access of a member overlaps another: they are not
  // checked for it at run time, since each field touches them.
  @exclusivity(unchecked) private(set) var bytes = UnsafeRawBufferPointer(start: nil, count: 0)
  /// Members of all maps looked through so far; a container knows which are its own.
  @exclusivity(unchecked) private var members: UnsafeMutablePointer<Member>
  @exclusivity(unchecked) private var capacity = 32
  @exclusivity(unchecked) private var count = 0
  @exclusivity(unchecked) private var places: [Place] = []
  /// A record's own id, lent with its type.
  struct OwnID {
    var type: any Any.Type
    var value: UnsafeRawPointer
  }

  /// The own id of the record that is decoded, for the member that holds it.
  @exclusivity(unchecked) private(set) var ownID: OwnID?

  init() {
    members = .allocate(capacity: capacity)
  }

  deinit {
    members.deallocate()
  }

  /// Begins with a record's bytes, which must stay until ``end()``.
  func begin(_ bytes: UnsafeRawBufferPointer, ownID: OwnID?) throws(ItemFault) {
    guard bytes.count <= Int(Int32.max) else { throw .corrupt("the record is larger than any") }
    self.bytes = bytes
    self.ownID = ownID
  }

  func end() {
    bytes = UnsafeRawBufferPointer(start: nil, count: 0)
    count = 0
    places.removeAll(keepingCapacity: true)
    ownID = nil
    // One large record must not keep its memory for all that follow.
    guard capacity > 4096 else { return }
    members.deallocate()
    capacity = 32
    members = .allocate(capacity: capacity)
  }

  /// Whether a value was decoded from all of the bytes.
  func checkEnd(of offset: Int) throws(ItemFault) {
    guard try skip(offset) == bytes.count else { throw .corrupt("bytes follow the record") }
  }

  // MARK: Places

  /// A place inside the container that stands at another; 0 is the record.
  func enter(_ key: any CodingKey, from parent: Int) -> Int {
    places.append(Place(parent: parent, depth: depth(of: parent) + 1, key: key))
    return places.count
  }

  /// How many containers a place is in.
  func depth(of place: Int) -> Int {
    if place == 0 { return 0 }
    return place <= places.count ? places[place - 1].depth : Limits.depth
  }

  /// Forgets the places below one, once its value is decoded.
  func leave(_ place: Int) {
    while places.count >= place { places.removeLast() }
  }

  /// The keys that lead to a place.
  func path(to place: Int) -> [any CodingKey] {
    var path: [any CodingKey] = []
    var place = place
    while place > 0, place <= places.count {
      path.append(places[place - 1].key)
      place = places[place - 1].parent
    }
    return path.reversed()
  }

  // MARK: Members

  /// Looks through a map; returns which members are its own.
  ///
  /// Names must ascend, which also keeps them apart. Values are only stepped over.
  func index(mapAt offset: Int) throws(ItemFault) -> Range<Int> {
    let head = try head(at: offset)
    guard head.major == CBORMajor.map else { throw mismatch("an object", at: offset) }
    guard head.value <= UInt64(bytes.count - head.end) / 2 else {
      throw .corrupt("a count runs over the end")
    }
    let first = count
    var position = head.end
    for _ in 0..<Int(truncatingIfNeeded: head.value) {
      let text = try content(CBORMajor.text, at: position)
      let name = MapName(bytes, at: text.lowerBound, length: text.count)
      if count > first { try checkOrder(members[count - 1], name, text) }
      if count == capacity { grow() }
      members[count] = Member(
        name: name, nameOffset: UInt32(truncatingIfNeeded: text.lowerBound),
        valueOffset: UInt32(truncatingIfNeeded: text.upperBound))
      count += 1
      position = try skip(text.upperBound)
    }
    return first..<count
  }

  private func checkOrder(
    _ last: Member, _ name: MapName, _ text: Range<Int>
  ) throws(ItemFault) {
    if last.name.length < name.length { return }
    if last.name.length == name.length {
      if last.name.word < name.word { return }
      if last.name.word == name.word, name.length > 8,
        ByteOrder.compare(self.name(of: last), bytes.part(text)) < 0
      {
        return
      }
    }
    throw .corrupt("names stand twice or out of order")
  }

  private func grow() {
    let larger = UnsafeMutablePointer<Member>.allocate(capacity: capacity * 2)
    larger.moveInitialize(from: members, count: count)
    members.deallocate()
    members = larger
    capacity *= 2
  }

  /// The members from an index on that are still there; those of a record that ended are not.
  private func live(_ members: Range<Int>) -> Range<Int> {
    members.upperBound <= count ? members : 0..<0
  }

  private func name(of member: Member) -> UnsafeRawBufferPointer {
    let start = Int(member.nameOffset)
    return bytes.part(start..<start + member.name.length)
  }

  /// Where a member's value begins; nil when there is none of that name.
  @inline(__always)
  func find(_ name: String, in range: Range<Int>) -> Int? {
    ByteOrder.withUTF8(of: name) { find($0, in: range) }
  }

  private func find(_ bytes: UnsafeRawBufferPointer, in range: Range<Int>) -> Int? {
    let range = live(range)
    let name = MapName(bytes)
    var low = range.lowerBound
    var high = range.upperBound
    // A few members are looked at one by one; of many, half are left out at a time.
    while high - low > 16 {
      let middle = low + (high - low) / 2
      if isBefore(members[middle], name, bytes) { low = middle } else { high = middle + 1 }
    }
    while low < high {
      let member = members[low]
      if member.name.word == name.word, member.name.length == name.length,
        name.length <= 8 || ByteOrder.compare(self.name(of: member), bytes) == 0
      {
        return Int(member.valueOffset)
      }
      low += 1
    }
    return nil
  }

  private func isBefore(
    _ member: Member, _ name: MapName, _ bytes: UnsafeRawBufferPointer
  ) -> Bool {
    if member.name.length != name.length { return member.name.length < name.length }
    if member.name.word != name.word { return member.name.word < name.word }
    return name.length > 8 && ByteOrder.compare(self.name(of: member), bytes) < 0
  }

  /// The names of some members, those that are no UTF-8 left out.
  func names(in range: Range<Int>) -> [String] {
    live(range).compactMap { index in
      String(validating: name(of: members[index]), as: UTF8.self)
    }
  }
}
