"""Every system call of the tool fails once and for ever, comes up short, or is the last."""

import errno
import os
import shutil

from common import digests, leftovers, line, lines

ERRORS = {
  "open": ["EMFILE", "ENFILE", "EIO", "ENOSPC", "EACCES", "EROFS"],
  "read": ["EIO"],
  "write": ["EIO", "ENOSPC", "EDQUOT", "EFBIG"],
  "sync": ["EIO", "ENOSPC", "EDQUOT"],
  "truncate": ["EIO", "EPERM"],
  "allocate": ["ENOSPC"],
  "map": ["ENOMEM", "ENODEV"],
  "rename": ["EIO", "ENOSPC"],
  "unlink": ["EIO", "EPERM", "EROFS"],
  "mkdir": ["EACCES", "ENOSPC", "EROFS"],
  "lock": ["ENOLCK"],
  "list": ["EIO"],
  "stat": ["EIO"],
}
# The calls that POSIX lets a signal interrupt.
INTERRUPTED = ["open", "read", "write", "sync", "truncate", "lock"]


def actions(call):
  """What can happen at a call, each as the end of a FAULT."""
  yield "kill"
  for error in ERRORS[call]:
    yield error
    yield f"{error}:sticky"
  if call in INTERRUPTED:
    # For ever would be a call that is tried for ever, as it should be.
    yield "EINTR"
    yield "EINTR:alternate"
  if call in ("read", "write"):
    yield "short"
    yield "short:sticky"
  if call == "write":
    yield "torn"
    yield "torn-kill"


class Scene:
  """One thing that the tool does, from a given state of the recording."""

  def __init__(self, name, arguments, before=0, count=60, first=0, kept=None, reads=False):
    self.name = name
    self.arguments = arguments
    # Events that are in the recording before, and the events that are recorded.
    self.before, self.count = before, count
    # With a limit of events, how many may be left at least.
    self.kept = kept
    self.reads = reads
    self.template = None

  @property
  def sent(self):
    return self.before + self.count


def scenes(soak):
  """The scenes with their templates made."""
  fresh = Scene("new", ["--ack"])
  disk = Scene("disk", ["--ack", "--durability", "disk", "--batch", "20"])
  crashed = Scene("crashed", ["--ack", "--batch", "7"], before=160)
  limited = Scene("limits", ["--ack", "--max-events", "160"], before=200, count=200, kept=120)
  found = [fresh, disk, crashed, limited]
  for command in ("query", "verify", "info"):
    found.append(Scene(command, [], before=160, count=0, reads=True))
  for scene in found:
    if not scene.before:
      continue
    scene.template = soak.folder(f"template-{scene.name}")
    path = os.path.join(scene.template, "trace")
    os.makedirs(scene.template)
    if scene.kept:
      soak.run("record", path, "--max-events", "160", data=lines(range(scene.before)))
      continue
    soak.run("record", path, data=lines(range(100)))
    # What a kill leaves behind: a buffer that holds events.
    process = soak.start("record", path, "--ack")
    process.stdin.write(lines(range(100, scene.before)))
    process.stdin.flush()
    while process.stdout.readline() != b"%d\n" % (scene.before - 100):
      pass
    process.kill()
    soak.finish(process)
  return found


def named(fault, run):
  """Whether a message names the error that was made."""
  name = "EIO" if fault.endswith(":torn") else fault.split(":")[2]
  if run.status != 1 or not hasattr(errno, name):
    return []
  wanted = os.strerror(getattr(errno, name))
  return [] if wanted in run.message else [f"it does not say '{wanted}': {run.message}"]


