"""Harms recordings in every way and repairs them: all that can be read is saved, the rest told of.

That the repair itself is killed, fails and lacks room is in interrupted.py.
"""

import json
import os
import random
import shutil

import harm
import interrupted
import mounts
from common import Skipped, digests, lines


def report_of(run):
  """The last line that `reel repair --json` printed, and the lost numbers as ranges."""
  texts = run.output.splitlines()
  if not texts:
    return None, []
  report = json.loads(texts[-1])
  if "complete" not in report:
    return None, []
  return report, [
    (int(lost["first_sequence"]), int(lost["last_sequence"])) for lost in report["lost"]]


def is_in(ranges, sequence):
  return any(first <= sequence <= last for first, last in ranges)


class Case:
  """One harmed recording, its repair, and what must hold of both."""

  def __init__(self, soak, template, index):
    self.soak, self.template = soak, template
    self.label = f"{template.name} {index}"
    self.folder = soak.folder(f"case-{index}")
    self.path = os.path.join(self.folder, "trace")
    self.out = os.path.join(self.folder, "repaired")
    shutil.copytree(template.path, self.path)
    self.random = random.Random(f"{soak.seed}/repair/{index}")
    self.harm = harm.Harm(self.path, self.random)
    # Whether the end of the log was taken away so that nothing could tell of it.
    self.untold = 0
    # Events at the end of a buffer that are lost without a word.
    self.silent = 0
    self.status = None

  def plain(self, text):
    """A line without its attribute, when the declarations are lost."""
    if not self.report or not self.report["attributes_lost"]:
      return text
    number = harm.number_of(text)
    return text.replace(b',"size":"%d"' % (number * 3), b"")

  def check(self):
    soak = self.soak
    before = digests(self.path)
    read = soak.query(self.path)
    readable = read.output[:read.output.rfind(b"\n") + 1].splitlines(True)
    run = soak.run("repair", self.path, self.out, "--json")
    self.status = run.status
    problems = soak.ended_well(run, statuses=(0, 1, 3))
    if digests(self.path) != before:
      problems.append("a file of the damaged recording has changed")
    if os.path.exists(self.out + ".repair"):
      problems.append("the temporary folder is left behind")
    self.report, self.lost = report_of(run)
    if run.status == 1:
      if readable:
        problems.append(f"{len(readable)} events can be read, none was saved: {run.message}")
      if os.path.exists(self.out):
        problems.append("status 1, and a folder was made")
    elif self.report is None:
      problems.append("there is no report")
    elif not problems:
      problems += self.check_saved(readable) + self.check_goes_on()
    return problems

  def check_saved(self, readable):
    soak, template = self.soak, self.template
    problems = soak.passes_verify(self.out)
    answer = soak.query(self.out)
    saved = answer.output.splitlines(True)
    if answer.status != 0:
      problems.append(f"a query of it ended with {answer.status}: {answer.message}")
    known = {self.plain(text) for text in template.recorded.values()}
    problems += [f"never recorded: {text[:100]!r}" for text in saved if text not in known][:2]
    self.saved = [harm.number_of(text) for text in saved]
    if self.saved != sorted(set(self.saved)):
      problems.append("events are twice or out of order")
    kept = set(saved)
    problems += [
      f"can be read and is not saved: {text[:100]!r}"
      for text in readable if self.plain(text) not in kept
      # A reader that cannot read of a cut shows what it removed; a repair may know better.
      and harm.number_of(text) in template.visible][:2]
    problems += self.check_numbers(set(self.saved)) + self.check_documents()
    return problems

  def check_numbers(self, saved):
    """Whether what is missing is listed, what is listed is missing, and the status says so."""
    template, problems = self.template, []
    numbers = {template.sequences[number] for number in saved if number in template.sequences}
    told = max([*numbers, *(last for _, last in self.lost)], default=0)
    for number in sorted(set(template.visible) - saved):
      sequence = template.sequences[number]
      if is_in(self.lost, sequence):
        continue
      if sequence > told and self.end_is_gone(sequence):
        self.untold += 1
        continue
      # Of an end whose bytes cannot be read nothing tells how many there were, but that some were.
      if sequence > told and self.harm.done and self.status == 3:
        continue
      problems.append(f"event {number} with number {sequence} is lost and not listed")
      break
    problems += [f"{number} is saved and listed as lost"
                 for number in sorted(numbers) if is_in(self.lost, number)][:1]
    # Of a run without an end and without a buffer one number more is taken for lost.
    problems += [f"{first} to {last} is listed, {template.last} was the last number given"
                 for first, last in self.lost if last > template.last + 1 or first > last]
    report = self.report
    is_complete = not (
      self.lost or int(report["documents_lost"]) or report["attributes_lost"])
    if (self.status == 0) != is_complete or report["complete"] != is_complete:
      problems.append(f"status {self.status} with {report}")
    if int(report["events"]) < len(saved):
      problems.append(f"{report['events']} events reported, {len(saved)} are there")
    return problems

  def end_is_gone(self, sequence):
    """Whether a file that held a number or one above it has been deleted or cut."""
    last = max(
      (int(name[:20]) for name in self.template.files if name.endswith(".segment")
       and int(name[:20]) <= sequence), default=0)
    for name in self.harm.shortened:
      if name.endswith((".document", ".lock")):
        continue
      if not name.endswith(".segment") or int(name[:20]) >= last:
        return True
    return False

  def check_documents(self):
    problems, damaged = [], 0
    before, harmed, saved = self.template.files, digests(self.path), digests(self.out)
    for name in before:
      if not name.endswith(".document") or name not in harmed:
        continue
      # A bit that no reader looks at may be another one: then nothing is lost with it.
      is_whole = harmed[name] == before[name] or self.is_same(name)
      damaged += not is_whole
      if is_whole and saved.get(name) != harmed[name]:
        problems.append(f"{name} is whole and not saved")
      if not is_whole and name in saved:
        problems.append(f"{name} is damaged and saved")
    if damaged != int(self.report["documents_lost"]):
      problems.append(f"{damaged} documents are damaged, {self.report['documents_lost']} told")
    return problems

  def is_same(self, file):
    """Whether a file is a version of the document as its name says, with the same content."""
    name, version, _ = os.path.basename(file).split(".")
    version = str(int(version))
    dump = self.soak.run("dump", os.path.join(self.path, file))
    if f"document '{name}' version {version},".encode() not in dump.output or dump.status != 0:
      return False
    now, then = (
      self.soak.run("document", path, "get", name, "--version", version).output
      for path in (self.path, self.template.path))
    return now == then

  def check_goes_on(self):
    """Recording goes on in what was saved, behind the highest number."""
    if self.random.random() < 0.15:
      # Each record keeps its number.
      found, _ = harm.sequences(self.soak, self.out)
      wrong = [number for number, sequence in found.items()
               if self.template.sequences.get(number, sequence) != sequence]
      if wrong:
        return [f"other sequence numbers: {wrong[:5]}"]
    more = range(9000, 9010)
    run = self.soak.run("record", self.out, "--ack", data=lines(more))
    problems = [f"recording on: {text}" for text in self.soak.ended_well(run, statuses=(0,))]
    if b"damage" in run.errors:
      problems.append(f"recording on: {run.message}")
    output = self.soak.query(self.out).output
    if output.count(b"\n") != len(self.saved) + 10 or not output.endswith(lines(more)):
      problems.append(f"recording on: {output.count(10)} events of {len(self.saved) + 10}")
    return problems + self.soak.passes_verify(self.out)


