"""File systems of a section's own, in a mount namespace of its own: nothing is left behind."""

import ctypes
import os
import shutil
import subprocess

from common import Skipped

CLONE_NEWNS = 0x20000
MS_REC_PRIVATE = 0x4000 | 0x40000


def call(*arguments):
  """Runs a command that must succeed."""
  done = subprocess.run(arguments, capture_output=True, text=True)
  if done.returncode != 0:
    raise RuntimeError(f"{' '.join(arguments)}: {done.stderr.strip()}")


def private():
  """Gives this process and those it starts mounts that nobody else sees and that end with it."""
  if os.geteuid() != 0:
    raise Skipped("root, to mount file systems")
  libc = ctypes.CDLL(None, use_errno=True)
  if libc.unshare(CLONE_NEWNS) != 0 or libc.mount(
      None, b"/", None, MS_REC_PRIVATE, None) != 0:
    raise Skipped(f"a mount namespace: {os.strerror(ctypes.get_errno())}")


def tmpfs(place, kibibytes):
  os.makedirs(place, exist_ok=True)
  call("mount", "-t", "tmpfs", "-o", f"size={kibibytes}k", "tmpfs", place)


def resize(place, kibibytes):
  call("mount", "-o", f"remount,size={kibibytes}k", place)


class Image:
  """A file system in a file."""

  def __init__(self, kind, path, mebibytes):
    self.kind, self.path = kind, path
    if shutil.which(f"mkfs.{kind}") is None:
      raise Skipped(f"mkfs.{kind}")
    with open(path, "wb") as file:
      file.truncate(mebibytes << 20)
    quiet = ["-q", "-F"] if kind == "ext4" else ["-q", "-f"]
    call(f"mkfs.{kind}", *quiet, path)

  def mount(self, place):
    os.makedirs(place, exist_ok=True)
    try:
      call("mount", "-o", "loop", self.path, place)
    except RuntimeError as error:
      raise Skipped(f"loop devices: {error}") from error


def unmount(place):
  call("umount", place)


def unmount_all(below):
  """Takes away every mount below a folder, the last first."""
  with open("/proc/self/mounts") as file:
    places = [text.split()[1] for text in file]
  for place in reversed(places):
    if place.startswith(below):
      subprocess.run(["umount", "-l", place], capture_output=True)
