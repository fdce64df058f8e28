"""Folders and files that may not be written or read: clear errors, and reading goes on."""

import os
import shutil
import subprocess

import mounts
from common import lines

NOBODY = 65534
COUNT = 300


class Place:
  """A recording that is closed or was killed, on a file system of its own."""

  def __init__(self, soak, is_killed):
    self.soak = soak
    self.name = "killed" if is_killed else "closed"
    self.disk = os.path.join(soak.place, f"disk-{self.name}")
    mounts.tmpfs(self.disk, 32 << 10)
    os.chmod(soak.place, 0o755)
    os.chmod(self.disk, 0o777)
    self.path = os.path.join(self.disk, "trace")
    process = soak.start("record", self.path, "--ack")
    process.stdin.write(lines(range(COUNT)))
    process.stdin.flush()
    while process.stdout.readline() != b"%d\n" % COUNT:
      pass
    if is_killed:
      process.kill()
    soak.finish(process)

  def names(self):
    return sorted(
      (name, os.path.getsize(os.path.join(self.path, name))) for name in os.listdir(self.path))

  def check(self, label, errors, as_nobody=False, reads=True, undo=None):
    """Readers read; a recorder says why it cannot record; nothing changes."""
    who = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if as_nobody else {}
    before = self.names()
    problems = []
    for command in (["query", self.path, "--all", "--json"], ["verify", self.path],
                    ["info", self.path], ["query", self.path, "--count"]):
      run = self.soak.run(*command, **who)
      problems += [f"{command[0]}: {text}" for text in self.soak.ended_well(run)]
      if reads and run.status != 0:
        problems.append(f"{command[0]} ended with {run.status}: {run.message}")
      if not reads and (run.status != 1 or b"Permission denied" not in run.errors):
        problems.append(f"{command[0]} ended with {run.status}: {run.message}")
      if reads and command[-1] == "--json" and run.output != lines(range(COUNT)):
        problems.append(f"{run.output.count(10)} events are read of {COUNT}")
    for command in (["record", self.path], ["drop", self.path, "--keep-events", "10"],
                    ["document", self.path, "set", "plan"]):
      run = self.soak.run(*command, data=lines(range(5)), **who)
      if run.status != 1 or not any(text in run.errors for text in errors):
        problems.append(f"{command[0]} ended with {run.status}: {run.message}")
    if self.names() != before:
      problems.append("the files are not as they were")
    if undo:
      undo()
    self.soak.case(f"{self.name}: {label}", problems)

  def check_on(self):
    run = self.soak.run("record", self.path, "--ack", data=lines(range(COUNT, COUNT + 20)))
    problems = self.soak.ended_well(run, statuses=(0,))
    problems += self.soak.contents(self.path, COUNT + 20, COUNT + 20)[1]
    problems += self.soak.sound(self.path)
    self.soak.case(f"{self.name}: with the rights given back", problems)


def change(place, mode, kinds):
  """Gives the folder or the files of a recording a mode. Returns what undoes it."""
  paths = [place.path] if "folder" in kinds else []
  if "files" in kinds:
    paths += [os.path.join(place.path, name) for name in os.listdir(place.path)]
  before = [(path, os.stat(path).st_mode) for path in paths]
  for path in paths:
    os.chmod(path, mode)
  return lambda: [os.chmod(path, mode) for path, mode in before]


def immutable(place):
  """Makes every file and the folder immutable, where the file system can."""
  subprocess.run(["chattr", "-R", "+i", place.path], check=True, capture_output=True)
  return lambda: subprocess.run(["chattr", "-R", "-i", place.path], check=True)


def run(soak):
  mounts.private()
  denied, read_only = [b"Permission denied"], [b"Read-only file system"]
  # Others must get at the tool, wherever it lies.
  tool = os.path.join(soak.place, "reel")
  if soak.tool != tool:
    soak.tool = shutil.copy(soak.tool, tool)
  try:
    for is_killed in (False, True):
      place = Place(soak, is_killed)
      mounts.call("mount", "-o", "remount,ro", place.disk)
      place.check(
        "a read-only file system", read_only,
        undo=lambda: mounts.call("mount", "-o", "remount,rw", place.disk))
      place.check("another's folder", denied, as_nobody=True)
      undo = change(place, 0o555, ["folder"])
      place.check("another's read-only folder", denied, as_nobody=True, undo=undo)
      undo = change(place, 0o000, ["files"])
      place.check("unreadable files", denied, as_nobody=True, reads=False, undo=undo)
      undo = change(place, 0o000, ["folder"])
      place.check("an unreadable folder", denied, as_nobody=True, reads=False, undo=undo)
      try:
        undo = immutable(place)
      except (OSError, subprocess.CalledProcessError):
        soak.note("chattr +i does not work here")
      else:
        place.check(
          "immutable files", [b"Operation not permitted", b"Permission denied"], undo=undo)
      place.check_on()
  finally:
    mounts.unmount_all(soak.place)
