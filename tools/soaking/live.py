"""Readers beside a recorder that seals and drops; a disk that is slow."""

import os
import re
import shutil
import signal
import subprocess
import threading
import time

from common import START, STEP, line, lines


class Writer:
  """A recorder that is fed for as long as others look on."""

  def __init__(self, soak, path, *options, batch=50, pause=0.001):
    self.soak, self.path, self.pause, self.batch = soak, path, pause, batch
    self.process = soak.start("record", path, "--ack", *options, stderr=subprocess.DEVNULL)
    self.sent = self.acknowledged = 0
    self.stopping = False
    self.threads = [
      threading.Thread(target=body, daemon=True) for body in (self.feed, self.listen)]
    for thread in self.threads:
      thread.start()

  def feed(self):
    try:
      while not self.stopping:
        data = lines(range(self.sent, self.sent + self.batch))
        self.sent += self.batch
        self.process.stdin.write(data)
        self.process.stdin.flush()
        time.sleep(self.pause)
      self.process.stdin.close()
    except BrokenPipeError:
      pass

  def listen(self):
    for text in self.process.stdout:
      self.acknowledged = int(text)

  def wait_for(self, count, seconds=60):
    end = time.monotonic() + seconds
    while self.acknowledged < count and time.monotonic() < end:
      time.sleep(0.002)
    return self.acknowledged >= count

  def stop(self):
    self.stopping = True
    for thread in self.threads:
      thread.join(60)
    self.process.wait(60)
    self.process.stdout.close()
    with self.soak.lock:
      self.soak.processes.discard(self.process)
    return self.process.returncode


def check_events(answer, least):
  """Whether an answer's events are as recorded, in order, up to what was acknowledged at least."""
  got = answer.output.splitlines(keepends=True)
  if answer.status != 0:
    return [f"query ended with {answer.status}: {answer.message}"]
  if not got:
    return ["no events"] if least else []
  first = int(got[0].split(b'"e')[1].split(b'"')[0])
  problems = []
  if b"".join(got) != lines(range(first, first + len(got))):
    problems.append(f"the events from {first} on have gaps or are not as recorded")
  if first + len(got) < least:
    problems.append(f"the last is {first + len(got)}, acknowledged {least}")
  if b"damage" in answer.errors:
    problems.append(answer.message)
  return problems


def verify(soak, writer):
  soak.case(f"verify beside {writer.acknowledged} events", soak.sound(writer.path))


def query_newest(soak, writer):
  least = writer.acknowledged
  start = START + max(0, least - 300) * STEP
  answer = soak.query(writer.path, "--all", "--from", str(start))
  soak.case(f"the newest of {least}", check_events(answer, least))


def query_all(soak, writer):
  # A segment that was dropped meanwhile is a gap at the old end that the answer tells of.
  least = writer.acknowledged
  answer = soak.query(writer.path)
  if answer.status == 4 and b"dropped" in answer.errors:
    return
  soak.case(f"all of {least}", check_events(answer, least))


def copy(soak, writer, index):
  """A plain copy of a live folder opens, and holds what had been recorded when it began."""
  target = os.path.join(soak.place, f"copy-{index}")
  least = writer.acknowledged
  # Files may vanish while they are copied, which cp says with its status.
  subprocess.run(["cp", "-r", writer.path, target], capture_output=True)
  problems = []
  answer = soak.run("verify", target)
  if answer.status not in (0, 4):
    problems.append(f"verify ended with {answer.status}: {answer.message}")
  if answer.status == 4:
    soak.note(f"a copy: {answer.output.decode()}")
  answer = soak.query(target)
  got = answer.output.splitlines(keepends=True)
  numbers = [int(text.split(b'"e')[1].split(b'"')[0]) for text in got]
  if numbers != sorted(set(numbers)):
    problems.append("events are twice or out of order in the copy")
  if any(text != line(number) for text, number in zip(got, numbers)):
    problems.append("an event of the copy is not as recorded")
  if answer.status == 0 and b"incomplete: no file" not in answer.errors:
    problems += [f"a copy: {text}" for text in check_events(answer, least)]
  again = soak.run("record", target, "--ack", data=lines(range(10**6, 10**6 + 5)))
  problems += [f"recording on a copy: {text}" for text in soak.ended_well(again, statuses=(0,))]
  soak.case(f"a copy beside {least} events", problems)
  shutil.rmtree(target)


