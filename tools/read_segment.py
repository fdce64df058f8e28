#!/usr/bin/env python3
# /// script
# requires-python = ">=3.9"
# dependencies = ["lz4>=4", "xxhash>=3"]
# ///
"""Reads segments of Reel recordings, by format-spec.md alone, and prints events as JSON Lines.

It shares no code with Reel, so that it can prove the page and read a recording without Reel.
Where this says R8, R14 and so on, it means the rules of that page.

A field that is absent is left out. A text that is not UTF-8 is given in hexadecimal under its name
with `_hex`. A payload is `data` (JSON, verbatim), its members (members of an object, verbatim),
`data_text`, or `data_base64` with the number of its encoding in `data_encoding`; the last also for
one that cannot stand in a line as it is: not JSON, with line breaks, or with a member named like a
field of the event. Values of attributes that JSON lacks are objects: `{"base64": …}` of bytes,
`{"double_bits": …}` of infinite doubles and NaNs.

Exit status: 0; 1 a file that is no segment, of another version or not to be opened; 4 damage;
64 usage. A torn tail (R41) is said on standard error and is no damage.
"""

import argparse
import base64
import json
import os
import re
import struct
import sys
from collections import Counter
from itertools import accumulate, repeat

import lz4.block
import xxhash

VERSION = 0
MAGIC = b"\x5e\x2a\x4d\x18"
SIGNATURE = b"\x89REEL\r\n\x1a"
HEADER, BLOCK, DIRECTORY, INDEX, TRAILER, STATE = 1, 2, 3, 4, 5, 6
MEBI = 1 << 20
MASK = (1 << 64) - 1
PIECE = 4 * MEBI
NAME = re.compile(r"([0-9]{20})\.segment\Z")

PLANES, DELTAS, DICTIONARY, IDENTIFIERS = {2}, {1}, {3}, {4, 5, 0x84, 0x85}
ENCODINGS = {1: PLANES, 2: DELTAS, 10: {1, 0x81}, 11: PLANES, 12: PLANES}
ENCODINGS.update({column: DICTIONARY for column in [*range(3, 10), *range(64, 128)]})
ENCODINGS.update({column: IDENTIFIERS for column in (13, 14, 15)})
# The texts in the order in which they are printed, around the function (6) and the ids.
TEXTS = ((3, "kind"), (4, "process"), (5, "peer_process"), (6, None), (7, "correlation_id"),
         (8, "ast_node_id"), (9, "node"))
FIELDS = frozenset(
    name + suffix for suffix in ("", "_hex")
    for name in ("sequence id timestamp_ns kind process peer_process module function arity "
                 "correlation_id ast_node_id node call_id parent_id second_clock attributes "
                 "data_text data_base64 data_encoding").split())


class Damage(Exception):
    """Bytes that are not what the page says; the argument is the reason."""


class Refused(Exception):
    """A file that is not read at all."""


LOST = object()  # In place of a payload whose frame is damaged.


def require(condition, reason):
    if not condition:
        raise Damage(reason)


def xxh3(data, seed=0):
    return xxhash.xxh3_64_intdigest(data, seed)


def signed(pattern):
    pattern &= MASK
    return pattern - (1 << 64) if pattern >> 63 else pattern


