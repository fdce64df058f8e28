import Foundation
import Testing

@testable import Reel

/// The style of the code, as far as a machine can tell.
@Suite struct TidyTests {
  /// Swift files below the folders of `roots`, with their lines, but for generated ones.
  private static func files(_ roots: [String]) throws -> [(path: String, lines: [Substring])] {
    var found: [(String, [Substring])] = []
    for root in roots {
      let names = FileManager.default.enumerator(atPath: repositoryPath + "/" + root)
      for case let name as String in names ?? .init()
      where name.hasSuffix(".swift") && !name.hasSuffix(".pb.swift") {
        let path = root + "/" + name
        let text = try String(contentsOfFile: repositoryPath + "/" + path, encoding: .utf8)
        found.append((path, text.split(separator: "\n", omittingEmptySubsequences: false)))
      }
    }
    return found.sorted { $0.0 < $1.0 }
  }

  private static let all = ["Sources", "Tests", "tools"]

  @Test func noLineIsLongerThanAHundredColumns() throws {
    for file in try Self.files(Self.all) {
      for (number, line) in file.lines.enumerated() where line.count > 100 {
        Issue.record("\(file.path):\(number + 1) has \(line.count) columns")
      }
    }
  }

  @Test func noFileIsLongerThanFiveHundredLines() throws {
    for file in try Self.files(Self.all) where file.lines.count > 501 {
      Issue.record("\(file.path) has \(file.lines.count) lines")
    }
  }

  @Test func noFunctionIsLongerThanSeventyLines() throws {
    for file in try Self.files(Self.all) {
      var start: (line: Int, indent: Int)?
      for (number, line) in file.lines.enumerated() {
        let indent = line.prefix { $0 == " " }.count
        if start == nil, line.hasSuffix("{"), line.contains("func ") || line.contains(" init(") {
          start = (number, indent)
        } else if let open = start, indent == open.indent,
          line.hasPrefix(String(repeating: " ", count: indent) + "}")
        {
          if number - open.line + 1 > 70 {
            Issue.record("\(file.path):\(open.line + 1) has \(number - open.line + 1) lines")
          }
          start = nil
        }
      }
    }
  }

  @Test func theEngineImportsNoFoundationAndOnlyTheSystemFolderImportsTheSystem() throws {
    let system = ["Glibc", "Musl", "Darwin"]
    for file in try Self.files(["Sources/Reel"]) {
      for line in file.lines where line.contains("import ") && !line.contains("///") {
        let name = line.split(separator: " ").last.map(String.init) ?? ""
        #expect(name != "Foundation", "\(file.path)")
        if system.contains(name) {
          #expect(file.path.contains("/System/"), "\(file.path) imports \(name)")
        }
      }
    }
  }

  @Test func thePageNamesEveryFrameColumnEncodingAndControlRecord() throws {
    let page = try String(contentsOfFile: repositoryPath + "/format-spec.md", encoding: .utf8)
    for value in UInt16(1)...10 {
      let type = FrameType(rawValue: value)
      #expect(page.contains("\n| \(value) | \(type.name) |"), "frame type \(value), \(type.name)")
    }
    for value in UInt8(1)...15 {
      let column = ColumnID(rawValue: value)
      let name = column == .parentID ? "parent event id" : column == .id ? "event id" : column.name
      #expect(page.contains("\n| \(value) | \(name) |"), "column \(value), \(name)")
    }
    #expect(page.contains("| 64 + *i* | declared attribute"))
    #expect(ColumnID.attribute(0).rawValue == 64)
    let encodings: [(ColumnEncoding, String)] = [
      (.deltas, "deltas"), (.planes, "planes"), (.dictionary, "dictionary"),
      (.identifierPlanes, "identifier planes"), (.identifiers, "identifiers"),
    ]
    for (encoding, name) in encodings {
      #expect(page.contains("\n| \(encoding.rawValue) | \(name) |"), "encoding \(name)")
    }
    #expect(ColumnEncoding(rawValue: 6) == nil, "an encoding that the page does not name")
    let records: [(ControlRecord, String)] = [
      (.runEnd(wall: 0, monotonic: 0), "run end"),
      (.gap(Gap(eventCount: 0, from: 0, to: 0)), "gap"),
      (.cut(Cut(before: nil, sequence: 0)), "cut"), (.drop(Drop(below: 0, eventCount: 0)), "drop"),
      (.syncMark(watermark: 0), "sync mark"), (.configuration([]), "configuration"),
    ]
    #expect(page.contains("\n| 1 | run start |"))
    for (record, name) in records {
      #expect(page.contains("\n| \(record.type) | \(name) |"), "control record \(name)")
    }
  }
}
