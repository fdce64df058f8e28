"""Disks that fill at every size and have room again; limits on file sizes and open files."""

import os
import resource
import select
import shutil
import signal
import time

import mounts
from common import dense_line, leftovers, line, lines

BUFFER_KIBIBYTES = 4100  # The tool's buffer: 4 MiB and a page.
EVENT_BYTES = 2000


def make(number):
  return dense_line(number, EVENT_BYTES)


def check_full(soak, folder, first, sent, run):
  """What holds after recording met a full disk. Returns the next number and the problems."""
  problems = soak.ended_well(run)
  least = first + soak.acknowledged(run.output)
  if run.status == 0 and least != sent:
    problems.append(f"status 0 with {least} of {sent} acknowledged")
  if run.status == 1 and b"No space left" not in run.errors:
    problems.append(f"it does not say that the disk is full: {run.message}")
  count, wrong = soak.contents(folder, least, sent, make=make)
  problems += wrong + soak.sound(folder, may_be_missing=count == 0)
  temporary = [name for name in leftovers(folder) if name.endswith(".tmp")]
  if len(temporary) > 1:
    problems.append(f"left behind: {temporary}")
  return count or 0, problems


def check_on(soak, folder, count):
  """Once there is room, recording goes on where it was."""
  again = soak.run("record", folder, "--ack", data=lines(range(count, count + 40), make))
  problems = [f"with room: {text}" for text in soak.ended_well(again, statuses=(0,))]
  problems += soak.contents(folder, count + 40, count + 40, make=make)[1] + soak.sound(folder)
  if leftovers(folder):
    problems.append(f"left behind: {leftovers(folder)}")
  return problems


def fill_tmpfs(soak, place, kibibytes):
  """Records about a mebibyte on a disk of this size, then enlarges it."""
  mounts.tmpfs(place, kibibytes)
  folder = os.path.join(place, "trace")
  options = ["--durability", "disk", "--batch", "30"] if kibibytes // 4 % 3 == 0 else []
  run = soak.run("record", folder, "--ack", *options, data=lines(range(600), make))
  count, problems = check_full(soak, folder, 0, 600, run)
  mounts.resize(place, 64 << 10)
  problems += check_on(soak, folder, count)
  soak.case(f"tmpfs of {kibibytes} KiB", problems)
  mounts.unmount(place)


def leave_room(filler, kibibytes):
  """Takes all room of a file system but so much, with what is kept for root."""
  with open(filler, "wb") as file:
    state = os.fstatvfs(file.fileno())
    size = state.f_bfree * state.f_frsize - (kibibytes << 10)
    while True:
      try:
        return os.posix_fallocate(file.fileno(), 0, size)
      except OSError:
        # The file's own extents need room as well.
        file.truncate(0)
        size -= 4096


def fill_ext4(soak, image, place, kibibytes):
  """The same with so much room left on ext4, where blocks are allocated late."""
  image.mount(place)
  folder = os.path.join(place, f"trace-{kibibytes}")
  filler = os.path.join(place, "filler")
  leave_room(filler, kibibytes)
  options = ["--durability", "disk", "--batch", "30"] if kibibytes // 4 % 3 == 0 else []
  run = soak.run("record", folder, "--ack", *options, data=lines(range(600), make))
  count, problems = check_full(soak, folder, 0, 600, run)
  os.unlink(filler)
  problems += check_on(soak, folder, count)
  soak.case(f"ext4 with {kibibytes} KiB free", problems)
  shutil.rmtree(folder)
  mounts.unmount(place)


def wait_for(process, text, seconds):
  """Reads a process's messages until one holds `text`."""
  said = b""
  end = time.monotonic() + seconds
  while text not in said and time.monotonic() < end:
    if select.select([process.stderr], [], [], 0.1)[0]:
      piece = os.read(process.stderr.fileno(), 65536)
      if not piece:
        break
      said += piece
  return said


def wait_for_room(soak, place, kibibytes):
  """More than the buffer holds, on a full disk: recording waits, and goes on with room."""
  mounts.tmpfs(place, kibibytes)
  folder = os.path.join(place, "trace")
  source = os.path.join(soak.place, f"input-{kibibytes}")
  total = 5000
  with open(source, "wb") as file:
    file.write(lines(range(total), make))
  with open(source, "rb") as file:
    process = soak.start("record", folder, "--ack", stdin=file)
    said = wait_for(process, b"recording waits", 20)
    problems = [] if b"recording waits" in said else [f"it does not wait: {said!r}"]
    # Reading goes on meanwhile.
    answer = soak.run("query", folder, "--count")
    if answer.status != 0 or not answer.output.strip().isdigit():
      problems.append(f"a query meanwhile: {answer.status} {answer.message}")
    if kibibytes % 3 == 0:
      process.send_signal(signal.SIGTERM)
      run = soak.finish(process)
      run.errors = said + run.errors
      if run.status != 1:
        problems.append(f"stopped while it waited, it ended with {run.status}")
      count, wrong = check_full(soak, folder, 0, total, run)
      mounts.resize(place, 64 << 10)
    else:
      mounts.resize(place, 64 << 10)
      run = soak.finish(process)
      problems += soak.ended_well(run, statuses=(0,))
      count, wrong = check_full(soak, folder, 0, total, run)
      if count != total:
        problems.append(f"{count} of {total} events")
  problems += wrong + check_on(soak, folder, count)
  soak.case(f"waiting on tmpfs of {kibibytes} KiB", problems)
  mounts.unmount(place)
  os.unlink(source)


