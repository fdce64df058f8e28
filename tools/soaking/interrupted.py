"""Repairs that are killed or fail at every call, or for which there is no room."""

import os
import shutil

import mounts
from calls import actions, named
from common import digests


class Interrupted:
  """A harmed recording whose repair is made to fail everywhere."""

  def __init__(self, soak, template):
    self.soak, self.template = soak, template
    self.folder = soak.folder(f"interrupted-{template.name}")
    os.makedirs(self.folder)
    self.path = os.path.join(self.folder, "trace")
    shutil.copytree(template.path, self.path)
    segments = sorted(name for name in os.listdir(self.path) if name.endswith(".segment"))
    os.unlink(os.path.join(self.path, segments[2]))
    with open(os.path.join(self.path, segments[4]), "r+b") as file:
      file.seek(os.path.getsize(file.name) // 3)
      file.write(b"\0" * 40)
    self.before = digests(self.path)
    self.log = os.path.join(soak.place, f"{template.name}-repair.log")
    run = soak.run(
      "repair", self.path, self.folder + "/reference",
      environment=soak.faulty(self.folder, log=self.log))
    self.status = run.status
    self.reference = soak.query(self.folder + "/reference").output
    self.documents = self.documents_of(self.folder + "/reference")
    if run.status != 3 or not self.reference or not self.documents:
      raise RuntimeError(f"without a fault: {run.status} {run.message}")

  @staticmethod
  def documents_of(path):
    return {name: digest for name, digest in digests(path).items() if "documents" in name}

  def faults(self):
    with open(self.log) as file:
      calls = [text.split()[1:3] for text in file]
    found = []
    for call, index in calls:
      found += [f"{call}:{index}:{action}" for action in actions(call)]
    return found, len(calls)

  def whole(self, out):
    """What is wrong with a repaired recording that is there."""
    answer = self.soak.query(out)
    problems = self.soak.passes_verify(out)
    if answer.output != self.reference or answer.status != 0:
      problems.append(f"{answer.output.count(10)} events of {self.reference.count(10)}")
    if self.documents_of(out) != self.documents:
      problems.append("the documents are not those")
    return problems

  def run(self, folder, environment=None):
    return self.soak.run(
      "repair", self.path_in(folder), os.path.join(folder, "out"), environment=environment,
      timeout=30)

  @staticmethod
  def path_in(folder):
    return os.path.join(folder, "trace")

  def check_fault(self, fault):
    folder = self.soak.folder(f"fault-{self.template.name}-{fault.replace(':', '-')}")
    os.makedirs(folder)
    shutil.copytree(self.path, self.path_in(folder))
    run = self.run(folder, self.soak.faulty(folder, fault))
    problems = self.soak.ended_well(run, killed="kill" in fault, statuses=(0, 1, 3))
    problems += named(fault, run)
    may_leave = "kill" in fault or "sticky" in fault
    problems += self.check_after(folder, run, may_leave)
    self.soak.case(f"{self.template.name} {fault}", problems)
    shutil.rmtree(folder)

  def check_after(self, folder, run, may_leave):
    """What is there after a repair that was ended or failed, and that the next one succeeds."""
    out, problems = os.path.join(folder, "out"), []
    if digests(self.path_in(folder)) != self.before:
      problems.append("a file of the damaged recording has changed")
    leftover = out + ".repair"
    if os.path.exists(out):
      problems += [f"under its final name: {text}" for text in self.whole(out)]
    elif run.status in (0, 3):
      problems.append(f"status {run.status}, and nothing is there")
    if run.status in (0, 3) and run.status != self.status:
      problems.append(f"status {run.status}, without a fault it is {self.status}")
    if os.path.exists(leftover):
      if not may_leave:
        problems.append(f"left behind: {os.listdir(leftover)}")
      if os.listdir(leftover) and not os.path.exists(out):
        again = self.run(folder)
        if again.status != 1 or b"was broken off here" not in again.errors:
          problems.append(f"a leftover is met with {again.status}: {again.message}")
        shutil.rmtree(leftover)
    if not os.path.exists(out):
      again = self.run(folder)
      if again.status != self.status:
        problems.append(f"the next repair ended with {again.status}: {again.message}")
      problems += [f"the next repair: {text}" for text in self.whole(out)]
    if digests(self.path_in(folder)) != self.before:
      problems.append("a file of the damaged recording has changed in the end")
    return problems


def fail_everywhere(soak, template):
  repair = Interrupted(soak, template)
  faults, call_count = repair.faults()
  total = len(faults)
  limit = soak.options.cases or (70 if soak.options.quick else None)
  if limit and limit < total:
    faults = soak.random.sample(faults, limit)
  soak.note(f"{template.name}: {call_count} calls, {len(faults)} of {total} faults")
  soak.each(repair.check_fault, faults)
  return repair


def fill_disks(soak, repair):
  """A disk of every size on which the repaired recording does not fit, and then room."""
  mounts.private()
  disk = os.path.join(soak.place, "disk")
  size = sum(
    os.path.getsize(os.path.join(base, name))
    for base, _, names in os.walk(repair.folder + "/reference") for name in names)
  sizes = list(range(4, (size >> 10) * 2 + 64, 4))
  limit = soak.options.cases or (12 if soak.options.quick else None)
  if limit and limit < len(sizes):
    sizes = soak.random.sample(sizes, limit)
  full = 0
  for kibibytes in sizes:
    mounts.tmpfs(disk, kibibytes)
    out = os.path.join(disk, "out")
    run = soak.run("repair", repair.path, out)
    problems = soak.ended_well(run, statuses=(1, 3))
    if run.status == 1:
      full += 1
      if b"No space left" not in run.errors:
        problems.append(f"it does not say that the disk is full: {run.message}")
      if os.listdir(disk):
        problems.append(f"left behind: {os.listdir(disk)}")
      mounts.resize(disk, 16 << 10)
      again = soak.run("repair", repair.path, out)
      if again.status != repair.status:
        problems.append(f"with room: {again.status} {again.message}")
    problems += repair.whole(out)
    if digests(repair.path) != repair.before:
      problems.append("a file of the damaged recording has changed")
    soak.case(f"a disk of {kibibytes} KiB", problems)
    mounts.unmount(disk)
  soak.note(f"{len(sizes)} sizes of a disk, {full} too small")
