#!/usr/bin/env python3
"""Checks a Chrome trace: that calls nest and times never go back on any thread, that each flow
begins before it ends, and that a set of split files goes on where each ended.

    tools/check_trace.py FILE [FILE...]     the files of one export, in order

Prints a line such as `12000 events: 3595 begin, 3595 end, 2118 flows` and exits with 0, or says
what is wrong and exits with 1. The standard library alone; written against the description of the
format, not against the exporter.
"""

import json
import sys
from collections import Counter
from decimal import Decimal


def fail(text):
    print(text)
    sys.exit(1)


def check_file(name, counts, flows):
    with open(name, encoding="utf-8") as file:
        # Decimal keeps the three digits behind the point as they are written.
        trace = json.load(file, parse_float=Decimal)
    int(trace["otherData"]["base_time_ns"])
    stacks, times, names = {}, {}, {}
    for place, event in enumerate(trace["traceEvents"]):
        where = f"{name}: event {place}: {event}"
        phase = event["ph"]
        counts[phase] += 1
        if phase == "M":
            if event["name"] == "thread_name":
                thread = (event["pid"], event["tid"])
                if thread in names:
                    fail(f"{where}: a thread is named twice")
                names[thread] = event["args"]["name"]
            continue
        thread = (event["pid"], event["tid"])
        if thread not in names:
            fail(f"{where}: its thread has no name")
        time = event["ts"]
        if isinstance(time, Decimal) and time.as_tuple().exponent != -3:
            fail(f"{where}: a time without three digits behind the point")
        if time < 0 or time < times.get(thread, 0):
            fail(f"{where}: time goes back on a thread")
        times[thread] = time
        stack = stacks.setdefault(thread, [])
        if phase == "B":
            stack.append(event["name"])
        elif phase == "E":
            if not stack:
                fail(f"{where}: nothing is open that could end")
            begun = stack.pop()
            if event.get("name", begun) != begun:
                fail(f"{where}: {begun} is the innermost")
        elif phase == "X":
            if event["dur"] != 0:
                fail(f"{where}: a duration")
        elif phase == "s":
            flows.setdefault(event["id"], time)
        elif phase == "f":
            if event["id"] not in flows:
                fail(f"{where}: a flow ends that never began")
        elif phase != "i":
            fail(f"{where}: an unknown phase")
    for thread, stack in stacks.items():
        if stack:
            fail(f"{name}: {names[thread]} ends with {len(stack)} calls open: {stack[-1]}")
    return names


def main():
    if len(sys.argv) < 2:
        print(__doc__)
        sys.exit(64)
    counts, flows = Counter(), {}
    for name in sys.argv[1:]:
        check_file(name, counts, flows)
    total = sum(count for phase, count in counts.items() if phase in "BEXi")
    print(
        f"{total} events: {counts['B']} begin, {counts['E']} end, {counts['X']} messages,"
        f" {counts['i']} instants, {counts['f']} flows"
    )


if __name__ == "__main__":
    main()
