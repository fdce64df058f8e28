"""Kills the recorder at random moments, over and over, on recordings that grow all the while."""

import fcntl
import os
import random
import select
import signal
import time

from common import START, STEP, leftovers, line, lines

F_SETPIPE_SZ = 1031
# How many events before the last acknowledged one are read again in every cycle.
OVERLAP = 20


class Growing:
  """One recording that is killed again and again."""

  def __init__(self, soak, name, options, kept=None):
    self.soak, self.name, self.options, self.kept = soak, name, options, kept
    self.path = os.path.join(soak.place, name)
    self.random = random.Random(f"{soak.seed}/{name}")
    # Events in the recording, all of which have been seen there.
    self.count = 0
    self.events_acknowledged = 0
    self.ends = 0

  def record(self):
    """Records on until the kill. Returns what was acknowledged, what was sent, and problems."""
    choice = self.random
    amount = choice.choice([0, 1, 5, 40, 200, 2000])
    arguments = ["record", self.path, "--ack", *self.options]
    if choice.random() < 0.4:
      arguments += ["--durability", "disk"]
    if choice.random() < 0.4:
      arguments += ["--batch", str(choice.choice([2, 7, 100]))]
    process = self.soak.start(*arguments)
    # The whole input fits, so that nobody waits while it is written.
    fcntl.fcntl(process.stdin, F_SETPIPE_SZ, 1 << 20)
    process.stdin.write(lines(range(self.count, self.count + amount)))
    process.stdin.flush()
    # While it starts and recovers; while it records; or while it closes.
    way = choice.choice(["starting", "recording", "closing"])
    if way == "closing":
      process.stdin.close()
    if way != "starting":
      select.select([process.stdout], [], [], 0.05 if amount else 0)
    time.sleep(choice.random() * (0.02 if way == "starting" else choice.choice([0.0005, 0.005])))
    process.kill()
    try:
      process.stdin.close()
    except BrokenPipeError:
      pass
    output = process.stdout.read()
    errors = process.stderr.read()
    process.wait()
    process.stdout.close()
    process.stderr.close()
    with self.soak.lock:
      self.soak.processes.discard(process)
    problems = []
    if process.returncode == 0:
      self.ends += 1
    elif process.returncode != -signal.SIGKILL:
      problems.append(f"ended with {process.returncode}: {errors.decode(errors='replace')}")
    if b"damage" in errors:
      problems.append(f"it said: {errors.decode(errors='replace')}")
    acknowledged = self.soak.acknowledged(output)
    self.events_acknowledged += acknowledged
    return acknowledged, amount, problems

  def check_new(self, acknowledged, amount):
    """Whether what is new is there: every acknowledged event once, in order, with its bytes."""
    first = max(0, self.count - OVERLAP)
    answer = self.soak.query(self.path, "--all", "--from", str(START + first * STEP))
    if answer.status == 2 and self.count + acknowledged == 0:
      return []
    if answer.status != 0:
      return [f"query ended with {answer.status}: {answer.message}"]
    got = answer.output.splitlines(keepends=True)
    if self.kept and got:
      first = int(got[0].split(b'"e')[1].split(b'"')[0])
    count = first + len(got)
    problems = []
    if not self.count + acknowledged <= count <= self.count + amount:
      problems.append(
        f"{count} events; there were {self.count}, then {acknowledged} acknowledged of {amount}")
    if answer.output != lines(range(first, count)):
      problems.append(f"the events from {first} to {count} are not as recorded")
    if b"damage" in answer.errors:
      problems.append(answer.message)
    self.count = max(self.count, count)
    return problems

  def check_all(self):
    """Whether every event is there, and how many."""
    answer = self.soak.query(self.path)
    if answer.status == 2 and self.count == 0:
      return []
    got = answer.output.splitlines(keepends=True)
    first = self.count - len(got)
    problems = []
    if answer.status != 0:
      problems.append(f"query ended with {answer.status}: {answer.message}")
    if self.kept is None and first != 0:
      problems.append(f"{len(got)} events, wanted {self.count}")
    if self.kept is not None and len(got) < min(self.kept, self.count):
      problems.append(f"{len(got)} events are kept, wanted {min(self.kept, self.count)}")
    for number, text in enumerate(got, first):
      if text != line(number):
        problems.append(f"event {number} reads {text[:100]!r}")
        break
    return problems

  def cycle(self, index, is_full):
    acknowledged, amount, problems = self.record()
    problems += self.check_new(acknowledged, amount)
    problems += self.soak.sound(self.path, may_be_missing=self.count == 0)
    if is_full:
      problems += self.check_all()
    self.soak.case(f"{self.name} cycle {index}, {self.count} events", problems)

  def end(self):
    """A last run that closes leaves nothing behind."""
    run = self.soak.run("record", self.path, *self.options, data=b"")
    problems = self.soak.ended_well(run, statuses=(0,)) + self.check_all()
    problems += self.soak.sound(self.path)
    if leftovers(self.path):
      problems.append(f"left behind: {leftovers(self.path)}")
    self.soak.case(f"{self.name} at the end", problems)


def run(soak):
  cycles = soak.options.cycles or (200 if soak.options.quick else 10_000)
  # One that only grows, and a smaller part of the cycles on one that seals and drops all the time.
  growing = Growing(soak, "growing", ["--max-events", str(cycles * 1000)])
  dropping = Growing(soak, "dropping", ["--max-events", "4000"], kept=3400)

  def torment(part):
    recording, count = part
    for index in range(count):
      recording.cycle(index, is_full=index % 100 == 99)
    recording.end()

  started = time.monotonic()
  soak.each(torment, [(growing, cycles - cycles // 4), (dropping, cycles // 4)])
  rate = cycles / (time.monotonic() - started)
  for recording in (growing, dropping):
    soak.note(
      f"{recording.name}: {recording.count} events, {recording.events_acknowledged} acknowledged,"
      f" {recording.ends} runs ended before the kill")
  soak.note(f"{cycles} kills, {rate:.0f} a second")
