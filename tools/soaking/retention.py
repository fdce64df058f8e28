"""A recorder that drops thousands of segments, watched all the while, and killed at random."""

import os
import random
import re
import shutil
import threading
import time

from common import line, lines

# What may not be exceeded, whatever a kind of limit says of bytes.
DESCRIPTORS = 40
RESIDENT_KIBIBYTES = 64 << 10
# By how much the second half of a run may exceed the first: of what does not grow, nothing but
# chance. An allocator takes a while to have seen the largest of everything.
RESIDENT_SLACK = 6 << 10


class Kind:
  """One way to limit a recording, and what must hold of its files."""

  def __init__(self, name, options, files, byte_count, kept=None):
    self.name, self.options = name, options
    # Segments that may be there at most, and bytes of all files but the buffer.
    self.files, self.byte_count = files, byte_count
    # Events that must be kept, once there are more.
    self.kept = kept


KINDS = [
  Kind("events", ["--max-events", "400"], 12, 256 << 10, kept=350),
  Kind("bytes", ["--max-bytes", "5200k"], 12, (5200 << 10) + (256 << 10) - (4 << 20)),
]
# Age is looked at once a minute: eight segments a second may be there for so long, and one more.
AGE = Kind("age", ["--max-age", "1s"], 8 * 62 + 12, 64 << 20)


class Sample:
  """What /proc and the folder say at one moment."""

  def __init__(self, path, process_id):
    with open(f"/proc/{process_id}/status") as file:
      self.resident = int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))
    self.descriptors = len(os.listdir(f"/proc/{process_id}/fd"))
    self.segments = self.byte_count = 0
    for entry in os.scandir(path):
      try:
        if entry.name.endswith(".segment"):
          self.segments += 1
        if ".buffer" not in entry.name:
          self.byte_count += entry.stat().st_size
      except FileNotFoundError:
        pass


