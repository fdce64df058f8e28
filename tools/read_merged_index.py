#!/usr/bin/env python3
# /// script
# requires-python = ">=3.9"
# dependencies = ["lz4>=4", "xxhash>=3"]
# ///
"""Reads merged indexes of Reel recordings, by format-spec.md alone, and holds each against the
segments beside it: every key of every segment that is covered has to be in it.

Prints one JSON object a file. Exit status: 0; 1 a file that is no merged index or cannot be opened;
4 damage, or a key that is missing; 64 usage.
"""

import json
import os
import struct
import sys

import xxhash

from read_segment import (
    INDEX, MAGIC, VERSION, Bytes, Damage, Index, Refused, Segment, fingerprint_entries, require,
    xxh3)

SIGNATURE = b"\x89REELI\r\n"
MERGED = 11
MEMBER = struct.Struct("<QQ96s")
PART = struct.Struct("<B3sIQQ")


class MergedIndex:
    """One file, all of it in memory."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.bytes = file.read()
        if self.bytes[20:28] != SIGNATURE:
            raise Refused("not a merged index of a Reel recording")
        require(len(self.bytes) >= 64, "the file ends early")
        self.recording, self.salt = struct.unpack("<16sQ", self.bytes[32:56])
        content, end = self.frame(0, MERGED)
        version, member_count, part_count = struct.unpack("<HBB", content[8:12])
        require(version == VERSION, "the version of the format")
        first, = struct.unpack("<Q", content[36:44])
        require(os.path.basename(path) == f"{first:020}.index", "its name")  # R70
        parts_at = 44 + MEMBER.size * member_count
        require(2 <= member_count <= 64, "the number of members")
        require(len(content) == parts_at + PART.size * part_count, "the length of the front")
        self.members = list(MEMBER.iter_unpack(content[44:parts_at]))
        self.parts, following = {}, first
        for _, _, trailer in self.members:  # R69
            kind, begin, records = struct.unpack("<I12xQQ", trailer[:32])
            require(kind == 1 and records > 0 and begin >= following, "members out of order")
            following = begin + records
        for column, zeros, size, at, uncovered in PART.iter_unpack(content[parts_at:]):
            require(zeros == bytes(3) and at == end, "the place of a part")
            part, end = self.frame(at, INDEX)
            require(end == at + size, "the length of a part")
            bits, entries = fingerprint_entries(Bytes(part))
            require(bits[1] >= 8, "the bits of a fingerprint")
            require(column > max(self.parts, default=-1), "columns that do not ascend")
            self.parts[column] = (uncovered, sum(bits), set(entries))
        require(end == len(self.bytes), "bytes behind the last part")

    def frame(self, at, wanted):
        """The content of a frame, its checksum being right, and where it ends."""
        require(at + 20 <= len(self.bytes), "no whole frame")
        magic, length, kind, version, flags, checksum = struct.unpack(
            "<4sIHBBQ", self.bytes[at:at + 20])
        end = at + 8 + length
        require(magic == MAGIC and end <= len(self.bytes), "no whole frame")
        require((kind, version, flags) == (wanted, 0, 0), "the type of a frame")
        seed = xxh3(struct.pack("<16sQQHBB", self.recording, self.salt, at, kind, version, flags))
        content = self.bytes[at + 20:end]
        require(xxhash.xxh3_64_intdigest(content, seed=seed) == checksum, "checksum of a frame")
        return content, end

    def check(self, number, segment):
        """Looks up every key of a member; returns how many there are."""
        salt, size, trailer = self.members[number]
        require(segment.recording == self.recording and segment.salt == salt, "another segment")
        require(segment.size == size and segment.end(), "another length, or no trailer")
        frame = segment.frame(size - 116)
        require(segment.content(frame) == trailer, "another trailer")
        _, parts = segment.directory()
        count = 0
        for part in parts:
            uncovered, bits, entries = self.parts.get(part[0], (-1, 0, ()))
            if uncovered >> number & 1:
                continue
            require(part[3] > 0, f"column {part[0]} is covered, and has keys that no index lists")
            index = Index(segment, part)
            known = 64 if index.form == 1 else sum(index.bits)
            require(known >= bits, f"column {part[0]} is covered, and too little known of it")
            for listed in index.listed.values():
                for key in listed:
                    mark = xxh3(key) if index.form == 1 else key
                    require((mark >> known - bits, number) in entries,
                            f"member {number}: a key of column {part[0]} is missing")
                    count += 1
        return count


def report(segment, begin, end, reason):
    raise Damage(f"{segment.path}: offset {begin}: {reason}")


def read(path):
    merged = MergedIndex(path)
    there = keys = 0
    for number, (_, _, trailer) in enumerate(merged.members):
        first, = struct.unpack("<Q", trailer[16:24])
        name = os.path.join(os.path.dirname(path), f"{first:020}.segment")
        if not os.path.exists(name):  # Removed by retention since.
            continue
        segment = Segment(name, report)
        with segment.file:
            there, keys = there + 1, keys + merged.check(number, segment)
    print(json.dumps({
        "file": path, "recording": merged.recording.hex(), "members": len(merged.members),
        "members_present": there, "columns": sorted(merged.parts), "keys_checked": keys}))


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        print("usage: read_merged_index.py FILE...", file=sys.stderr)
        return 64
    status = 0
    for path in sys.argv[1:]:
        try:
            read(path)
        except (Refused, OSError) as refusal:
            print(f"read_merged_index: {path}: {refusal}", file=sys.stderr)
            status = status or 1
        except Damage as damage:
            print(f"read_merged_index: {path}: {damage}", file=sys.stderr)
            status = 4
    return status


if __name__ == "__main__":
    sys.exit(main())
