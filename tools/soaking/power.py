"""Cuts the power: the file system is shut down with nothing flushed, by the recorder's own thread.

The shim calls the kernel's shutdown at a chosen call, while no sync is under way: one that raced
with the shutdown might return 0 for bytes that are lost, which no loss of power does.
"""

import os
import shutil

import mounts
from common import Skipped, line, lines

# The calls at which the power may fail; `any` is weighted by how many there are of each kind.
CALLS = ["sync", "sync", "write", "rename", "unlink", "open", "any", "truncate"]


class Disk:
  """A recording on a file system that loses power again and again."""

  def __init__(self, soak, kind):
    self.soak, self.kind = soak, kind
    self.image = mounts.Image(kind, os.path.join(soak.place, f"{kind}.img"), self.size(kind))
    self.place = os.path.join(soak.place, f"{kind}-disk")
    self.trace = os.path.join(self.place, "trace")
    # Events that must be there, and the highest number that was ever sent.
    self.durable = 0
    self.sent = 0
    self.fired = 0

  @staticmethod
  def size(kind):
    return 320 if kind == "xfs" else 48

  def start_anew(self):
    shutil.rmtree(self.trace, ignore_errors=True)
    os.sync()
    self.durable = self.sent = 0

  def fault(self):
    """Where the power fails: early in a call's count, or anywhere among them."""
    choice = self.soak.random
    call = choice.choice(CALLS)
    action = choice.choice(["cut", "cut-after", "cut-log"])
    # Filling the buffer alone takes a thousand writes with durability disk.
    most = {"any": 1300, "write": 1250, "sync": 60, "open": 25}.get(call, 6)
    first = 1
    if call in ("any", "write") and choice.random() < 0.8:
      first = 1000
    return f"{call}:{choice.randint(first, most)}:{action}"

  def options(self):
    """A recorder that keeps everything, so that all of it can be judged."""
    choice = self.soak.random
    found = ["--durability", "disk", "--max-events", choice.choice(["2000", "100000"])]
    if choice.random() < 0.7:
      found += ["--batch", str(choice.choice([2, 10, 40]))]
    return found

  def cut_once(self, fault):
    """Records until the power fails. Returns what was acknowledged and the problems."""
    soak = self.soak
    log = os.path.join(soak.place, "power.log")
    open(log, "w").close()
    data = lines(range(self.durable, self.durable + 120))
    run = soak.run(
      "record", self.trace, "--ack", *self.options(), data=data,
      environment=soak.faulty(self.place, fault, log))
    with open(log) as file:
      text = file.read()
    if "FAILED" in text or run.status == 97:
      raise Skipped(f"a file system that can be shut down, which this {self.kind} is not")
    self.fired += "FIRED" in text
    problems = soak.ended_well(run)
    acknowledged = soak.acknowledged(run.output)
    if run.status == 0 and acknowledged != 120:
      problems.append(f"status 0 with {acknowledged} of 120 acknowledged")
    self.sent = self.durable + 120
    return acknowledged, problems

  def cycle(self, index):
    self.image.mount(self.place)
    if self.durable > 1500:
      self.start_anew()
    fault = self.fault()
    before = self.durable
    acknowledged, problems = self.cut_once(fault)
    mounts.unmount(self.place)
    self.image.mount(self.place)
    self.durable += acknowledged
    # As the disk was left, for a reader; and after a recovery, which may be cut as well.
    count, wrong = self.soak.contents(self.trace, self.durable, self.sent)
    problems += wrong
    problems += self.soak.sound(self.trace, may_be_missing=count == 0)
    if not problems and self.soak.random.random() < 0.3:
      # What a reader was shown must stay, also when the next recorder is cut while it recovers.
      self.durable = count
      again, wrong = self.cut_once(self.fault())
      problems += [f"cut while recovering: {text}" for text in wrong]
      mounts.unmount(self.place)
      self.image.mount(self.place)
      self.durable += again
      count, wrong = self.soak.contents(self.trace, self.durable, self.sent)
      problems += [f"cut twice: {text}" for text in wrong]
      problems += self.soak.sound(self.trace, may_be_missing=count == 0)
    self.durable = count or 0
    self.soak.case(f"{self.kind} cycle {index}, {fault}, from event {before}", problems)
    mounts.unmount(self.place)
    if problems:
      self.image = mounts.Image(self.kind, self.image.path, self.size(self.kind))
      self.durable = self.sent = 0


