"""What every section of the soak shares: the tool, events known by their number, and checks."""

import concurrent.futures
import hashlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
START = 1_000_000_000
STEP = 1000


def line(number, byte_count=24):
  """The event `number` as `reel record` reads it and as `reel query --json` prints it."""
  seed = hashlib.blake2b(b"%d" % number).hexdigest()
  text = (seed * (byte_count // len(seed) + 1))[:byte_count]
  kind = ("call", "return", "send", "receive")[number % 4]
  return (
    f'{{"id":"e{number}","timestamp_ns":"{START + number * STEP}","kind":"{kind}",'
    f'"process":"p{number % 5}","module":"Shop","function":"buy","arity":2,'
    f'"correlation_id":"req-{number % 7}","data":{{"n":{number},"x":"{text}"}}}}\n').encode()


def dense_line(number, byte_count):
  """An event whose payload cannot be compressed, so that files grow as fast as the input."""
  noise = random.Random(number).randbytes(byte_count // 2).hex()
  return (
    f'{{"id":"e{number}","timestamp_ns":"{START + number * STEP}",'
    f'"data":{{"n":{number},"x":"{noise}"}}}}\n').encode()


def lines(numbers, make=line):
  return b"".join(map(make, numbers))


class Skipped(Exception):
  """This machine lacks what a section needs; the argument says what."""


class Run:
  """A finished process."""

  def __init__(self, status, output, errors, timed_out=False):
    self.status, self.output, self.errors = status, output, errors
    self.timed_out = timed_out

  @property
  def message(self):
    return self.errors.decode(errors="replace").strip()


class Soak:
  """One section's run: where it works, how many cases it had, and what went wrong."""

  def __init__(self, options, name):
    self.options = options
    self.name = name
    self.seed = options.seed
    self.random = random.Random(f"{options.seed}/{name}")
    self.cases = 0
    self.bad = 0
    self.skips = []
    self.notes = []
    self.started = time.monotonic()
    self.lock = threading.Lock()
    self.processes = set()
    base = options.scratch or ("/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    self.place = tempfile.mkdtemp(prefix=f"reel-soak-{name}-", dir=base)
    self.environment = dict(os.environ, SWIFT_BACKTRACE="enable=no")
    # A copy, so that a build meanwhile changes nothing.
    self.tool = shutil.copy(options.tool, self.place)
    self._shim = None

  # Processes

  @property
  def shim(self):
    """The preload library, compiled once a section."""
    with self.lock:
      if self._shim is None:
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if compiler is None or not sys.platform.startswith("linux"):
          raise Skipped("a C compiler and Linux")
        path = os.path.join(self.place, "fault_shim.so")
        source = os.path.join(HERE, "fault_shim.c")
        subprocess.run(
          [compiler, "-std=gnu11", "-shared", "-fPIC", "-O1", "-o", path, source,
           "-ldl", "-lpthread"], check=True)
        self._shim = path
    return self._shim

  def faulty(self, folder, fault=None, log=None, **more):
    """The environment in which calls on files below `folder` fail as `fault` says."""
    environment = dict(self.environment, LD_PRELOAD=self.shim, FAULT_DIR=folder, **more)
    if fault:
      environment["FAULT"] = fault
    if log:
      environment["FAULT_LOG"] = log
    return environment

  def start(self, *arguments, environment=None, **more):
    """Starts the tool; `finish` must follow."""
    process = subprocess.Popen(
      [self.tool, *arguments], stdin=more.pop("stdin", subprocess.PIPE),
      stdout=more.pop("stdout", subprocess.PIPE), stderr=more.pop("stderr", subprocess.PIPE),
      env=environment or self.environment, **more)
    with self.lock:
      self.processes.add(process)
    return process

  def finish(self, process, data=None, timeout=60, stop=None):
    """Feeds a process and waits for its end; one that does not end is killed and said to hang.

    After `stop` seconds it is asked to end.
    """
    timed_out = False
    try:
      try:
        output, errors = process.communicate(data, timeout=stop or timeout)
      except subprocess.TimeoutExpired:
        if not stop:
          raise
        process.terminate()
        output, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
      timed_out = True
      process.kill()
      output, errors = process.communicate()
    with self.lock:
      self.processes.discard(process)
    return Run(process.returncode, output or b"", errors or b"", timed_out)

  def run(self, *arguments, data=None, environment=None, timeout=60, stop=None, **more):
    if data is None:
      more.setdefault("stdin", subprocess.DEVNULL)
    return self.finish(
      self.start(*arguments, environment=environment, **more), data, timeout, stop)

  # Cases

  def case(self, label, problems):
    """Counts a case; `problems` is what went wrong in it."""
    with self.lock:
      self.cases += 1
      if not problems:
        return True
      self.bad += 1
      if self.bad <= 40:
        text = "; ".join(problems)
        print(f"BAD {self.name}: {label}: {text[:1500]} (seed {self.seed})", flush=True)
      return False

  def skip(self, reason):
    self.skips.append(reason)
    print(f"SKIPPED: {self.name} needs {reason}", flush=True)

  def note(self, text):
    self.notes.append(text)
    print(f"  {self.name}: {text}", flush=True)

  def each(self, body, items):
    """Runs `body` on every item, several at a time."""
    with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
      for future in [pool.submit(body, item) for item in items]:
        future.result()

  def folder(self, name):
    path = os.path.join(self.place, name)
    shutil.rmtree(path, ignore_errors=True)
    return path

  def end(self):
    """Ends what is still running, cleans up, and says the one line."""
    for process in list(self.processes):
      try:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()
      except OSError:
        pass
    shutil.rmtree(self.place, ignore_errors=True)
    seconds = time.monotonic() - self.started
    print(
      f"SOAK: {self.name}, {self.cases} cases, {self.bad} bad, seed {self.seed},"
      f" {seconds:.1f} s", flush=True)

  # Checks

  def acknowledged(self, output):
    """The last number of complete lines that `--ack` printed."""
    complete = output[:output.rfind(b"\n") + 1].split()
    return int(complete[-1]) if complete else 0

  def query(self, folder, *arguments, **more):
    return self.run("query", folder, "--json", *(arguments or ("--all",)), **more)

  def contents(self, folder, least, most, first=0, make=line):
    """Checks that the recording holds the events `first` up to some number between both bounds.

    Returns that number and the problems.
    """
    answer = self.query(folder)
    if answer.status == 2 and least <= first:
      return first, []
    if answer.status != 0:
      return None, [f"query ended with {answer.status}: {answer.message}"]
    got = answer.output.splitlines(keepends=True)
    problems = []
    if b"damage" in answer.errors or b"incomplete" in answer.errors:
      problems.append(f"query said: {answer.message}")
    count = first + len(got)
    if not least <= count <= most:
      problems.append(f"{count} events, acknowledged {least}, sent {most}")
    for index, found in enumerate(got):
      if found != make(first + index):
        problems.append(f"event {first + index} reads {found[:120]!r}")
        break
    return count, problems

  def sound(self, folder, may_be_missing=False):
    """Checks that `reel verify` finds nothing."""
    answer = self.run("verify", folder)
    if answer.status == 2 and may_be_missing:
      return []
    if answer.status != 0 or not answer.output.endswith(b": sound\n"):
      text = (answer.output + answer.errors).decode(errors="replace").strip()
      return [f"verify ended with {answer.status}: {text}"]
    return []

  def passes_verify(self, folder):
    """Checks that `reel verify` ends with 0; notes of what was reported before are no matter."""
    answer = self.run("verify", folder)
    if answer.status == 0:
      return []
    text = (answer.output + answer.errors).decode(errors="replace").strip()
    return [f"verify ended with {answer.status}: {text}"]

  def ended_well(self, run, killed=False, statuses=(0, 1)):
    """Checks how a process ended: as documented, with a message if it failed, and not by a trap."""
    if run.timed_out:
      return [f"did not end: {run.message}"]
    if killed and run.status == -signal.SIGKILL:
      return []
    if run.status < 0:
      return [f"ended by signal {-run.status}: {run.message}"]
    if run.status not in statuses:
      return [f"ended with {run.status}: {run.message}"]
    # A loss that a repair met is data, on standard output.
    if run.status not in (0, 3) and not any(
        text.startswith("reel: ") for text in run.message.splitlines()):
      return [f"ended with {run.status} and no message: {run.message}"]
    return []


def leftovers(folder):
  """Names in a closed recording that should be gone."""
  try:
    names = os.listdir(folder)
  except FileNotFoundError:
    return []
  return [name for name in names if name.endswith((".tmp", ".buffer"))]


def digests(folder):
  """Every file below a folder with a digest of its bytes."""
  found = {}
  for base, _, names in os.walk(folder):
    for name in names:
      path = os.path.join(base, name)
      with open(path, "rb") as file:
        found[os.path.relpath(path, folder)] = hashlib.blake2b(file.read()).digest()
  return found


def no_core_files():
  resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def signals_end_programs():
  """A shell starts what runs in its background with SIGINT and SIGQUIT ignored, and every program
  started from there inherits it: one that is sent such a signal would live on."""
  for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
    if signal.getsignal(number) == signal.SIG_IGN:
      signal.signal(number, signal.SIG_DFL)
  if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