class Bytes:
    """Takes values from bytes, never more than there are."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        end = self.at + count
        require(end <= len(self.data), "the bytes end early")
        taken = self.data[self.at:end]
        self.at = end
        return taken

    def number(self, form):
        return struct.unpack("<" + form, self.take(struct.calcsize(form)))[0]

    def varint(self):
        value = 0
        for shift in range(0, 70, 7):
            require(self.at < len(self.data), "the bytes end early")
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                require(value <= MASK, "a varint beyond 64 bits")
                return value
        raise Damage("a varint of more than ten bytes")

    def string(self):
        return self.take(self.varint())

    def end(self, what):
        require(self.at == len(self.data), f"{what}: bytes left over")


# ---- Compression ---------------------------------------------------------------------------------


def unpack_block(data, size):
    require(size // 255 <= len(data), "an LZ4 block that claims too much")  # R19
    try:
        content = lz4.block.decompress(data, uncompressed_size=size)
    except Exception as error:  # The library has its own type, and ValueError.
        raise Damage(f"LZ4: {error}") from None
    require(len(content) == size, "an LZ4 block of another length")
    return content


def unpack_frame(data, size):
    """The content of a data frame, R17."""
    source = Bytes(data)
    descriptor = source.take(6)
    require(descriptor[:4] == b"\x04\x22\x4d\x18", "no LZ4 frame")
    flags, maximum = descriptor[4:6]
    require(flags == 0x70, f"LZ4 FLG {flags:02x}")
    wanted = next((bd for bd, most in ((0x40, 1 << 16), (0x50, 1 << 18), (0x60, MEBI))
                   if size <= most), 0x70)
    require(maximum == wanted, f"LZ4 BD {maximum:02x}")
    check = xxhash.xxh32_intdigest(descriptor[4:6]) >> 8 & 255
    require(source.number("B") == check, "LZ4 HC")
    pieces, left = [], size
    while True:
        length = source.number("I")
        if length == 0:
            break
        expected = min(left, PIECE)
        require(expected > 0, "more LZ4 blocks than the content has")
        piece = source.take(length & 0x7FFFFFFF)
        require(source.number("I") == xxhash.xxh32_intdigest(piece), "checksum of an LZ4 block")
        if length >> 31:
            require(len(piece) == expected, "a stored LZ4 block of another length")
        else:
            piece = unpack_block(piece, expected)
        pieces.append(piece)
        left -= expected
    require(left == 0, "fewer LZ4 blocks than the content has")
    source.end("LZ4 frame")
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def unpack_content(content):
    """The raw bytes of a directory or posting index."""
    source = Bytes(content)
    size = source.number("I")
    require(size <= 64 * MEBI, "raw bytes beyond 64 MiB")
    data = content[4:]
    return data if len(data) == size else unpack_block(data, size)


# ---- Columns -------------------------------------------------------------------------------------


def deltas(source, count):
    if count == 0:
        return []
    value = source.number("q")
    unit = source.varint()
    require(unit >= 1, "a unit of 0")
    data, at = source.data, source.at
    require(len(data) - at >= count - 1, "fewer bytes than values")  # R24
    values = [value]
    for _ in range(count - 1):
        if at < len(data) and data[at] < 128:
            z = data[at]
            at += 1
        else:
            source.at = at
            z = source.varint()
            at = source.at
        value += ((z >> 1) ^ -(z & 1)) * unit
        if not -(1 << 63) <= value < 1 << 63:
            value = signed(value)
        values.append(value)
    source.at = at
    return values


def planes(source, count):
    width = source.number("B")
    require(width <= 4, "more than four planes")
    parts = [source.take(count) for _ in range(width)]
    if width == 0:
        return bytes(count)
    if width == 1:
        return parts[0]
    rows = bytearray(4 * count)
    for place, part in enumerate(parts):
        rows[place::4] = part
    return struct.unpack(f"<{count}I", rows)


def front_coded(source, before):
    shared = source.varint()
    require(shared <= len(before), "a prefix longer than the entry before")
    entry = before[:shared] + source.string()
    require(len(entry) <= MEBI, "an entry longer than 1 MiB")
    return entry


def dictionary(source, count, room, is_checked):
    """The entries, with None for code 0 at the front, and the code of each row."""
    entry_count = source.varint()
    require(entry_count <= count, "more entries than rows")
    entries, entry = [None], b""
    for _ in range(entry_count):
        before, entry = entry, front_coded(source, entry)
        room[0] -= len(entry)
        require(room[0] >= 0, "dictionaries of more than 32 MiB")  # R26
        if is_checked:
            require(len(entries) == 1 or before < entry, "entries that do not ascend")
        entries.append(entry)
    codes = source.take(count)
    if entry_count > 255:
        codes = [low | high << 8 for low, high in zip(codes, source.take(count))]
    require(not codes or max(codes) <= entry_count, "a code beyond the entries")
    if is_checked:
        require(len(set(codes) - {0}) == entry_count, "an entry that no row uses")
    return entries, codes


def identifiers(source, count, encoding):
    if encoding == 5:
        lengths = [source.varint() for _ in range(count)]
        require(max(lengths, default=0) <= 4096, "an identifier longer than 4,096 bytes")
        return [source.take(length) for length in lengths]
    require(count > 0, "identifier planes without values")
    form, width = source.take(2)
    require(form <= 2, f"identifier form {form}")
    require(width > 0 and (form != 2 or width == 16), f"identifiers of {width} bytes")
    modes = source.take(width)
    require(max(modes) <= 1, "an unknown mode of a plane")
    require(len(source.data) - source.at >= count * width, "the bytes end early")
    packed = bytearray(count * width)
    for place, mode in enumerate(modes):
        plane = source.take(count)
        packed[place::width] = bytes(x & 255 for x in accumulate(plane)) if mode else plane
    packed = bytes(packed)
    if form:
        packed = packed.hex().encode()
        width *= 2
    values = [packed[at:at + width] for at in range(0, len(packed), width)]
    if form == 2:
        values = [b"-".join((v[:8], v[8:12], v[12:16], v[16:20], v[20:])) for v in values]
    return values


def present(source, count):
    """The rows that have a value."""
    bitmap = int.from_bytes(source.take((count + 7) // 8), "little")
    require(bitmap >> count == 0, "unused bits of a bitmap")
    return [row for row, bit in enumerate(reversed(format(bitmap, f"0{count}b"))) if bit == "1"]


def spread(source, count, encoding, decode):
    """The values of a column that may have the presence flag, None where there is none."""
    if not encoding & 0x80:
        return decode(count)
    rows = present(source, count)
    values = [None] * count
    for row, value in zip(rows, decode(len(rows))):
        values[row] = value
    return values


class Rows:
    """The decoded columns and payloads of a block."""

    def __init__(self, header, frames, is_checked, damages=()):
        count = self.count = header.record_count
        self.damages = damages  # What is wrong with payload frames, which then are None.
        source = Bytes(frames[0])
        room = [32 * MEBI]
        columns = {}
        for column, encoding, size in header.columns:
            data = Bytes(source.take(size))
            if column not in ENCODINGS:
                continue
            try:
                require(encoding in ENCODINGS[column], f"encoding {encoding:02x}")  # R20
                kind = encoding & 0x7F
                if kind == 1:
                    values = spread(data, count, encoding, lambda n: deltas(data, n))
                elif kind == 2:
                    values = planes(data, count)
                elif kind == 3:
                    values = dictionary(data, count, room, is_checked)
                    longest = max((len(e) for e in values[0] if e is not None), default=0)
                    most = MEBI if column >= 64 else 8208 if column == 6 else 4096
                    require(longest <= most, "a text that is too long")  # R26
                else:
                    values = spread(data, count, encoding, lambda n: identifiers(data, n, kind))
                    if column != 13:
                        require(all(v is None or 1 <= len(v) <= 255 for v in values),
                                "an id that is empty or longer than 255 bytes")
                data.end("column")  # R21
            except Damage as damage:
                raise Damage(f"column {column}: {damage}") from None
            columns[column] = values
        require(2 in columns, "no timestamps")
        self.columns = columns
        self.timestamps = columns[2]
        self.types = columns.get(1) or bytes(count)
        self.encodings = columns.get(11) or bytes(count)
        require(max(self.types) <= 255 and max(self.encodings) <= 255, "a type above 255")  # R23
        self.payloads = self.split(header, frames[1:])

    def split(self, header, frames):
        if 12 not in self.columns:
            require(not frames, "payloads without their lengths")
            return [None] * self.count
        lengths, payloads = self.columns[12], []
        starts = [row for row, _, _, _ in header.frames[1:]] + [self.count]
        require(frames or max(lengths) <= 1, "payloads without a frame")  # R29
        if not frames:
            return [b"" if length else None for length in lengths]
        sizes = [size for _, size, _, _ in header.frames[1:]]
        for start, end, data, size in zip(starts, starts[1:], frames, sizes):
            at = 0
            for length in lengths[start:end]:
                if length == 0:
                    payloads.append(None)
                    continue
                is_lost = data is None and length > 1
                payloads.append(LOST if is_lost else (data or b"")[at:at + length - 1])
                at += length - 1
            require(at == size, "payloads that do not fill their frame")
        return payloads

    def lost(self):
        """The rows that cannot be given, their payloads being damaged."""
        return [row for row, payload in enumerate(self.payloads) if payload is LOST]

    def keys(self, column, types):
        """Each key of the column with the number of rows that have it, as an index lists them."""
        if column not in self.columns:
            return Counter()
        if column in (13, 14, 15):
            return Counter(value for value in self.columns[column] if value is not None)
        entries, codes = self.columns[column]
        counts = Counter(codes)
        counts.pop(0, None)
        if column < 64:
            return Counter({entries[code]: count for code, count in counts.items()})
        keys = Counter()
        for code, count in counts.items():
            for key in set(attribute_values(entries[code], types.get(column - 64))[0] or ()):
                keys[key] += count
        return keys


# ---- Attributes and control records --------------------------------------------------------------


def attribute_values(entry, kind):
    """The bytes of each value and whether there may be several; None when malformed (R30)."""
    if not entry or entry[0] > 1 or kind is None:
        return None, False
    source = Bytes(entry)
    try:
        several = source.number("B") == 1
        values = [source.string() for _ in range(source.varint())] if several else [entry[1:]]
        if several:
            source.end("values")
    except Damage:
        return None, False
    for value in values:
        size = len(value)
        if size != (None, 8, 8, 1, None)[kind] if kind in (1, 2, 3) else size > 4096:
            return None, False
        if kind == 3 and value[0] > 1:
            return None, False
    return values, several


def json_text(text):
    return json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass")


def field(name, value):
    """`,"name":"value"`, the value being bytes."""
    try:
        return b',"%s":%s' % (name.encode(), json_text(value.decode()))
    except UnicodeDecodeError:
        return b',"%s_hex":"%s"' % (name.encode(), value.hex().encode())


def attribute_json(name, entry, kind):
    values, several = attribute_values(entry, kind)
    if values is None:
        return b""
    shown = []
    for value in values:
        if kind == 0:
            try:
                shown.append(value.decode())
            except UnicodeDecodeError:
                return b""
        elif kind == 1:
            shown.append(struct.unpack("<q", value)[0])
        elif kind == 2:
            number = struct.unpack("<d", value)[0]
            finite = abs(number) < float("inf")
            shown.append(number if finite else {"double_bits": value[::-1].hex()})
        elif kind == 3:
            shown.append(value == b"\x01")
        else:
            shown.append({"base64": base64.b64encode(value).decode()})
    return b"%s:%s" % (json_text(name), json_text(shown if several else shown[0]))


def function_json(key):
    """Module, name and arity of a function key, R27."""
    parts = key.split(b"\xff", 2)
    if len(parts) < 3:
        return field("function", key)
    line = b"".join(
        field(name, part) for name, part in zip(("module", "function"), parts) if part != b"\xfe")
    digits = re.match(rb"0*([0-9]*)", parts[2])
    if digits.group() and len(digits[1]) <= 5 and int(digits[1] or b"0") <= 65534:
        line += b',"arity":%d' % int(digits[1] or b"0")
    return line


def reject(constant):
    raise ValueError(constant)


JSON = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=reject)


def payload_json(payload, encoding):
    try:
        if encoding == 1:
            return b',"data_text":' + json_text(payload.decode())
        if encoding in (2, 3) and b"\n" not in payload and b"\r" not in payload:
            text = payload.decode()
            if encoding == 2:
                JSON.decode(text)
                return b',"data":' + payload
            members = JSON.decode("{" + text + "}")
            if members and FIELDS.isdisjoint(members):
                return b"," + payload
    except (ValueError, RecursionError):
        pass
    return b',"data_base64":"%s","data_encoding":%d' % (base64.b64encode(payload), encoding)


def read_run(source):
    run = {"id": f"{source.number('Q'):016x}", "first_sequence": source.varint(),
           "last_sequence": source.varint(), "start_wall_ns": source.number("q"),
           "start_monotonic_ns": source.number("q"), "end_wall_ns": source.number("q")}
    end = source.number("B")
    require(end <= 2, "an unknown end of a run")
    run["end"] = ("open", "closed", "crashed")[end]
    run["process_id"] = source.number("i")
    host = source.string()
    require(len(host) <= 255, "a host name longer than 255 bytes")
    run["host"] = host.decode(errors="replace")
    return run


def read_run_end(source):
    return {"wall_ns": source.number("q"), "monotonic_ns": source.number("q")}


def read_gap(source):
    return {"events": source.varint(), "from_ns": source.number("q"), "to_ns": source.number("q")}


def read_loss(source):
    first, more = source.varint(), source.varint()
    return {"first_sequence": first, "last_sequence": first + more}


def read_cut(source):
    form, moment, sequence = source.number("B"), source.number("q"), source.varint()
    require(form <= 1, "an unknown form of a cut")
    return {"before_sequence": sequence, **({} if form else {"before_ns": moment})}


def read_drop(source):
    return {"lower_bound": source.varint(), "events": source.varint()}


def read_sync(source):
    return {"watermark": source.varint()}


def read_configuration(source):
    count = source.varint()
    require(count <= 64, "more than 64 attributes")
    attributes = []
    for _ in range(count):
        name, kind, indexed = source.string(), source.number("B"), source.number("B")
        require(1 <= len(name) <= 255 and kind <= 4 and indexed <= 1, "a malformed attribute")
        attributes.append({"name": name.decode(errors="replace"), "type": kind,
                           "is_indexed": bool(indexed)})
    require(len({a["name"] for a in attributes}) == count, "two attributes of one name")
    return {"attributes": attributes}


def read_roles(source):
    count = source.varint()
    require(count <= 64, "more than 64 roles")
    roles = {}
    for _ in range(count):
        kind = source.string()
        require(len(kind) <= 64, "a kind longer than 64 bytes")
        roles[kind.decode(errors="replace")] = source.number("B")
    return {"roles": roles}


CONTROL = {1: ("run_start", read_run), 2: ("run_end", read_run_end), 3: ("gap", read_gap),
           4: ("cut", read_cut), 5: ("drop", read_drop), 6: ("sync_mark", read_sync),
           7: ("configuration", read_configuration), 8: ("roles", read_roles)}


class Removal:
    """What cuts and drops have removed (R39)."""

    def __init__(self):
        self.lower, self.cuts = 0, []

    def add_drop(self, drop):
        self.lower = max(self.lower, drop["lower_bound"])

    def add_cut(self, cut):
        if "before_ns" not in cut:
            self.lower = max(self.lower, cut["before_sequence"])
        elif (new := (cut["before_sequence"], cut["before_ns"])) not in self.cuts:
            self.cuts = [c for c in self.cuts if c[0] > new[0] or c[1] > new[1]] + [new]

    def covers(self, sequence, timestamp):
        return sequence < self.lower or any(
            sequence < bound and timestamp < moment for bound, moment in self.cuts)


# ---- Frames --------------------------------------------------------------------------------------


class Frame:
    def __init__(self, at, length, kind, version, flags):
        self.at, self.end, self.kind, self.version, self.flags = (
            at, at + 8 + length, kind, version, flags)

    @property
    def is_known(self):
        return self.version == 0 and HEADER <= self.kind <= STATE


class Block:
    """A block header: R14 and R15."""

    def __init__(self, frame, content):
        source = Bytes(content)
        (self.first, self.record_count, self.event_count, self.minimum, self.maximum, self.arrival,
         self.watermark, self.run, codec, encryption, slot, column_count, frame_count
         ) = struct.unpack("<QIIqqqQQBBHHH", source.take(64))
        self.at, self.data_at = frame.at, frame.end
        self.columns = [struct.unpack("<BBI", source.take(6)) for _ in range(column_count)]
        self.frames = [struct.unpack("<IIIQ", source.take(20)) for _ in range(frame_count)]
        source.end("block header")
        rows = [row for row, _, _, _ in self.frames]
        raw = [size for _, size, _, _ in self.frames]
        self.raw_size = sum(raw)
        self.end = self.data_at + sum(stored for _, _, stored, _ in self.frames)
        self.last = self.first + self.record_count - 1
        for condition, reason in (
            (codec == 1 and encryption == 0 and slot == 0, "codec or encryption"),
            (1 <= self.record_count <= 65535, "the number of records"),
            (self.event_count <= self.record_count, "more events than records"),
            (1 <= self.first and self.last < 1 << 62, "sequence numbers"),
            (self.minimum <= self.maximum, "the range of timestamps"),
            (frame_count >= 1, "no frame"),
            (max(raw, default=0) <= 32 * MEBI and self.raw_size <= 64 * MEBI, "too many bytes"),
            (all(size // 255 <= stored <= size + 8 * -(-size // PIECE) + 11
                 for _, size, stored, _ in self.frames), "the bytes of a data frame"),
            (not any(rows[:2]) and all(a < b for a, b in zip(rows[1:], rows[2:]))
             and max(rows, default=0) < self.record_count, "the first rows of frames"),
            (sum(size for _, _, size in self.columns) == sum(raw[:1]), "the bytes of columns"),
            (self.watermark < self.first, "a watermark that is not below it"),
            (len({column for column, _, _ in self.columns}) == column_count, "a column twice"),
            (all(column < 128 for column, _, _ in self.columns), "a column above 127"),
        ):
            require(condition, f"block header: {reason}")

    def entry(self):
        """What a directory says of it."""
        return (self.at, self.end - self.at, self.first, self.record_count, self.event_count,
                self.minimum, self.maximum, self.arrival)


class Segment:
    """One file. What is damaged goes to `report`, and what can be read is yielded."""

    def __init__(self, path, report):
        self.path, self.report = path, report
        self.file = open(path, "rb", buffering=0)
        try:
            self.open()
        except BaseException:
            self.file.close()
            raise

    def open(self):
        self.size = os.fstat(self.file.fileno()).st_size
        self.watermark, self.trailer, self.is_sealed = 0, None, False
        self.attributes, self.is_sure, self.is_whole = [], True, True
        self.removal = Removal()
        head = self.read(0, min(72, self.size))
        if head[20:28] != SIGNATURE:  # R11
            raise Refused("not a segment of a Reel recording")
        version = int.from_bytes(head[28:30], "little") if len(head) >= 30 else VERSION
        head = head.ljust(72, b"\0")
        reserved, self.recording, self.salt, self.first, self.created = struct.unpack(
            "<H16sQQq", head[30:])
        self.start = 72
        try:
            frame = self.frame(0)
            if version != VERSION:  # Only a whole header says so (R11).
                raise Refused(f"format version {version}; this reads version {VERSION}")
            require(frame.kind == HEADER and frame.is_known and reserved == 0, "header")
            require(1 <= self.first <= 1 << 62, "first sequence number")
        except Damage as damage:
            self.report(self, 0, min(72, self.size), f"segment header: {damage}")
            self.is_whole = False
        else:
            name = NAME.match(os.path.basename(self.path))
            if name and int(name[1]) != self.first:  # R6
                raise Refused(f"its name says {int(name[1])}, its header {self.first}")
        if self.size > 72:
            try:
                frame = self.frame(72)
                require(frame.kind == STATE and frame.is_known, "not there")
                self.read_state(self.content(frame))
                self.start = frame.end
                return
            except Damage as damage:
                self.report(self, 72, None, f"state: {damage}")
        self.is_sure = False

    def read(self, at, count):
        parts = []
        while count > 0:
            part = os.pread(self.file.fileno(), min(count, 64 * MEBI), at)
            require(part, "the file ends early")
            parts.append(part)
            at += len(part)
            count -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def frame(self, at):
        """The frame at an offset, its checksum being right (R8); its content is not kept."""
        require(at + 20 <= self.size, "no whole frame")
        magic, length, kind, version, flags, checksum = struct.unpack("<4sIHBBQ", self.read(at, 20))
        require(magic == MAGIC, "no frame")
        require(12 <= length <= 1 << 26 and at + 8 + length <= self.size, "the length of a frame")
        fits = {HEADER: length == 64, STATE: length <= 12 + (64 << 10), TRAILER: length == 108}
        require(version > 0 or fits.get(kind, True), "a length that does not fit the type")
        if kind == BLOCK and version == 0:  # R45
            require(length >= 96, "a length that does not fit the type")
            columns, frames = struct.unpack("<HH", self.read(at + 80, 4))
            require(length == 76 + 6 * columns + 20 * frames, "a length that does not fit the type")
        seed = xxh3(struct.pack("<16sQQHBB", self.recording, self.salt, at, kind, version, flags))
        digest, place, end = xxhash.xxh3_64(seed=seed), at + 20, at + 8 + length
        while place < end:
            part = self.read(place, min(end - place, MEBI))
            digest.update(part)
            place += len(part)
        require(digest.intdigest() == checksum, "checksum of a frame")
        require(flags & 0xFE == 0, "reserved flags of a frame")
        return Frame(at, length, kind, version, flags)

    def content(self, frame):
        return self.read(frame.at + 20, frame.end - frame.at - 20)

    def find_frame(self, at):
        """The first whole frame at or behind an offset, within a bound on what is hashed (R45)."""
        allowance = 4 * self.size + 64 * MEBI
        while at < self.size:
            window = self.read(at, min(MEBI, self.size - at))
            place = window.find(MAGIC)
            while place >= 0 and allowance > 0:
                if at + place + 20 <= self.size:
                    allowance -= int.from_bytes(self.read(at + place + 4, 4), "little")
                try:
                    frame = self.frame(at + place)
                    if frame.kind > HEADER:
                        return frame.at
                except Damage:
                    pass
                place = window.find(MAGIC, place + 1)
            if allowance <= 0 or at + len(window) >= self.size:
                break
            at += len(window) - 3
        return self.size

    def read_state(self, content):
        require(len(content) <= 64 << 10, "more than 64 KiB")
        source = Bytes(content)

        def several(limit, read):
            count = source.varint()
            require(count <= limit, "too many entries")
            return [read(source) for _ in range(count)]

        state = {"runs": several(128, read_run), "forgotten_runs": source.varint(),
                 "gaps": several(256, read_gap), "dropped_events": source.varint(),
                 "cuts": several(512, read_cut), "removed": read_drop(source),
                 "losses": several(256, read_loss),
                 "watermark": source.varint(), **read_configuration(source),
                 **read_roles(source)}
        source.end("state")
        self.state = state
        self.attributes = state["attributes"]
        self.watermark = state["watermark"]
        self.removal.add_drop(state["removed"])
        for cut in state["cuts"]:
            self.removal.add_cut(cut)

    def apply(self, kind, record, sequence):
        """The state after a control record, as far as it matters here."""
        if kind == 4:
            self.removal.add_cut(record)
        elif kind == 5:
            self.removal.add_drop(record)
        elif kind == 6 and record["watermark"] < sequence:
            self.watermark = max(self.watermark, record["watermark"])
        elif kind == 7:
            known = {a["name"]: a for a in self.attributes}
            new = [a for a in record["attributes"] if a["name"] not in known]
            if any(known.get(a["name"], a)["type"] != a["type"] for a in record["attributes"]) or (
                    len(known) + len(new) > 64):
                return
            for attribute in record["attributes"]:
                if attribute["name"] in known:
                    known[attribute["name"]]["is_indexed"] = attribute["is_indexed"]
            if self.is_sure:  # Otherwise their places are not known.
                self.attributes = self.attributes + new

    # Where the blocks are.

    def walk(self):
        """Every frame and block, from one to the next. For damage: (from, to, reason, whether it
        may be a torn tail)."""
        at, last = self.start, self.first - 1
        while at < self.size:
            start, frame = at, None
            try:
                frame = self.frame(at)
                at, part = frame.end, frame
                if frame.kind == BLOCK and frame.is_known:
                    part = Block(frame, self.content(frame))
                    require(part.end <= self.size, "a block that exceeds the file")
                    at = part.end
                    require(part.first > last, "sequence numbers that do not ascend")
                    last = part.last
                else:
                    require(frame.kind not in (HEADER, STATE), "a frame out of place")
                    require(frame.is_known or not frame.flags & 1,
                            f"type {frame.kind}, version {frame.version}: this cannot read it")
                yield part
            except Damage as damage:
                if frame is None:
                    at = self.find_frame(at + 1)
                yield start, at, str(damage), frame is None or frame.kind == BLOCK

    def read_trailer(self, frame):
        require(frame.kind == TRAILER and frame.is_known, "not a trailer")
        names = ("kind", "directory_size", "directory_at", "first", "records", "events", "minimum",
                 "maximum", "first_arrival", "last_arrival", "raw_size", "watermark", "reserved")
        trailer = dict(zip(names, struct.unpack("<IIQQQQqqqqQQQ", self.content(frame))))
        trailer["at"] = frame.at
        require(trailer["kind"] <= 1 and trailer["reserved"] == 0, "kind or reserved")  # R37
        require(trailer["directory_at"] + trailer["directory_size"] <= frame.at, "directory")
        require(trailer["first"] == self.first, "first sequence number")
        require(trailer["events"] <= trailer["records"] <= 1 << 62, "counts")
        most = max(0, trailer["directory_at"] - 72) // 110 * 65535
        require(trailer["events"] <= most, "more events than there is room for")
        require(trailer["raw_size"] <= min(1 << 62, 256 * trailer["directory_at"]), "raw bytes")
        require(trailer["watermark"] < trailer["first"] + trailer["records"], "watermark")
        return trailer

    def end(self):
        """The trailer at the end of the file, or None."""
        at = self.size - 116
        if at < 72 or self.read(at, 4) != MAGIC:
            return None
        try:
            frame = self.frame(at)
            if frame.kind == TRAILER and frame.is_known:
                self.trailer = self.read_trailer(frame)
                self.watermark = max(self.watermark, self.trailer["watermark"])
                self.is_sealed = self.trailer["kind"] == 1
        except Damage as damage:
            self.report(self, at, self.size, f"trailer: {damage}")
        return self.trailer

    def directory(self):
        """The entries and index parts of the directory that the trailer names (R31)."""
        trailer = self.trailer
        frame = self.frame(trailer["directory_at"])
        require(frame.kind == DIRECTORY and frame.is_known, "not a directory")
        require(frame.end - frame.at == trailer["directory_size"], "its length")
        source = Bytes(unpack_content(self.content(frame)))
        count = source.varint()
        require(count <= 1 << 22 and count * 110 <= frame.at, "the number of blocks")
        columns = []
        for _ in range(8):
            column = Bytes(source.string())
            columns.append(deltas(column, count))
            column.end("column")
        entries = list(zip(*columns))
        end, last = 72, self.first - 1
        for at, size, first, records, events, _, _, _ in entries:
            require(at >= end and size > 0 and at + size <= frame.at, "the place of a block")
            require(1 <= records <= 65535 and 0 <= events <= records, "the counts of a block")
            require(last < first <= 1 << 62, "sequence numbers that do not ascend")
            end, last = at + size, first + records - 1
        part_count = source.varint()
        require(part_count * 20 <= frame.at, "the number of parts")
        parts = []
        for _ in range(part_count):
            column, form = source.take(2)
            part = (column, form, *(source.varint() for _ in range(4)))
            _, _, at, size, first, blocks = part
            require(form in (1, 2), "the form of a part")
            require(at + size <= frame.at and first + blocks <= count, "the range of a part")
            parts.append(part)
        context_count = source.varint()
        require(context_count <= count, "the number of contexts")
        end = 72
        for _ in range(context_count):
            at, size = source.varint(), source.varint()
            source.take(8)  # The greatest timestamp before it: only a question of time asks.
            require(end <= at and at + size <= frame.at, "the place of a context")
            end = at + size
        source.end("directory")
        return entries, parts

    def block(self, entry):
        """The block of a directory entry (R32)."""
        frame = self.frame(entry[0])
        require(frame.kind == BLOCK and frame.is_known, "not a block")
        return Block(frame, self.content(frame))

    def rows(self, block, is_checked=False):
        """The content of a block, every checksum being right but those of payload frames."""
        at, frames, damages = block.data_at, [], []
        for number, (_, size, stored, checksum) in enumerate(block.frames):
            require(at + stored <= self.size, "a data frame that exceeds the file")
            data = self.read(at, stored)
            try:
                require(xxh3(data) == checksum, "checksum")
                frames.append(unpack_frame(data, size))
            except Damage as damage:
                reason = f"data frame {number} at {at}: {damage}"
                if number == 0:
                    raise Damage(reason) from None
                damages.append(reason)
                frames.append(None)
            at += stored
        return Rows(block, frames, is_checked, damages)

    def is_newest(self):
        """Whether the folder has no later segment, so that it may end in a torn tail (R41)."""
        folder = os.path.dirname(os.path.abspath(self.path))
        names = (NAME.match(name) for name in os.listdir(folder))
        return all(int(name[1]) <= self.first for name in names if name)


# ---- Indexes -------------------------------------------------------------------------------------


def fingerprint_entries(source):
    """The bits of a bucket and of a fingerprint, and each entry: both together, and its ordinal."""
    keys, bucket_bits, mark_bits, ordinal_bits = (source.number(form) for form in "IBBB")
    require(bucket_bits <= 28 and 1 <= mark_bits <= 24 and ordinal_bits <= 32,
            "the head of fingerprints")
    counts = source.take(1 << bucket_bits)
    require(sum(counts) == keys, "buckets that do not add up")  # R36
    bits = mark_bits + ordinal_bits
    packed = source.take((keys * bits + 7) // 8)
    source.end("fingerprints")

    def entries():
        bucket_of = (bucket for bucket, count in enumerate(counts) for _ in range(count))
        for number, bucket in enumerate(bucket_of):
            first = number * bits
            chunk = int.from_bytes(packed[first >> 3:(first + bits + 7) >> 3], "little")
            entry = chunk >> (first & 7) & ((1 << bits) - 1)
            yield bucket << mark_bits | entry & ((1 << mark_bits) - 1), entry >> mark_bits

    return (bucket_bits, mark_bits), entries()


class Index:
    """An index part, to be compared with the blocks that it covers."""

    def __init__(self, segment, part):
        self.column, self.form, at, size, self.first, self.blocks = part
        self.at = at
        frame = segment.frame(at)
        require(frame.kind == INDEX and frame.is_known, "not an index")
        require(frame.end - frame.at == size, "its length")
        content = segment.content(frame)
        self.listed = {}
        if self.form == 1:
            self.read_postings(Bytes(unpack_content(content)))
        else:
            self.read_fingerprints(Bytes(content))

    def read_postings(self, source):
        room, key, is_first = 64 * MEBI, b"", True
        for _ in range(source.varint()):
            before, key = key, front_coded(source, key)
            require(is_first or before < key, "keys that do not ascend")
            room, is_first = room - len(key), False
            require(room >= 0, "keys of more than 64 MiB")  # R35
            total, count, ordinal, rows = source.varint(), source.varint(), -1, 0
            require(count >= 1, "a key without blocks")
            for place in range(count):
                step = source.varint()
                require(step > 0 or place == 0, "ordinals that do not ascend")
                ordinal = step if place == 0 else ordinal + step
                require(ordinal < self.blocks, "an ordinal that the part does not cover")
                in_block = source.varint()
                require(in_block <= 65535, "more rows than a block has")
                self.listed.setdefault(ordinal, Counter())[key] = in_block
                rows += in_block
            require(rows == total, "rows that do not add up")
        source.end("index")

    def read_fingerprints(self, source):
        self.bits, entries = fingerprint_entries(source)
        require(self.bits[1] == 16, "the bits of a fingerprint")
        for mark, ordinal in entries:
            require(ordinal < self.blocks, "an ordinal that the part does not cover")
            self.listed.setdefault(ordinal, Counter())[mark] += 1

    def check(self, ordinal, rows, types):
        """Compares the block with what the part says of it, in both directions (R33)."""
        ordinal -= self.first
        if not 0 <= ordinal < self.blocks:
            return
        keys, listed = rows.keys(self.column, types), self.listed.pop(ordinal, Counter())
        if self.form == 2:
            marks = Counter()
            for key, count in keys.items():
                mark = xxh3(key) >> 64 - sum(self.bits)
                marks[mark] += count if self.column == 15 else 1
            keys = marks
        require(listed == keys,
                f"index of column {self.column}, form {self.form}: block {ordinal + self.first} "
                f"has {len(keys - listed)} keys that it lacks and lacks {len(listed - keys)} of its")


# ---- The program ---------------------------------------------------------------------------------


class Reader:
    def __init__(self, options, output):
        self.options, self.output, self.status = options, output, 0
        self.recordings, self.removals = {}, {}

    def say(self, segment, begin, end, reason):
        """Reports damage."""
        self.damages += 1
        if not self.status:
            self.status = 4
        extent = f"offset {begin}" + (f" to {end}" if end is not None else "")
        self.message(segment.path, f"{extent}: {reason}")

    def message(self, path, text):
        self.output.flush()
        print(f"read_segment: {path}: {text}", file=sys.stderr)

    def gather(self, path):
        """Adds what the control records of a file remove (R39), saying nothing of damage."""
        segment = Segment(path, lambda *_: None)
        with segment.file:
            entries = self.entries(segment) if segment.end() else None
            for block in self.blocks(segment, entries, lambda *_: None):
                if block.event_count < block.record_count:
                    try:
                        rows = segment.rows(block)
                    except Damage:
                        continue
                    for row, kind in enumerate(rows.types):
                        if kind in (4, 5) and rows.payloads[row] is not LOST:
                            self.control(segment, rows, row, block, lambda *_: None)
            removal = self.removals.setdefault(segment.recording, Removal())
            removal.add_drop({"lower_bound": segment.removal.lower})
            for bound, moment in segment.removal.cuts:
                removal.add_cut({"before_sequence": bound, "before_ns": moment})

    def blocks(self, segment, entries, lost):
        """The blocks by the directory, or else by walking; `lost` hears of what is between."""
        for part in segment.walk() if entries is None else entries:
            if isinstance(part, Block):
                yield part
            elif isinstance(part, Frame):
                if part.kind == TRAILER and part.is_known:
                    try:
                        trailer = segment.read_trailer(part)
                    except Damage as damage:
                        lost(part.at, part.end, f"trailer: {damage}", False)
                        continue
                    segment.watermark = max(segment.watermark, trailer["watermark"])
                    segment.is_sealed = segment.is_sealed or trailer["kind"] == 1
                    lost(part.end, part.end, None, False)
                    if trailer["kind"] == 1 and part.end < segment.size:
                        lost(part.end, segment.size, "bytes behind a seal", False)
            elif entries is None:
                lost(*part)
            else:
                at, size, first, records, events = part[:5]
                try:
                    yield segment.block(part)
                except Damage as damage:
                    lost(at, at + size, str(damage), False, first, first + records - 1,
                         records > events)

    def entries(self, segment):
        """The directory, when it agrees with every block header that can be read."""
        at = segment.trailer["directory_at"]
        try:
            entries, parts = segment.directory()
            for entry in entries:
                try:
                    block = segment.block(entry)
                except Damage:
                    continue
                require(block.entry() == entry, f"it disagrees with the block at {entry[0]}")
            self.parts = parts
            return entries
        except Damage as damage:
            segment.report(segment, at, None, f"directory: {damage}")
            return None

    def read(self, path):
        """Prints one file."""
        self.damages = 0
        segment = Segment(path, self.say)
        with segment.file:
            folder = os.path.dirname(os.path.abspath(path))
            if self.recordings.setdefault(folder, segment.recording) != segment.recording:  # R12
                raise Refused("of another recording than the files before it")
            self.read_segment(segment)

    def read_segment(self, segment):
        options, removal = self.options, self.removals.get(segment.recording, Removal())
        total = Counter()
        first = last = minimum = maximum = None
        pending, seen = [], []
        entries, indexes, self.parts = None, [], []

        def lost(begin, end, reason, may_tear, low=None, high=None, has_control=True, *rest):
            if not may_tear:  # A trailer, or something else that a crash does not leave.
                settle(True)
            if reason is None:
                return
            segment.is_sure = segment.is_sure and not has_control
            if pending and pending[-1][1] == begin and low is None:
                pending[-1][1] = end
            else:
                low = low or (segment.first if last is None else last + 1)
                pending.append([begin, end, reason, low, high, *rest])
            if not may_tear:
                settle(True)

        def settle(is_damage, following=None, is_settled=True):
            nonlocal tail
            for begin, end, reason, low, high, *rest in list(pending):
                high = high or following and following - 1
                if is_damage:
                    numbers = f"sequence numbers from {low}" + (f" to {high}" if high else "")
                    self.say(segment, begin, end, f"{reason}; {numbers}")
                else:
                    tail = True
                    self.message(segment.path, f"offset {begin} to {end}: torn tail: {reason}")
                if is_damage and rest and (is_settled or rest[0].last <= segment.watermark):
                    take(*rest)
            pending.clear()

        def take(block, rows):
            """The rows of a block whose payloads, or some of them, can be read."""
            nonlocal first, last, minimum, maximum
            segment.watermark = max(segment.watermark, block.watermark)
            if last is not None and block.first != last + 1 or last is None and (
                    block.first != segment.first):
                missing = segment.first if last is None else last + 1
                if options.check:
                    self.message(segment.path, f"offset {block.at}: no record {missing} to "
                                 f"{block.first - 1}")
            first = block.first if first is None else first
            last = block.last
            stamps = [stamp for stamp, kind in zip(rows.timestamps, rows.types) if kind == 0]
            low, high = min(stamps, default=0), max(stamps, default=0)
            if options.check and (len(stamps), low, high) != (
                    block.event_count, block.minimum, block.maximum):
                self.say(segment, block.at, block.end, "header and rows disagree about events")
            if stamps:
                minimum = low if minimum is None else min(minimum, low)
                maximum = high if maximum is None else max(maximum, high)
            lost_count = sum(rows.types[row] == 0 for row in rows.lost())
            total.update(
                records=block.record_count, events=len(stamps) - lost_count, blocks=1)
            total["removed"] += self.show(segment, block, rows, removal)
            types = {i: a["type"] for i, a in enumerate(segment.attributes)}
            for index in indexes:
                if block.at in ordinals:
                    try:
                        index.check(ordinals[block.at], rows, types)
                    except Damage as damage:
                        self.say(segment, index.at, None, str(damage))

        tail = False
        if segment.end() and (options.check or not options.walk):
            entries = self.entries(segment)
        if options.check:
            for part in self.parts:
                if part[3] == 0:  # R33: values that no index lists
                    continue
                try:
                    indexes.append(Index(segment, part))
                except Damage as damage:
                    self.say(segment, part[2], part[2] + part[3], f"index: {damage}")
        ordinals = {entry[0]: number for number, entry in enumerate(entries or ())}
        for block in self.blocks(segment, None if options.walk else entries, lost):
            try:
                rows = segment.rows(block, options.check)
            except Damage as damage:
                lost(block.at, block.end, str(damage), segment.trailer is None, block.first,
                     block.last, block.event_count < block.record_count)
                continue
            missing = rows.lost()
            if missing:
                # Its rows are given once it is known that it is no torn tail.
                lost(block.at, block.end, "; ".join(rows.damages), segment.trailer is None,
                     block.first + missing[0], block.first + missing[-1],
                     any(rows.types[row] for row in missing), block, rows)
                continue
            settle(True, block.first)
            for damage in rows.damages:  # Of payloads that nobody has.
                self.say(segment, block.at, block.end, damage)
            seen.append((block.entry(), block.raw_size))
            take(block, rows)
        is_settled = segment.is_sealed or not segment.is_whole or not segment.is_newest()
        settle(is_settled or any(low <= segment.watermark for _, _, _, low, *_ in pending),
               None, is_settled)
        if not options.check:
            self.verify_parts(segment)
        elif segment.trailer:
            self.check(segment, entries, seen, total, minimum, maximum)
        if options.summary:
            trailer = segment.trailer and ("checkpoint", "seal")[segment.trailer["kind"]]
            self.line({
                "file": segment.path, "recording": segment.recording.hex(),
                "first_sequence": first, "last_sequence": last, "records": total["records"],
                "events": total["events"], "removed_events": total["removed"],
                "minimum_timestamp_ns": minimum, "maximum_timestamp_ns": maximum,
                "blocks": total["blocks"], "trailer": trailer, "torn_tail": tail,
                "damages": self.damages})

    def verify_parts(self, segment):
        for column, _, at, size, _, _ in self.parts:
            if size == 0:  # R33: values that no index lists
                continue
            try:
                frame = segment.frame(at)
                require(frame.kind == INDEX and frame.end - at == size, "not what its part says")
            except Damage as damage:
                self.say(segment, at, at + size, f"index of column {column}: {damage}")

    def check(self, segment, entries, seen, total, minimum, maximum):
        """The trailer and the directory against the blocks, found by walking."""
        trailer, quiet = segment.trailer, []
        for part in segment.walk():
            if isinstance(part, Block):
                quiet.append(part)
            elif isinstance(part, tuple) and not self.damages:
                self.say(segment, *part[:3])
        if entries is not None and [b.entry() for b in quiet] != entries and not self.damages:
            self.say(segment, trailer["directory_at"], None, "directory: not the file's blocks")
        arrivals = [entry[7] for entry, _ in seen]
        far, near = (1 << 63) - 1, -(1 << 63)
        found = {
            "records": seen[-1][0][2] + seen[-1][0][3] - segment.first if seen else 0,
            "events": total["events"],
            "minimum": far if minimum is None else minimum,
            "maximum": near if maximum is None else maximum,
            "first_arrival": min(arrivals, default=far),
            "last_arrival": max(arrivals, default=near),
            "raw_size": sum(size for _, size in seen)}
        is_whole = [block.entry() for block in quiet] == [entry for entry, _ in seen]
        for name, value in found.items():
            if is_whole and trailer[name] != value:
                self.say(segment, trailer["at"], segment.size,
                         f"trailer: {name} is {trailer[name]}, of the blocks {value}")
        if trailer["watermark"] < max((block.watermark for block in quiet), default=0):
            self.say(segment, trailer["at"], segment.size, "trailer: watermark below a block's")

    def line(self, value):
        self.output.write(json_text(value) + b"\n")

    def control(self, segment, rows, row, block, report):
        """A control record as an object, after it has been applied."""
        kind, body = rows.types[row], rows.payloads[row] or b""
        shown = {"control": "unknown", "sequence": block.first + row,
                 "timestamp_ns": rows.timestamps[row]}
        if kind not in CONTROL:
            return {**shown, "type": kind, "data_base64": base64.b64encode(body).decode()}
        name, read = CONTROL[kind]
        try:
            source = Bytes(body)
            record = read(source)
            source.end("body")
        except Damage as damage:  # R38
            report(segment, block.at, block.end,
                   f"control record {block.first + row} ({name}): {damage}")
            return None
        segment.apply(kind, record, block.first + row)
        return {**shown, "control": name, **record}

    def show(self, segment, block, rows, removal):
        """Prints the events of a block; returns how many of them have been removed."""
        columns, options = rows.columns, self.options
        is_shown, nothing = not options.summary, repeat(b"")
        texts = []
        for column, name in TEXTS if is_shown else ():
            if column not in columns:
                texts.append(nothing)
                continue
            entries, codes = columns[column]
            shown = [b""] + [field(name, e) if name else function_json(e) for e in entries[1:]]
            texts.append([shown[code] for code in codes])

        def each(column, show):
            if column not in columns or not is_shown:
                return nothing
            return [b"" if value is None else show(value) for value in columns[column]]

        texts.append(each(13, lambda value: field("call_id", value)))
        texts.append(each(14, lambda value: field("parent_id", value)))
        texts.append(each(10, lambda value: b',"second_clock":%d' % value))
        ids = columns.get(15) or repeat(None)
        attributes = [(column - 64, *columns[column]) for column in sorted(columns) if column >= 64]
        is_removing = bool(removal.cuts) or removal.lower > block.first
        cache, lines, removed, sequence, size = {}, [], 0, block.first - 1, 0
        for kind, stamp, own, encoding, payload, texts_of_row in zip(
                rows.types, rows.timestamps, ids, rows.encodings, rows.payloads, zip(*texts)
                if texts else repeat(())):
            sequence += 1
            if payload is LOST:
                continue
            if kind:
                shown = self.control(segment, rows, sequence - block.first, block, self.say)
                if options.control and is_shown and shown:
                    lines.append(json_text(shown))
                continue
            if is_removing and removal.covers(sequence, stamp):
                removed += 1
                continue
            if not is_shown:
                continue
            row = sequence - block.first
            shown = field("id", own if own is not None else b"%016x%016x" % (block.run, sequence))
            line = b'{"sequence":%d%s,"timestamp_ns":%d%s' % (
                sequence, shown, stamp, b"".join(texts_of_row))
            if attributes:
                values = []
                for index, entries, codes in attributes:
                    code = codes[row]
                    if code == 0 or index >= len(segment.attributes):
                        continue
                    if (index, code) not in cache:
                        declared = segment.attributes[index]
                        cache[index, code] = attribute_json(
                            declared["name"], entries[code], declared["type"])
                    values.append(cache[index, code])
                values = [value for value in values if value]
                if values:
                    line += b',"attributes":{%s}' % b",".join(values)
            if payload is not None:
                line += payload_json(payload, encoding)
            lines.append(line + b"}")
            size += len(line)
            if size > MEBI:
                self.output.write(b"\n".join(lines) + b"\n")
                lines, size = [], 0
        if lines:
            self.output.write(b"\n".join(lines) + b"\n")
        return removed


class Arguments(argparse.ArgumentParser):
    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(64, f"{self.prog}: {message}\n")


def main():
    parser = Arguments(description="Prints the events of Reel segments as JSON Lines.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="a segment")
    parser.add_argument("--control", action="store_true", help="print control records too")
    parser.add_argument("--summary", action="store_true", help="print one object a file instead")
    parser.add_argument("--check", action="store_true",
                        help="verify directory, indexes and trailer against the blocks too")
    parser.add_argument("--walk", action="store_true", help="do without the directory")
    reader = Reader(parser.parse_args(), sys.stdout.buffer)
    for step in (reader.gather, reader.read):
        for path in reader.options.files:
            try:
                step(path)
            except Refused as refusal:
                if step == reader.read:
                    reader.status = 1
                    reader.message(path, str(refusal))
            except BrokenPipeError:
                raise
            except OSError as error:  # R43
                if step == reader.read:
                    reader.status = 1
                    reader.message(path, error.strerror or str(error))
    reader.output.flush()
    return reader.status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