def without_sync(soak, disk, index):
  """With durability `process` a cut may cost the end: what is left is right, and in order."""
  disk.image.mount(disk.place)
  disk.start_anew()
  fault = disk.fault()
  closed = soak.run("record", disk.trace, data=lines(range(50)))
  run = soak.run(
    "record", disk.trace, "--ack", data=lines(range(50, 400)),
    environment=soak.faulty(disk.place, fault.replace("sync:", "sync:1") if index % 2 else fault))
  mounts.unmount(disk.place)
  disk.image.mount(disk.place)
  problems = soak.ended_well(closed, statuses=(0,)) + soak.ended_well(run)
  answer = soak.query(disk.trace)
  numbers = []
  for text in answer.output.splitlines(keepends=True):
    number = int(text.split(b'"e')[1].split(b'"')[0])
    numbers.append(number)
    if text != line(number):
      problems.append(f"event {number} reads {text[:100]!r}")
  if numbers[:50] != list(range(50)):
    problems.append(f"what an earlier run closed is not there: {answer.message}")
  if numbers != sorted(set(numbers)):
    problems.append("events are twice or out of order")
  again = soak.run("record", disk.trace, "--ack", data=lines(range(400, 420)))
  problems += soak.ended_well(again, statuses=(0,))
  if soak.query(disk.trace).output.count(b"\n") < len(numbers) + 20:
    problems.append("recording on lost events")
  soak.case(f"{disk.kind} durability process, {fault}", problems)
  mounts.unmount(disk.place)


def check_the_check(soak, disk):
  """A disk that says it has synced and has not must be found out, or nothing here means much."""
  found = 0
  for _ in range(10):
    disk.image.mount(disk.place)
    disk.start_anew()
    # Before the last sync of the run, when everything has been acknowledged.
    run = soak.run(
      "record", disk.trace, "--ack", "--durability", "disk", data=lines(range(60)),
      environment=soak.faulty(disk.place, "sync:4:lie:sticky,sync:50:cut"))
    mounts.unmount(disk.place)
    disk.image.mount(disk.place)
    acknowledged = soak.acknowledged(run.output)
    found += bool(soak.contents(disk.trace, acknowledged, 60)[1])
    disk.start_anew()
    mounts.unmount(disk.place)
  soak.case("the check itself", [] if found else ["a disk that lies is not noticed"])
  soak.note(f"{disk.kind}: a disk that lies is found out {found} times of 10")


def reopened(soak, disk, fault):
  """What a sync made durable in the buffer stays when its writer is killed, and the next one loses
  power while it takes over, whatever the durability."""
  disk.image.mount(disk.place)
  disk.start_anew()
  soak.run("record", disk.trace, data=lines(range(50)))
  process = soak.start("record", disk.trace, "--ack")
  process.stdin.write(lines(range(50, 100)))
  process.stdin.flush()
  while process.stdout.readline() != b"50\n":
    pass
  # As the recorder does once a second, on the files themselves.
  for name in os.listdir(disk.trace):
    descriptor = os.open(os.path.join(disk.trace, name), os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
  process.kill()
  soak.finish(process)
  run = soak.run(
    "record", disk.trace, "--ack", data=lines(range(100, 140)),
    environment=soak.faulty(disk.place, fault))
  mounts.unmount(disk.place)
  disk.image.mount(disk.place)
  problems = soak.ended_well(run)
  answer = soak.query(disk.trace)
  # A new buffer of which only the name is there is damage, and no loss of what was synced.
  if not answer.output.startswith(lines(range(100))):
    count = answer.output.count(b"\n")
    problems.append(f"{count} events, of which 100 had been synced: {answer.message}")
  soak.case(f"{disk.kind} reopened, {fault}", problems)
  mounts.unmount(disk.place)


def torment(soak, kind, cycles):
  disk = Disk(soak, kind)
  check_the_check(soak, disk)
  for index in range(cycles):
    disk.cycle(index)
  for index in range(cycles // 5):
    without_sync(soak, disk, index)
  faults = [
    f"{call}:{index}:{action}" for call, most in (("unlink", 4), ("sync", 5), ("rename", 2))
    for index in range(1, most + 1) for action in ("cut", "cut-after", "cut-log")]
  for fault in faults:
    reopened(soak, disk, fault)
  soak.note(f"{kind}: {disk.fired} cuts at a call of the recorder with durability disk")


def run(soak):
  mounts.private()
  cycles = soak.options.cycles or (40 if soak.options.quick else 1000)
  try:
    for kind in ("ext4", "xfs"):
      try:
        torment(soak, kind, cycles)
      except Skipped as reason:
        soak.skip(str(reason))
  finally:
    mounts.unmount_all(soak.place)
