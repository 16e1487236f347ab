/// The tree pages read most recently, a bounded number of them.
///
/// Second chance instead of exact recency: a page used since the hand last passed stays.
struct PageCache {
  private struct Slot {
    var page: TreePage
    var isUsed: Bool
  }

  private let capacity: Int
  private var slots: [Slot] = []
  private var positions: [UInt64: Int] = [:]
  private var hand = 0

  init(capacity: Int) {
    self.capacity = max(1, capacity)
  }

  mutating func page(_ number: UInt64) -> TreePage? {
    guard let position = positions[number] else { return nil }
    slots[position].isUsed = true
    return slots[position].page
  }

  mutating func insert(_ page: TreePage) {
    let slot = Slot(page: page, isUsed: false)
    if slots.count < capacity {
      positions[page.page.number] = slots.count
      slots.append(slot)
      return
    }
    while slots[hand].isUsed {
      slots[hand].isUsed = false
      hand = (hand + 1) % capacity
    }
    positions[slots[hand].page.page.number] = nil
    positions[page.page.number] = hand
    slots[hand] = slot
    hand = (hand + 1) % capacity
  }
}
