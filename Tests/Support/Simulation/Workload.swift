@testable import Reel

/// What a recorder is made to do before it crashes.
struct Workload: Sendable {
  var name: String
  var durability: Durability
  /// Changes the configuration before the first opening.
  var configure: @Sendable (inout RecorderConfiguration) -> Void = { _ in }
  var body: @Sendable (Rehearsal) throws -> Void

  /// Rehearses it on a new disk.
  func rehearse(
    seed: UInt64, _ wrap: (DiskFolder) -> any Folder = { $0 }
  ) throws -> Rehearsal {
    var configuration = RecorderConfiguration.minute
    configuration.durability = durability
    configure(&configuration)
    let rehearsal = Rehearsal(configuration, seed: seed, wrap)
    try body(rehearsal)
    return rehearsal
  }
}

extension Workload {
  /// All of them, each with both durabilities where that makes a difference.
  static let all: [Workload] =
    Durability.allCases.flatMap { durability in
      [
        oneByOne(durability), batches(durability), laps(durability), runs(durability),
        deaths(durability), removal(durability), retention(durability), documents(durability),
        merging(durability),
      ]
    } + [background, changingDurability]

  static func oneByOne(_ durability: Durability) -> Workload {
    Workload(name: "one by one, \(durability)", durability: durability) { rehearsal in
      try rehearsal.open()
      try rehearsal.append(5)
      try rehearsal.flush()
      try rehearsal.append(6)
      try rehearsal.sync()
      try rehearsal.append(9)
      try rehearsal.flush()
      try rehearsal.append(4)
      try rehearsal.close()
    }
  }

  static func batches(_ durability: Durability) -> Workload {
    Workload(name: "batches, \(durability)", durability: durability) { rehearsal in
      try rehearsal.open()
      for count in [3, 8, 1, 5] {
        try rehearsal.appendBatch(count)
        try rehearsal.append()
      }
      try rehearsal.flush()
      try rehearsal.appendBatch(6)
      try rehearsal.sync()
      try rehearsal.appendBatch(2)
      rehearsal.die()
    }
  }

  /// Goes round the buffer several times.
  static func laps(_ durability: Durability) -> Workload {
    Workload(
      name: "laps, \(durability)", durability: durability,
      configure: {
        $0.blockByteCount = 1500
        $0.segmentByteCount = 6000
      },
      body: { rehearsal in
        try rehearsal.open()
        for _ in 0..<7 { try rehearsal.append(6, payloadByteCount: 600) }
        try rehearsal.append()
        rehearsal.die()
      })
  }

  static func runs(_ durability: Durability) -> Workload {
    Workload(name: "runs, \(durability)", durability: durability) { rehearsal in
      for count in [3, 0, 7, 2] {
        try rehearsal.open()
        try rehearsal.append(count)
        try rehearsal.close()
      }
    }
  }

  /// Runs that end with the death of the process, so that recovery is crashed as well.
  static func deaths(_ durability: Durability) -> Workload {
    Workload(name: "deaths, \(durability)", durability: durability) { rehearsal in
      try rehearsal.open()
      try rehearsal.append(9)
      rehearsal.die()
      try rehearsal.open()
      try rehearsal.append(5)
      try rehearsal.flush()
      try rehearsal.append(2)
      rehearsal.die()
      try rehearsal.open()
      try rehearsal.append(2)
      try rehearsal.sync()
      try rehearsal.append(2)
      rehearsal.die()
    }
  }

  /// Removes events exactly, and the segments that are behind.
  static func removal(_ durability: Durability) -> Workload {
    Workload(name: "removal, \(durability)", durability: durability) { rehearsal in
      try rehearsal.open()
      try rehearsal.append(20)
      try rehearsal.flush()
      try rehearsal.remove(below: 11)
      try rehearsal.append(3)
      try rehearsal.flush()
      try rehearsal.remove(below: 18)
      try rehearsal.append(2)
      rehearsal.die()
    }
  }

  /// Drops the oldest segments while there are too many events.
  static func retention(_ durability: Durability) -> Workload {
    Workload(
      name: "retention, \(durability)", durability: durability,
      configure: { $0.maximumEventCount = 16 },
      body: { rehearsal in
        try rehearsal.open()
        for _ in 0..<8 {
          try rehearsal.append(5)
          try rehearsal.flush()
        }
        try rehearsal.close()
      })
  }

  /// Merges the indexes of every two segments, and drops some of them.
  static func merging(_ durability: Durability) -> Workload {
    Workload(
      name: "merging, \(durability)", durability: durability,
      configure: { $0.mergedSegmentCount = 2 },
      body: { rehearsal in
        try rehearsal.open()
        for count in [18, 9, 14] {
          try rehearsal.append(count)
          try rehearsal.sync()
          try rehearsal.waitForMergedIndexes()
        }
        try rehearsal.remove(below: 20)
        try rehearsal.append(3)
        rehearsal.die()
        try rehearsal.open()
        try rehearsal.append(2)
        try rehearsal.close()
      })
  }

  static func documents(_ durability: Durability) -> Workload {
    Workload(name: "documents, \(durability)", durability: durability) { rehearsal in
      try rehearsal.open()
      try rehearsal.store("a", byteCount: 700)
      try rehearsal.append(2)
      try rehearsal.store("b", byteCount: 0)
      try rehearsal.store("a", byteCount: 20)
      try rehearsal.removeDocument("b")
      try rehearsal.append(2)
      rehearsal.die()
      try rehearsal.open()
      try rehearsal.store("b", byteCount: 1500)
      try rehearsal.close()
    }
  }

  /// Events that only the sync in the background makes durable.
  static let background = Workload(name: "background", durability: .process) { rehearsal in
    try rehearsal.open()
    try rehearsal.append(2)
    try rehearsal.waitForBackgroundSync()
    try rehearsal.append(8)
    try rehearsal.sync()
    try rehearsal.append()
    try rehearsal.waitForBackgroundSync()
    rehearsal.die()
    try rehearsal.open()
    try rehearsal.append(2)
    rehearsal.die()
  }

  static let changingDurability = Workload(
    name: "changing durability", durability: .disk
  ) { rehearsal in
    for durability in [Durability.disk, .process, .disk, .process] {
      try rehearsal.open(durability)
      try rehearsal.append(5)
      rehearsal.die()
    }
  }
}