class Watch:
  """Looks at a recorder again and again in a thread of its own."""

  def __init__(self, path, process):
    self.path, self.process = path, process
    self.samples = []
    self.stopping = False
    self.thread = threading.Thread(target=self.run, daemon=True)
    self.thread.start()

  def run(self):
    while not self.stopping and self.process.poll() is None:
      try:
        self.samples.append(Sample(self.path, self.process.pid))
      except (OSError, AttributeError):
        pass
      time.sleep(0.01)

  def stop(self):
    self.stopping = True
    self.thread.join()

  def problems(self, kind):
    half = len(self.samples) // 2
    if half < 5:
      return [f"only {len(self.samples)} samples"]
    # The first moments are those of starting.
    first, second = self.samples[half // 5:half], self.samples[half:]

    def most(samples, name):
      return max(getattr(sample, name) for sample in samples)

    found = []
    if most(self.samples, "descriptors") > DESCRIPTORS:
      found.append(f"{most(self.samples, 'descriptors')} descriptors")
    if most(second, "descriptors") > most(first, "descriptors") + 4:
      found.append(
        f"descriptors grow: {most(first, 'descriptors')}, then {most(second, 'descriptors')}")
    if most(self.samples, "resident") > RESIDENT_KIBIBYTES:
      found.append(f"{most(self.samples, 'resident')} KiB resident")
    if most(second, "resident") > most(first, "resident") + RESIDENT_SLACK:
      found.append(
        f"memory grows: {most(first, 'resident')} KiB, then {most(second, 'resident')}")
    if most(self.samples, "segments") > kind.files:
      found.append(f"{most(self.samples, 'segments')} segments")
    if most(self.samples, "byte_count") > kind.byte_count:
      found.append(f"{most(self.samples, 'byte_count')} bytes of segments")
    return found

  def text(self):
    def of(name):
      return max(getattr(sample, name) for sample in self.samples)
    return (
      f"at most {of('descriptors')} descriptors, {of('resident') >> 10} MiB resident,"
      f" {of('segments')} segments of {of('byte_count') >> 10} KiB, {len(self.samples)} looks")


def feed(process, first, end, pause=0):
  """Writes events as fast as they are taken, or pauses after every 500."""
  try:
    for start in range(first, end, 500):
      process.stdin.write(lines(range(start, min(end, start + 500))))
      if pause:
        process.stdin.flush()
        time.sleep(pause)
    process.stdin.close()
  except BrokenPipeError:
    pass


def drops(soak, path):
  """Events that retention has removed so far, as the recording itself says."""
  found = re.search(rb"retention has removed ([\d,]+)", soak.query(path, "--all").errors)
  return int(found.group(1).replace(b",", b"")) if found else 0


def roll(soak, kind, total, pause=0):
  """One long run: what it takes stays as it is while segments come and go."""
  path = os.path.join(soak.place, f"roll-{kind.name}")
  process = soak.start("record", path, *kind.options)
  watch = Watch(path, process)
  feed(process, 0, total, pause)
  process.stdin = None
  run = soak.finish(process, timeout=600)
  watch.stop()
  problems = soak.ended_well(run, statuses=(0,)) + watch.problems(kind) + soak.sound(path)
  problems += newest(soak, path, kind, total)
  soak.case(f"{total} events, limit of {kind.name}", problems)
  soak.note(
    f"limit of {kind.name}: {total} events, {drops(soak, path)} of them dropped; {watch.text()}")
  shutil.rmtree(path)


def newest(soak, path, kind, total):
  """Whether what is kept is the newest, without a gap, and as much as it should be."""
  answer = soak.query(path)
  got = answer.output.splitlines(keepends=True)
  if answer.status != 0:
    return [f"query ended with {answer.status}: {answer.message}"]
  problems = []
  if got != [line(number) for number in range(total - len(got), total)]:
    problems.append(f"the newest {len(got)} events are not as recorded")
  if kind.kept is not None and len(got) < min(kind.kept, total):
    problems.append(f"only {len(got)} events are kept")
  return problems


def killed(soak, kind, cycles):
  """Killed at random while it drops, and gone on with: nothing grows over the runs either."""
  path = os.path.join(soak.place, f"killed-{kind.name}")
  choice = random.Random(f"{soak.seed}/retention/{kind.name}")
  count = 0
  sizes = []
  for index in range(cycles):
    process = soak.start("record", path, "--ack", *kind.options)
    end = count + choice.choice([300, 1500, 4000])
    writer = threading.Thread(target=feed, args=(process, count, end), daemon=True)
    writer.start()
    time.sleep(choice.random() * 0.08)
    process.kill()
    writer.join()
    output = process.stdout.read()
    process.stdin = None
    soak.finish(process)
    least = count + soak.acknowledged(output)
    answer = soak.query(path)
    got = answer.output.splitlines(keepends=True)
    problems = []
    if answer.status == 2 and least == 0:
      continue
    found = int(got[-1].split(b'"e')[1].split(b'"')[0]) + 1 if got else 0
    if not least <= found <= end:
      problems.append(f"the last is {found}, acknowledged {least}, sent {end}")
    count = max(least, found)
    problems += newest(soak, path, kind, count) + soak.sound(path)
    soak.case(f"kill {index} with a limit of {kind.name}, {count} events", problems)
    names = os.listdir(path)
    sizes.append((len(names), sum(
      os.path.getsize(os.path.join(path, name)) for name in names if "buffer" not in name)))
  run = soak.run("record", path, *kind.options, data=b"")
  problems = soak.ended_well(run, statuses=(0,))
  most_files, most_bytes = max(size[0] for size in sizes), max(size[1] for size in sizes)
  if most_files > kind.files + 3:
    problems.append(f"{most_files} files")
  if most_bytes > kind.byte_count:
    problems.append(f"{most_bytes} bytes")
  soak.case(f"killed {cycles} times with a limit of {kind.name}", problems)
  half = len(sizes) // 2
  soak.note(
    f"killed {cycles} times, limit of {kind.name}: {count} events, {drops(soak, path)} dropped;"
    f" at most {most_files} files of {max(size[1] for size in sizes[:half]) >> 10} KiB in the"
    f" first half, {max(size[1] for size in sizes[half:]) >> 10} in the second")
  shutil.rmtree(path)


def run(soak):
  quick = soak.options.quick
  total = soak.options.cases or (150_000 if quick else 5_000_000)
  cycles = soak.options.cycles or (20 if quick else 1000)
  for kind in KINDS:
    roll(soak, kind, total)
  if not quick:
    roll(soak, AGE, 1_500_000, pause=0.06)
  soak.each(lambda kind: killed(soak, kind, cycles), KINDS)
