"""A hundred million events in one recording: killed near the end, gone on with, and asked."""

import os
import random
import re
import subprocess
import time

from common import START, STEP, Run

# What a process may take at most, whatever the length of the recording.
RECORDING_KIBIBYTES = 96 << 10
READING_KIBIBYTES = 192 << 10
KINDS = ("call", "return", "send", "receive")
CHUNK = 20_000


def line(number):
  """The event `number`, short, as `reel record` reads it and as `reel query --json` prints it."""
  return (
    f'{{"id":"e{number}","timestamp_ns":"{START + number * STEP}","kind":"{KINDS[number % 4]}",'
    f'"process":"p{number % 997}"}}\n')


def feed(process, first, end):
  """Writes events as fast as they are taken."""
  for start in range(first, end, CHUNK):
    process.stdin.write("".join(map(line, range(start, min(start + CHUNK, end)))).encode())


def peak(process):
  """The most memory that a process took so far, in KiB; 0 when it has ended.

  What the system says of ended ones counts what they had as copies of this one as well.
  """
  try:
    with open(f"/proc/{process.pid}/status") as file:
      found = re.search(r"VmHWM:\s+(\d+)", file.read())
    return int(found.group(1)) if found else 0
  except (FileNotFoundError, ProcessLookupError):
    return 0


class Step:
  """A finished process with the time and memory that it took."""

  def __init__(self, soak, *arguments):
    with open(os.path.join(soak.place, "output"), "wb+") as output, \
        open(os.path.join(soak.place, "errors"), "wb+") as errors:
      started = time.monotonic()
      process = subprocess.Popen(
        [soak.tool, *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
        env=soak.environment)
      self.kibibytes = 0
      while process.poll() is None:
        self.kibibytes = max(self.kibibytes, peak(process))
        time.sleep(0.002)
      self.seconds = time.monotonic() - started
      for file in (output, errors):
        file.seek(0)
      self.run = Run(process.returncode, output.read(), errors.read())

  def problems(self, wanted, limit=READING_KIBIBYTES):
    found = []
    if self.run.status != 0:
      found.append(f"ended with {self.run.status}: {self.run.message}")
    if wanted is not None and self.run.output != wanted:
      found.append(f"answered {self.run.output[:200]!r} instead of {wanted[:200]!r}")
    if self.kibibytes > limit:
      found.append(f"took {self.kibibytes} KiB")
    return found


def record(soak, path, first, end, is_killed):
  """Records events; if it is to be killed, once all have been handed over."""
  process = subprocess.Popen(
    [soak.tool, "record", path], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL, env=soak.environment)
  started = time.monotonic()
  feed(process, first, end)
  kibibytes = peak(process)
  if is_killed:
    process.kill()
  process.stdin.close()
  while process.poll() is None:
    kibibytes = max(kibibytes, peak(process))
    time.sleep(0.002)
  problems = []
  if process.returncode != (-9 if is_killed else 0):
    problems.append(f"ended with {process.returncode}")
  if kibibytes > RECORDING_KIBIBYTES:
    problems.append(f"took {kibibytes} KiB")
  soak.note(
    f"recorded {end - first:,} events in {time.monotonic() - started:.0f} s,"
    f" {kibibytes >> 10} MiB resident")
  return problems


def ask(soak, path, total, choice):
  """Events by their ids and stretches of time, at both ends and anywhere."""
  slowest = 0
  for number in [0, total // 2, total - 1, *(choice.randrange(total) for _ in range(20))]:
    step = Step(soak, "query", path, "--json", "--id", f"e{number}")
    slowest = max(slowest, step.seconds)
    soak.case(f"event {number} of {total}", step.problems(line(number).encode()))
    first = min(number, total - 100)
    step = Step(
      soak, "query", path, "--json", "--from", str(START + first * STEP), "--limit", "100")
    slowest = max(slowest, step.seconds)
    wanted = "".join(map(line, range(first, first + 100))).encode()
    soak.case(f"100 events from {first} on", step.problems(wanted))
  soak.note(f"46 questions for one and 100 events: at most {slowest * 1000:.0f} ms each")


def run(soak):
  total = soak.options.cases or (400_000 if soak.options.quick else 100_000_000)
  choice = random.Random(f"{soak.seed}/many")
  path = os.path.join(soak.place, "recording")
  soak.case("recording, killed", record(soak, path, 0, total * 9 // 10, is_killed=True))
  newest = Step(soak, "query", path, "--json", "--desc", "--limit", "1")
  soak.note(f"after the kill the newest event came within {newest.seconds * 1000:.0f} ms")
  problems = newest.problems(None)
  kept = 0
  if not problems:
    kept = int(newest.run.output.split(b'"e')[1].split(b'"')[0]) + 1
    problems = Step(soak, "query", path, "--count").problems(f"{kept}\n".encode())
    problems += [] if kept <= total * 9 // 10 else ["more events than were sent"]
  soak.case("the newest event after a kill", problems)
  soak.case("recording on", record(soak, path, kept, total, is_killed=False))
  step = Step(soak, "query", path, "--count")
  soak.case("the count", step.problems(f"{total}\n".encode()))
  ask(soak, path, total, choice)
  step = Step(soak, "verify", path)
  soak.case("verify", step.problems(None) + (
    [] if step.run.output.endswith(b": sound\n") else [step.run.output.decode()]))
  size = sum(entry.stat().st_size for entry in os.scandir(path))
  soak.note(
    f"{total:,} events, {size / total:.1f} bytes each, verified in {step.seconds:.0f} s with"
    f" {step.kibibytes >> 10} MiB resident")