def sample(soak, items):
  items = list(items)
  limit = soak.options.cases or (25 if soak.options.quick else None)
  return soak.random.sample(items, limit) if limit and limit < len(items) else items


def run(soak):
  mounts.private()
  place = os.path.join(soak.place, "disk")
  try:
    # Up to where the buffer fits, and then through all of what is written to segments.
    sizes = range(4, BUFFER_KIBIBYTES, 4)
    for kibibytes in sample(soak, sizes):
      fill_tmpfs(soak, place, kibibytes)
    soak.note(f"tmpfs: {soak.cases} sizes at which the buffer does not fit")
    before = soak.cases
    for kibibytes in sample(soak, range(BUFFER_KIBIBYTES, BUFFER_KIBIBYTES + 1000, 4)):
      fill_tmpfs(soak, place, kibibytes)
    soak.note(f"tmpfs: {soak.cases - before} sizes beyond")
    for kibibytes in sample(soak, range(4200, 4320, 12))[:4 if soak.options.quick else None]:
      wait_for_room(soak, place, kibibytes)
    before = soak.cases
    image = mounts.Image("ext4", os.path.join(soak.place, "ext4.img"), 32)
    for kibibytes in sample(soak, range(4, BUFFER_KIBIBYTES + 1000, 52)):
      fill_ext4(soak, image, place, kibibytes)
    soak.note(f"ext4: {soak.cases - before} amounts of room")
  finally:
    mounts.unmount_all(soak.place)


# MARK: Limits of the process


def check_limited(soak, folder, run, sent, label, wanted):
  problems = soak.ended_well(run)
  if run.status == 1 and not any(text in run.errors for text in wanted):
    problems.append(f"it does not say why: {run.message}")
  least = soak.acknowledged(run.output)
  count, wrong = soak.contents(folder, least, sent, make=make)
  problems += wrong + soak.sound(folder, may_be_missing=count == 0)
  soak.case(label, problems + check_on(soak, folder, count or 0))


def limit_files(soak, byte_count):
  """A limit on the size of files, whose signal must not end the tool."""
  folder = soak.folder(f"limit-{byte_count}")
  amount = 60 if byte_count < BUFFER_KIBIBYTES << 10 else 4000
  run = soak.run(
    "record", folder, "--ack", data=lines(range(amount), make),
    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (byte_count, byte_count)))
  check_limited(soak, folder, run, amount, f"RLIMIT_FSIZE {byte_count}", [b"File too large"])


def limit_descriptors(soak, count):
  """A limit on open files, set once the program is loaded."""
  folder = soak.folder(f"files-{count}")
  os.makedirs(folder)
  path = os.path.join(folder, "trace")
  soak.run("record", path, data=lines(range(20), make))
  run = soak.run(
    "record", path, "--ack", "--max-events", "80", data=lines(range(20, 40), make),
    environment=soak.faulty(folder, FAULT_NOFILE=str(count)))
  # Where the first 20 count as acknowledged.
  run.output = b"%d\n" % (20 + soak.acknowledged(run.output))
  check_limited(soak, path, run, 40, f"RLIMIT_NOFILE {count}", [b"Too many open files"])
  for command in ("query", "verify", "info"):
    reader = soak.run(command, path, environment=soak.faulty(folder, FAULT_NOFILE=str(count)))
    problems = soak.ended_well(reader)
    if reader.status == 1 and b"Too many open files" not in reader.errors:
      problems.append(f"it does not say why: {reader.message}")
    soak.case(f"{command} with RLIMIT_NOFILE {count}", problems)


def run_limits(soak):
  sizes = sample(soak, range(512, (64 << 10) + 1, 512))
  beyond = [(BUFFER_KIBIBYTES << 10) + extra for extra in (0, 1, 511, 4096, 65536, 999_999)]
  soak.each(lambda size: limit_files(soak, size), sizes + beyond)
  soak.shim
  # From the first at which the tool has one besides its standard streams.
  soak.each(lambda count: limit_descriptors(soak, count), range(4, 25))
