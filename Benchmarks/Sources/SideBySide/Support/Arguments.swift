import Workload

/// What the command line asks for: `EVENTS ROUNDS [STORES [GROUPS [RECORDING]]]`, the lists with
/// commas or `all`.
struct Arguments {
  var count = 200_000
  var rounds = 3
  var stores: [any Store.Type] = allStores
  var groups = Set(Group.allCases)
  var source = TraceSource.generated(seed: 1)

  init(_ arguments: [String]) throws {
    if let first = arguments.first { count = try Self.number(first) }
    if arguments.count > 1 { rounds = try Self.number(arguments[1]) }
    if arguments.count > 2, arguments[2] != "all" {
      stores = try arguments[2].split(separator: ",").map { name in
        guard let store = store(named: String(name)) else {
          throw StoreError(message: "no store is called \(name)")
        }
        return store
      }
    }
    if arguments.count > 3, arguments[3] != "all" {
      groups = Set(
        try arguments[3].split(separator: ",").map { name in
          guard let group = Group(rawValue: String(name)) else {
            let all = Group.allCases.map(\.rawValue).joined(separator: ", ")
            throw StoreError(message: "no group is called \(name); there are \(all)")
          }
          return group
        })
    }
    if arguments.count > 4 { source = .recording(path: arguments[4]) }
  }

  static func number(_ text: String) throws -> Int {
    guard let number = Int(text), number > 0 else {
      throw StoreError(message: "\(text) is not a positive number")
    }
    return number
  }
}

/// The store with a name, or nothing.
func store(named name: String) -> (any Store.Type)? { allStores.first { $0.name == name } }