def harm_all(soak, templates):
  """Repairs many harmed recordings."""
  counts = {0: 0, 1: 0, 3: 0}
  untold = silent = 0

  def one(index):
    nonlocal untold, silent
    case = Case(soak, templates[index % len(templates)], index)
    if index >= len(templates):
      case.harm.apply()
    problems = case.check()
    if index < len(templates) and case.status != 0:
      problems.append(f"nothing was harmed, and the status is {case.status}")
    soak.case(f"{case.label}, {'; '.join(case.harm.done)}", problems)
    with soak.lock:
      counts[case.status] = counts.get(case.status, 0) + 1
      untold += case.untold > 0
      silent += case.silent > 0
    shutil.rmtree(case.folder)

  soak.each(one, range(soak.options.cases or (110 if soak.options.quick else 20_000)))
  soak.note(
    f"{counts[0]} without loss, {counts[3]} with, of {counts[1]} nothing was saved; in {untold}"
    f" the end was taken away and nothing could tell of it, in {silent} the end of a buffer was"
    " harmed and nothing was said of it")


def run(soak):
  templates = harm.templates(soak)
  harm_all(soak, templates)
  soak.shim
  repairs = [interrupted.fail_everywhere(soak, template) for template in templates[:2]]
  try:
    interrupted.fill_disks(soak, repairs[1])
  except Skipped as reason:
    soak.skip(str(reason))
  finally:
    mounts.unmount_all(soak.place)
