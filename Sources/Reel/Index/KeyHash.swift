/// The hash by which fingerprint indexes find a key: XXH3-64 of its bytes with seed 0.
@inline(__always)
func keyHash(_ key: RawSpan) -> UInt64 { Checksum.xxh3(key) }