def stop_and_go(soak, writer, seconds):
  """A recorder that stands still does not keep readers from reading, and goes on after."""
  writer.process.send_signal(signal.SIGSTOP)
  time.sleep(0.02)
  for _ in range(3):
    verify(soak, writer)
    query_newest(soak, writer)
  second = soak.run("record", writer.path, data=b"")
  problems = [] if second.status == 1 and b"another writer" in second.errors else [
    f"a second recorder beside a stopped one: {second.status} {second.message}"]
  soak.case("the lock of a stopped recorder", problems)
  time.sleep(seconds)
  before = writer.acknowledged
  writer.process.send_signal(signal.SIGCONT)
  problems = [] if writer.wait_for(before + 1) else ["it did not go on"]
  soak.case("a stopped recorder goes on", problems)


def run(soak):
  quick = soak.options.quick
  verifies = soak.options.cycles or (50 if quick else 1000)
  path = os.path.join(soak.place, "trace")
  writer = Writer(soak, path, "--max-events", "20000")
  try:
    if not writer.wait_for(1):
      raise RuntimeError("the recorder does not record")

    def look(index):
      verify(soak, writer)
      query_newest(soak, writer)
      if index % 5 == 0:
        query_all(soak, writer)

    soak.each(look, range(verifies))
    for index in range(max(5, verifies // 20)):
      copy(soak, writer, index)
    for _ in range(1 if quick else 5):
      stop_and_go(soak, writer, 0.2 if quick else 2)
  finally:
    status = writer.stop()
  problems = [] if status == 0 else [f"the recorder ended with {status}"]
  problems += soak.sound(path) + check_events(soak.query(path), writer.acknowledged)
  if writer.acknowledged != writer.sent:
    problems.append(f"{writer.acknowledged} of {writer.sent} acknowledged")
  removed = re.search(rb"removed ([\d,]+)", soak.query(path).errors)
  soak.case("at the end", problems)
  dropped = removed.group(1).decode() if removed else "no"
  soak.note(f"{verifies} verifies beside {writer.sent} events recorded and {dropped} dropped")


# MARK: A disk that is slow


def resident_kibibytes(process_id):
  with open(f"/proc/{process_id}/status") as file:
    return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))


def slow(soak, call, milliseconds, options):
  """Memory stays bounded while the disk takes less than what comes in, and nothing is lost."""
  folder = soak.folder("slow")
  os.makedirs(folder)
  path = os.path.join(folder, "trace")
  total = 60_000
  source = os.path.join(soak.place, "slow-input")
  with open(source, "wb") as file:
    file.write(lines(range(total), lambda number: line(number, 200)))
  # The writes that fill the buffer come first, and are not to be waited for.
  first = 80 if call == "write" else 1
  with open(source, "rb") as file:
    process = soak.start(
      "record", path, "--ack", *options, stdin=file,
      stdout=subprocess.DEVNULL, environment=soak.faulty(
        folder, f"{call}:{first}:delay={milliseconds}:sticky"))
    most = 0
    while process.poll() is None:
      try:
        most = max(most, resident_kibibytes(process.pid))
      except (OSError, AttributeError):
        break
      time.sleep(0.005)
    run = soak.finish(process)
  problems = soak.ended_well(run, statuses=(0,))
  answer = soak.query(path)
  if answer.output != lines(range(total), lambda number: line(number, 200)):
    problems.append(f"{answer.output.count(10)} of {total} events: {answer.message}")
  if most > 96 << 10:
    problems.append(f"{most} KiB of memory")
  soak.case(f"{call} takes {milliseconds} ms {' '.join(options)}", problems + soak.sound(path))
  soak.note(f"{call} takes {milliseconds} ms: at most {most >> 10} MiB of memory")


def run_slow(soak):
  soak.shim
  for call, milliseconds, options in (
      ("sync", 200, []), ("write", 20, []), ("write", 100, []), ("any", 2, []),
      ("sync", 30, ["--durability", "disk", "--batch", "1000"])):
    slow(soak, call, milliseconds, options)
