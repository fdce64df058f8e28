"""Recordings of every kind, and what rot, careless copies and bad sectors do to their files."""

import json
import os
import re
import shutil

from common import START, STEP, digests, line, lines

SECTOR = 512
NUMBER = re.compile(rb'"id":"e(\d+)"')


def number_of(text):
  """The number of the event that a line of JSON is."""
  return int(NUMBER.search(text).group(1))


def attributed(number):
  """An event with a declared attribute."""
  return line(number).replace(b',"data"', b',"size":"%d","data"' % (number * 3))


class Template:
  """A recording as it was before any harm, and the truth about it."""

  def __init__(self, soak, name, make=line):
    self.soak, self.name, self.make = soak, name, make
    self.folder = soak.folder(f"template-{name}")
    os.makedirs(self.folder)
    self.path = os.path.join(self.folder, "trace")
    # Events that were ever recorded, by number.
    self.recorded = {}

  def record(self, first, end, *options, kills=False):
    """Records the events of a run that closes, or is killed with all of them acknowledged."""
    for number in range(first, end):
      self.recorded[number] = self.make(number)
    data = lines(range(first, end), self.make)
    if not kills:
      run = self.soak.run("record", self.path, *options, data=data)
      if run.status != 0:
        raise RuntimeError(f"{self.name}: {run.message}")
      return
    process = self.soak.start("record", self.path, "--ack", *options)
    process.stdin.write(data)
    process.stdin.flush()
    while process.stdout.readline() != b"%d\n" % (end - first):
      pass
    process.kill()
    self.soak.finish(process)

  def document(self, name, action, data=b""):
    run = self.soak.run("document", self.path, action, name, data=data)
    if run.status != 0:
      raise RuntimeError(f"{self.name}: {run.message}")

  def finish(self):
    """Finds out which events are there to be lost, and the sequence number of each."""
    self.visible = {
      number_of(text): text for text in self.soak.query(self.path).output.splitlines(True)}
    closed = self.path + "-closed"
    shutil.copytree(self.path, closed)
    # A record's number does not change when the buffer is emptied into a segment.
    self.soak.run("record", closed, data=b"")
    self.sequences, self.last = sequences(self.soak, closed)
    shutil.rmtree(closed)
    self.files = digests(self.path)
    missing = [number for number in self.visible if number not in self.sequences]
    if missing or not self.visible:
      raise RuntimeError(f"{self.name}: the numbers of {missing} are not known")
    return self


def sequences(soak, path):
  """The sequence number of every event in a closed recording, and the highest of any record."""
  found, last = {}, 0
  for name in sorted(os.listdir(path)):
    if not name.endswith(".segment"):
      continue
    file = os.path.join(path, name)
    records = iter(soak.run("dump", file, "--records").output.splitlines())
    for text in soak.run("dump", file, "--json").output.splitlines():
      part = json.loads(text)
      if "block" not in part:
        continue
      last = int(part["last_sequence"])
      for sequence in range(int(part["first_sequence"]), last + 1):
        record = next(records)
        if b'{"control"' not in record:
          found[number_of(record)] = sequence
  return found, last


def templates(soak):
  """Several segments and runs, documents; with dropped segments and a cut; with a buffer."""
  plain = Template(soak, "closed")
  killed = Template(soak, "killed")
  for made in (plain, killed):
    made.record(0, 150, "--max-events", "400")
    made.document("plan", "set", b"one" * 100)
    made.document("plan", "set", b"two" * 900)
    made.document("notes", "set", b"gone" * 10)
    made.document("notes", "remove")
    made.record(150, 280, "--max-events", "400")
  killed.record(280, 340, kills=True)
  dropped = Template(soak, "dropped")
  dropped.record(0, 150, "--max-events", "160")
  dropped.document("plan", "set", b"one")
  dropped.record(150, 400, "--max-events", "160")
  soak.run("drop", dropped.path, "--before", str(START + 290 * STEP))
  dropped.record(400, 420, "--max-events", "160", kills=True)
  declared = Template(soak, "attributes", attributed)
  declared.record(0, 120, "--max-events", "400", "--attribute", "size:integer")
  declared.record(120, 180, kills=True)
  return [made.finish() for made in (plain, killed, dropped, declared)]


