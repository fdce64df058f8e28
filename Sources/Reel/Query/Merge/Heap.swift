/// What a heap keeps: it knows which of two comes first.
protocol Prioritized {
  func precedes(_ other: Self) -> Bool
}

/// A binary heap with the element that precedes all others on top.
///
/// Insertion and removal are logarithmic in the number of elements.
struct Heap<Element: Prioritized> {
  private(set) var elements: [Element] = []

  var first: Element? { elements.first }
  var count: Int { elements.count }
  var isEmpty: Bool { elements.isEmpty }

  mutating func push(_ element: Element) {
    elements.append(element)
    var child = elements.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard elements[child].precedes(elements[parent]) else { return }
      elements.swapAt(child, parent)
      child = parent
    }
  }

  mutating func removeFirst() {
    let last = elements.removeLast()
    if !elements.isEmpty { replaceFirst(last) }
  }

  mutating func replaceFirst(_ element: Element) {
    elements[0] = element
    sinkFirst()
  }

  /// Changes the first element to one that comes no earlier.
  @inline(__always)
  mutating func updateFirst(_ change: (inout Element) -> Void) {
    change(&elements[0])
    sinkFirst()
  }

  private mutating func sinkFirst() {
    var places = elements.mutableSpan
    let count = places.count
    let sinking = places[0]
    var parent = 0
    while true {
      var child = 2 &* parent &+ 1
      guard child < count else { break }
      if child &+ 1 < count, places[child &+ 1].precedes(places[child]) { child &+= 1 }
      guard places[child].precedes(sinking) else { break }
      places[parent] = places[child]
      parent = child
    }
    places[parent] = sinking
  }
}