class Sweep:
  """The sweep over one scene."""

  def __init__(self, soak, scene):
    self.soak, self.scene = soak, scene

  def prepare(self, name):
    folder = self.soak.folder(f"{self.scene.name}-{name}")
    if self.scene.template:
      shutil.copytree(self.scene.template, folder)
    else:
      os.makedirs(folder)
    return folder, os.path.join(folder, "trace")

  def perform(self, path, environment):
    scene = self.scene
    # With durability disk it waits for room as long as the disk is full, and may be stopped.
    fault = environment.get("FAULT", "")
    waits = "disk" in scene.arguments and fault.endswith(("ENOSPC:sticky", "EDQUOT:sticky"))
    if scene.reads:
      more = ["--all", "--json"] if scene.name == "query" else []
      return self.soak.run(scene.name, path, *more, environment=environment, timeout=20)
    return self.soak.run(
      "record", path, *scene.arguments, data=lines(range(scene.before, scene.sent)),
      environment=environment, timeout=20, stop=2 if waits else None)

  def faults(self):
    """Every fault of the sweep, from the calls of a run without one."""
    folder, path = self.prepare("log")
    log = os.path.join(self.soak.place, f"{self.scene.name}.log")
    run = self.perform(path, self.soak.faulty(folder, log=log))
    problems = self.soak.ended_well(run, statuses=(0,))
    if problems:
      raise RuntimeError(f"without a fault: {problems}")
    with open(log) as file:
      # Number, kind, number of its kind, path (a removed file's says so), bytes.
      calls = [[*text.split()[:4], text.split()[-1]] for text in file]
    shutil.rmtree(folder)
    found = []
    for place, (_, call, index, name, byte_count) in enumerate(calls):
      before, after = calls[max(0, place - 2)], calls[min(len(calls) - 1, place + 2)]
      # The buffer is filled by many writes of one size: in the quick tier the first and the last
      # two stand for all.
      alike = all(other[1] == call and other[3:] == [name, byte_count] for other in (before, after))
      if alike and not self.soak.options.every_call and int(index) % 97:
        continue
      found += [f"{call}:{index}:{action}" for action in actions(call)]
    return found, len(calls)

  def check(self, fault):
    folder, path = self.prepare(fault.replace(":", "-"))
    before = digests(folder) if self.scene.reads else None
    run = self.perform(path, self.soak.faulty(folder, fault))
    problems = self.soak.ended_well(
      run, killed="kill" in fault, statuses=(0, 1, 4) if self.scene.reads else (0, 1))
    problems += named(fault, run)
    if self.scene.reads:
      problems += self.check_reader(fault, run, before, folder)
    elif not problems:
      problems += self.check_writer(run, path)
    self.soak.case(f"{self.scene.name} {fault}", problems)
    shutil.rmtree(folder, ignore_errors=True)

  def check_reader(self, fault, run, before, folder):
    problems = []
    if digests(folder) != before:
      problems.append("a reader changed a file")
    whole = lines(range(self.scene.before))
    if self.scene.name == "query":
      if run.status == 0 and run.output != whole and b"incomplete" not in run.errors:
        problems.append("status 0 for a part of the answer")
      known = set(whole.splitlines())
      if not all(text in known for text in run.output[:run.output.rfind(b"\n") + 1].splitlines()):
        problems.append("an event that was never recorded")
    if run.status == 4:
      problems.append(f"a failed call is called damage: {run.message} {run.output.decode()}")
    return problems

  def check_writer(self, run, path):
    soak, scene = self.soak, self.scene
    least = scene.before + soak.acknowledged(run.output)
    if run.status == 0 and least != scene.sent:
      return [f"status 0 with {least} of {scene.sent} acknowledged"]
    count, problems = self.contents(path, least, scene.sent)
    problems += soak.sound(path, may_be_missing=count == 0)
    if problems or count is None:
      return problems
    # It goes on as if nothing had been.
    again = soak.run(
      "record", path, "--ack", *scene.arguments[1:], data=lines(range(count, count + 20)))
    problems += [f"recording on: {text}" for text in soak.ended_well(again, statuses=(0,))]
    if soak.acknowledged(again.output) != 20:
      problems.append(f"recording on acknowledged {again.output[-20:]!r} of 20")
    problems += self.contents(path, count + 20, count + 20)[1] + soak.sound(path)
    if leftovers(path):
      problems.append(f"left behind: {leftovers(path)}")
    return problems

  def contents(self, path, least, most):
    """The number after the last event, and what is wrong with the events."""
    if self.scene.kept is None:
      return self.soak.contents(path, least, most)
    answer = self.soak.query(path)
    got = answer.output.splitlines(keepends=True)
    if answer.status != 0 or not got or b"damage" in answer.errors:
      return None, [f"query ended with {answer.status}, {len(got)} events: {answer.message}"]
    first = int(got[0].split(b'"e')[1].split(b'"')[0])
    count = first + len(got)
    problems = []
    if got != [line(number) for number in range(first, count)]:
      problems.append(f"the events {first} to {count} are not as recorded")
    if not least <= count <= most:
      problems.append(f"the last is {count}, acknowledged {least}, sent {most}")
    if len(got) < self.scene.kept:
      problems.append(f"only {len(got)} events are kept")
    return count, problems


def check_the_checks(soak):
  """A recording with a bit turned over, or an event too few, must be found out."""
  path = soak.folder("control")
  soak.run("record", path, data=lines(range(100)))
  problems = soak.contents(path, 100, 100)[1] + soak.sound(path)
  if not soak.contents(path, 101, 200)[1]:
    problems.append("a missing event is not noticed")
  name = next(name for name in sorted(os.listdir(path)) if name.endswith(".segment"))
  with open(os.path.join(path, name), "r+b") as file:
    file.seek(os.path.getsize(file.name) // 3)
    byte = file.read(1)[0]
    file.seek(-1, os.SEEK_CUR)
    file.write(bytes([byte ^ 4]))
  if not soak.sound(path):
    problems.append("a bit turned over is not noticed")
  soak.case("the checks themselves", problems)


def run(soak):
  check_the_checks(soak)
  soak.shim
  for scene in scenes(soak):
    if soak.options.scene and scene.name not in soak.options.scene:
      continue
    sweep = Sweep(soak, scene)
    faults, call_count = sweep.faults()
    limit = soak.options.cases or (60 if soak.options.quick else None)
    total = len(faults)
    if limit and limit < total:
      faults = soak.random.sample(faults, limit)
    soak.note(f"{scene.name}: {call_count} calls, {len(faults)} of {total} faults")
    soak.each(sweep.check, faults)
