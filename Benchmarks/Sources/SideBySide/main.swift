import Reel
import Workload
#if canImport(Glibc)
import Glibc
#endif
func seconds(_ body: () throws -> Void) rethrows -> Double {
  let clock = ContinuousClock()
  let t = try clock.measure(body)
  return Double(t.components.seconds) + Double(t.components.attoseconds) * 1e-18
}
let n = CommandLine.arguments.count > 1 ? Int(CommandLine.arguments[1])! : 300_000
let path = "/tmp/reelbench"
_ = system("rm -rf \(path)")
var generator = Generator(seed: 1)
let events = generator.events(n)
let raw = events.reduce(0) { $0 + $1.payload!.bytes.count + $1.id!.bytes.count + $1.process!.utf8.count + $1.kind!.utf8.count + $1.function!.module!.utf8.count + $1.function!.name!.utf8.count + $1.astNodeID!.utf8.count + $1.correlationID!.utf8.count + 8 }
print("raw/event", raw / n)
func cpu() -> Double { var u = rusage(); getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &u); return Double(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + Double(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6 }
let c0 = cpu()
let recorder = try Recorder(path: path)
let t1 = try seconds { for e in events { try recorder.append(e) } }
let t2 = try seconds { try recorder.flush() }
print("append \(Double(n)/t1/1e6) M/s, until in blocks \(Double(n)/(t1+t2)/1e6) M/s, cpu \((cpu()-c0)/Double(n)*1e6) us/event")
if CommandLine.arguments.count > 2 { try recorder.close(); exit(0) }
try recorder.close()
let o = try seconds { let r = try Recording(path: path); print(try r.statistics().eventCount) }
print("open+stat \(o*1e3) ms")
let r = try Recording(path: path)
let s = try r.statistics()
print("bytes/event \(Double(s.segmentByteCount)/Double(n)) index \(Double(s.indexByteCount)/Double(n)) segments \(s.segmentCount) blocks \(s.blockCount)")
var k = 0
for e in events.prefix(2000) { if try r.event(id: e.id!) != nil { k += 1 } }
var lat: [Double] = []
var x: UInt64 = 12345
for _ in 0..<5000 { x = x &* 6364136223846793005 &+ 1442695040888963407; let e = events[Int((x >> 33) % UInt64(n))]; lat.append(try seconds { if let v = try r.view(id: e.id!) { v.withPayloadBytes { k += $0.byteCount } } }) }
lat.sort(); print("get p50 \(lat[2500]*1e6) us p99 \(lat[4950]*1e6)", k)
let big: Recording = try { var c = RecordingConfiguration(); c.cacheByteCount = 1 << 30; return try Recording(path: path, configuration: c) }()
for round in 0..<2 { lat = []
for _ in 0..<20000 { x = x &* 6364136223846793005 &+ 1442695040888963407; let e = events[Int((x >> 33) % UInt64(n))]; lat.append(try seconds { if let v = try big.view(id: e.id!) { v.withPayloadBytes { k += $0.byteCount } } }) }
lat.sort(); print("get warm p50 \(lat[10000]*1e6) us p99 \(lat[19800]*1e6)", k) }
var bytes = 0, cnt = 0
for _ in 0..<2 { bytes = 0; cnt = 0
let rt = try seconds { try r.forEach { v in v.withPayloadBytes { bytes += $0.byteCount }; cnt += 1 } }
print("replay \(Double(cnt)/rt/1e6) M/s") }
let q = try seconds { let a = try r.events(Query(from: events[n/2].timestamp!, to: .max), limit: 1000); print(a.events.count, a.cost) }
print("range 1000: \(q*1e6) us")
var cq = Query(); cq.correlationID = events[n/2].correlationID
for _ in 0..<3 { let q2 = try seconds { let a = try r.events(cq); print(a.events.count) }
print("corr: \(q2*1e6) us") }
let ft = try seconds { print(try r.facets(of: .function).count) }
print("facets fn \(Double(n)/ft/1e6) M/s")
