#!/usr/bin/env python3
"""Checks a Perfetto trace with Perfetto's own classes (PyPI `perfetto`): that it is one, that names
and tracks are known where they are used, that calls nest and times never go back on any track, and
that each flow begins before it ends.

    tools/check_perfetto.py FILE

Prints a line such as `12000 events: 3595 begin, 3595 end, 4931 instants, 2118 flows` and exits with
0, or says what is wrong and exits with 1.
"""

import json
import sys
from collections import Counter

from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as protos


def fail(text):
    print(text)
    sys.exit(1)


def main():
    trace = protos.Trace()
    with open(sys.argv[1], "rb") as file:
        trace.ParseFromString(file.read())
    before = trace.ByteSize()
    trace.DiscardUnknownFields()
    if trace.ByteSize() != before:
        fail("fields that Perfetto does not know")
    kinds = protos.TrackEvent.Type
    counts, tracks, stacks, times, flows = Counter(), {}, {}, {}, set()
    names, categories, annotations = {}, {}, {}
    isCleared = False
    for place, packet in enumerate(trace.packet):
        where = f"packet {place}: {packet}"
        if packet.HasField("track_descriptor"):
            track = packet.track_descriptor
            if track.uuid in tracks:
                fail(f"{where}: a track is told of twice")
            tracks[track.uuid] = track.thread.thread_name or track.process.process_name
            if track.parent_uuid and track.parent_uuid not in tracks:
                fail(f"{where}: an unknown parent")
            continue
        if packet.sequence_flags & 1:
            names, categories, annotations = {}, {}, {}
            isCleared = True
        if not packet.sequence_flags & 2 or not isCleared:
            fail(f"{where}: the packet does not say that it needs state")
        for table, entries in (
            (names, packet.interned_data.event_names),
            (categories, packet.interned_data.event_categories),
            (annotations, packet.interned_data.debug_annotation_names),
        ):
            for entry in entries:
                if entry.iid in table or entry.iid == 0:
                    fail(f"{where}: a number is given twice, or 0")
                table[entry.iid] = entry.name
        event = packet.track_event
        if event.track_uuid not in tracks:
            fail(f"{where}: an unknown track")
        if packet.timestamp < times.get(event.track_uuid, 0):
            fail(f"{where}: time goes back on a track")
        times[event.track_uuid] = packet.timestamp
        stack = stacks.setdefault(event.track_uuid, [])
        counts[event.type] += 1
        if event.type == kinds.TYPE_SLICE_END:
            if not stack:
                fail(f"{where}: nothing is open that could end")
            stack.pop()
        else:
            if names.get(event.name_iid) is None or any(
                iid not in categories for iid in event.category_iids
            ):
                fail(f"{where}: an unknown name or category")
            if event.type == kinds.TYPE_SLICE_BEGIN:
                stack.append(names[event.name_iid])
        for annotation in event.debug_annotations:
            if annotation.name_iid not in annotations:
                fail(f"{where}: an unknown annotation")
            if annotation.HasField("legacy_json_value"):
                json.loads(annotation.legacy_json_value)
        flows.update(event.flow_ids)
        for flow in event.terminating_flow_ids:
            counts["flow"] += 1
            if flow not in flows:
                fail(f"{where}: a flow ends that never began")
    for uuid, stack in stacks.items():
        if stack:
            fail(f"{tracks[uuid]} ends with {len(stack)} calls open: {stack[-1]}")
    total = sum(count for kind, count in counts.items() if kind != "flow")
    print(
        f"{total} events: {counts[kinds.TYPE_SLICE_BEGIN]} begin, {counts[kinds.TYPE_SLICE_END]}"
        f" end, {counts[kinds.TYPE_INSTANT]} instants, {counts['flow']} flows"
    )


if __name__ == "__main__":
    main()