class Harm:
  """What was done to a copy of a recording."""

  def __init__(self, path, choice):
    self.path, self.random = path, choice
    self.done = []
    # Files of which bytes are gone for good, so that nothing need tell of what their ends held.
    self.shortened = set()
    # Under which name the bytes of a file were before.
    self.origin = {}

  def shorten(self, name):
    self.shortened.add(self.origin.get(name, name))

  def names(self):
    """Files that may be harmed, those with events more often."""
    found = []
    for base, _, names in os.walk(self.path):
      for name in names:
        weight = 6 if name.endswith((".segment", ".buffer")) else 1
        found += [os.path.relpath(os.path.join(base, name), self.path)] * weight
    return sorted(found)

  def apply(self):
    kinds = [
      self.flip, self.flip, self.zero, self.garbage, self.truncate, self.extend, self.delete,
      self.rename, self.swap, self.duplicate]
    for _ in range(self.random.choice([1, 1, 2, 3])):
      names = self.names()
      if not names:
        break
      kind = self.random.choice(kinds)
      kind(self.random.choice(names))

  def edit(self, name, body):
    file = os.path.join(self.path, name)
    with open(file, "rb") as opened:
      content = bytearray(opened.read())
    if not content:
      return
    said = body(content)
    with open(file, "wb") as opened:
      opened.write(content)
    self.done.append(f"{name}: {said}")

  def used(self, name, content):
    """As far as a file has bytes that matter: a buffer is far larger than what is in it."""
    return min(len(content), 32 << 10) if name.endswith(".buffer") else len(content)

  def flip(self, name):
    def body(content):
      end = self.used(name, content)
      places = [self.random.randrange(end) for _ in range(self.random.choice([1, 1, 3]))]
      for place in places:
        content[place] ^= 1 << self.random.randrange(8)
      return f"bits at {places}"
    self.edit(name, body)

  def stretch(self, name, content):
    """A sector or a few, as far as the file goes."""
    start = self.random.randrange(self.used(name, content)) // SECTOR * SECTOR
    return start, min(len(content), start + SECTOR * self.random.choice([1, 1, 4]))

  def zero(self, name):
    def body(content):
      start, end = self.stretch(name, content)
      content[start:end] = bytes(end - start)
      return f"zeros from {start} to {end}"
    self.edit(name, body)

  def garbage(self, name):
    def body(content):
      start, end = self.stretch(name, content)
      content[start:end] = self.random.randbytes(end - start)
      return f"garbage from {start} to {end}"
    self.edit(name, body)

  def truncate(self, name):
    def body(content):
      end = self.used(name, content)
      count = self.random.choice([0, len(content) - 1, self.random.randrange(end)])
      del content[count:]
      self.shorten(name)
      return f"cut to {count}"
    self.edit(name, body)

  def extend(self, name):
    def body(content):
      count = self.random.choice([1, 7, SECTOR, 4096])
      more = self.random.choice([bytes(count), self.random.randbytes(count), content[:count]])
      content.extend(more)
      return f"{len(more)} bytes more"
    self.edit(name, body)

  def delete(self, name):
    os.unlink(os.path.join(self.path, name))
    self.shorten(name)
    self.done.append(f"{name}: deleted")

  def rename(self, name):
    """To a name of no recording, or to that of another segment."""
    other = self.random.choice(["renamed", "copy of " + os.path.basename(name)])
    if name.endswith(".segment") and self.random.random() < 0.5:
      other = f"{int(name[:20]) + self.random.choice([1, 5]):020}.segment"
    self.move(name, other, shutil.move, "renamed to")

  def duplicate(self, name):
    other = "copy"
    if name.endswith(".segment") and self.random.random() < 0.5:
      other = f"{int(name[:20]) + 3:020}.segment"
    self.move(name, other, shutil.copyfile, "copied to")

  def move(self, name, other, action, said):
    if not name.endswith(".segment"):
      return self.flip(name)
    target = os.path.join(self.path, other)
    if os.path.exists(target):
      return self.flip(name)
    action(os.path.join(self.path, name), target)
    self.origin[other] = self.origin.get(name, name)
    self.done.append(f"{name}: {said} {other}")

  def swap(self, name):
    suffix = os.path.splitext(name)[1]
    others = sorted(
      other for other in set(self.names()) if other.endswith(suffix) and other != name)
    if not others or suffix not in (".segment", ".document"):
      return self.flip(name)
    other = self.random.choice(others)
    one, two = (os.path.join(self.path, each) for each in (name, other))
    shutil.move(one, one + ".swapping")
    shutil.move(two, one)
    shutil.move(one + ".swapping", two)
    origin = self.origin
    origin[name], origin[other] = origin.get(other, other), origin.get(name, name)
    self.done.append(f"{name}: swapped with {other}")
