"""Races for the writer's lock, and recordings taken over from writers that ended in any way."""

import os
import signal
import statistics
import time

from common import leftovers, line, lines

CLOSED_ON_EXEC = 0o2000000


def race(soak, path, index, count):
  """Several recorders at once: one of them gets the recording, the others say who has it."""
  racers = [
    soak.start("record", path, "--ack", "--max-events", "100000") for _ in range(count)]
  winners, problems = [], []
  end = time.monotonic() + 20
  while len(winners) + sum(racer.poll() is not None for racer in racers) < count:
    if time.monotonic() > end:
      problems.append("somebody neither wins nor gives up")
      break
    for racer in racers:
      if racer.poll() is None and racer not in winners and holds(path, racer.pid):
        winners.append(racer)
    time.sleep(0.001)
  losers = [racer for racer in racers if racer not in winners]
  if len(winners) != 1:
    problems.append(f"{len(winners)} of {count} won")
  for winner in winners:
    # Number for number, so that two winners would show in the events as well.
    winner.stdin.write(line(index))
    winner.stdin.flush()
    if winner.stdout.readline() != b"1\n":
      problems.append("the winner does not record")
    if index % 3:
      winner.kill()
    run = soak.finish(winner)
    if run.status not in (0, -signal.SIGKILL):
      problems.append(f"the winner ended with {run.status}: {run.message}")
  for loser in losers:
    run = soak.finish(loser, timeout=20)
    if run.status != 1 or b"another writer has it open" not in run.errors:
      problems.append(f"a loser ended with {run.status}: {run.message}")
  answer = soak.query(path)
  if answer.output != lines(range(index + 1)):
    problems.append(f"{answer.output.count(10)} events, wanted {index + 1}: {answer.message}")
  soak.case(f"race {index} of {count}", problems + soak.sound(path))


def holds(path, process_id):
  """Whether a process has the lock and has named itself in it."""
  try:
    with open(f"/proc/{process_id}/fdinfo/{lock_descriptor(path, process_id)}") as file:
      return "FLOCK" in file.read()
  except OSError:
    return False


def lock_descriptor(path, process_id):
  place = f"/proc/{process_id}/fd"
  wanted = os.path.join(path, "writer.lock")
  for name in os.listdir(place):
    try:
      if os.readlink(f"{place}/{name}") == wanted:
        return name
    except OSError:
      continue
  return -1


# MARK: Taking over


class TakenOver:
  """One recording whose writers all end in the middle, each the next one's predecessor."""

  def __init__(self, soak):
    self.soak = soak
    self.path = os.path.join(soak.place, "taken-over")
    self.count = 0
    self.times = []

  def begin(self):
    """Starts a recorder and waits until it has acknowledged an event."""
    started = time.monotonic()
    process = self.soak.start("record", self.path, "--ack", "--max-events", "1000000")
    process.stdin.write(line(self.count))
    process.stdin.flush()
    if process.stdout.readline() != b"1\n":
      run = self.soak.finish(process)
      return None, [f"it does not record: {run.status} {run.message}"]
    self.count += 1
    self.times.append((time.monotonic() - started) * 1000)
    return process, []

  def after(self, label, end, amount, is_orderly=False):
    """The writer ends by `end` with `amount` events more; the next one takes over at once."""
    process, problems = self.begin()
    if process is None:
      return self.soak.case(label, problems)
    process.stdin.write(lines(range(self.count, self.count + amount)))
    process.stdin.flush()
    acknowledged = 1
    while acknowledged < 1 + amount:
      acknowledged = int(process.stdout.readline())
    self.count += amount
    problems += descriptors_left_open(self.path, process.pid)
    end(process)
    run = self.soak.finish(process)
    if is_orderly != (run.status in (0, 1)):
      problems.append(f"it ended with {run.status}: {run.message}")
    answer = self.soak.query(self.path)
    if answer.output != lines(range(self.count)):
      problems.append(f"{answer.output.count(10)} of {self.count} events: {answer.message}")
    self.soak.case(label, problems + self.soak.sound(self.path))

  def unread(self, process):
    """Nobody takes what is acknowledged any more: the event that shows it is recorded."""
    process.stdout.close()
    process.stdout = None
    process.stdin.write(line(self.count))
    process.stdin.flush()
    self.count += 1
    process.wait(20)


def descriptors_left_open(path, process_id):
  """Descriptors of the recording that a program started by the host would inherit: with one of
  the lock it would keep the recording locked when the host is long gone."""
  found = []
  for name in os.listdir(f"/proc/{process_id}/fd"):
    try:
      target = os.readlink(f"/proc/{process_id}/fd/{name}")
      with open(f"/proc/{process_id}/fdinfo/{name}") as file:
        flags = next(int(text.split()[1], 8) for text in file if text.startswith("flags:"))
    except OSError:
      continue
    if target.startswith(path) and not flags & CLOSED_ON_EXEC:
      found.append(f"{target} stays open in programs that the recorder starts")
  return found


def take_over(soak):
  recording = TakenOver(soak)
  rounds = 20 if soak.options.quick else 300
  for index in range(rounds):
    amount = soak.random.choice([0, 1, 30, 3000])
    recording.after(f"kill -9 of {amount} events, {index}", lambda other: other.kill(), amount)
  for name in ("SIGHUP", "SIGQUIT", "SIGABRT", "SIGSEGV", "SIGBUS", "SIGUSR1", "SIGALRM"):
    number = getattr(signal, name)
    recording.after(name, lambda other: other.send_signal(number), 10)
  for name in ("SIGTERM", "SIGINT"):
    number = getattr(signal, name)
    recording.after(name, lambda other: other.send_signal(number), 10, is_orderly=True)
  recording.after("nobody reads", recording.unread, 10, is_orderly=True)
  not_waited_for(soak, recording)
  another_process_has_the_number(soak, recording)
  times = sorted(recording.times)
  soak.note(
    f"{len(times)} recorders took over: {statistics.median(times):.0f} ms from the start of the"
    f" process to its first acknowledgement, at most {times[-1]:.0f} ms")


def not_waited_for(soak, recording):
  """The next recorder starts while the killed one may still be ending."""
  for index in range(10):
    process, problems = recording.begin()
    if process is None:
      soak.case("kill -9, not waited for", problems)
      continue
    process.kill()
    attempts = 0
    while True:
      following, wrong = recording.begin()
      attempts += 1
      if following is not None or attempts == 100:
        break
      if "another writer" not in wrong[0]:
        problems += wrong
        break
    if following is None:
      problems += wrong
    else:
      following.kill()
      soak.finish(following)
    soak.finish(process)
    soak.case(f"kill -9, not waited for, {index}, {attempts} attempts", problems)


def another_process_has_the_number(soak, recording):
  """The lock file names a process that lives and is none of ours: only the lock itself counts."""
  file = os.path.join(recording.path, "writer.lock")
  for text in (f"{os.getpid()}\n", "1\n", "", "\0" * 64, "not a number\n" * 100):
    with open(file, "w") as lock:
      lock.write(text)
    process, problems = recording.begin()
    if process is not None:
      process.kill()
      soak.finish(process)
    soak.case(f"a lock file that says {text[:12]!r}", problems)


def run(soak):
  rounds = soak.options.cycles or (30 if soak.options.quick else 1000)
  path = os.path.join(soak.place, "trace")
  for index in range(rounds):
    race(soak, path, index, soak.random.randint(2, 8))
  soak.run("record", path, data=b"")
  soak.case("at the end", [f"left behind: {leftovers(path)}"] if leftovers(path) else [])
  take_over(soak)
