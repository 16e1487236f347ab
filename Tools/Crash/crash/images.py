"""Power cuts: what may be left at each moment of a recording, given to the library.

A scenario's images are named `moment/number`: the events that had happened, and which of the
images of that moment it is. With the seed and the trace the name gives the same bytes again.
"""

import collections
import functools
import os
import pathlib
import random
import shutil
import tempfile
import time

import pages
import snapshot
from aftermath import Aftermath
from checking import demand
from pages import Unreadable
from reference import DATA, Reference
from world import Failure, fast_directory, require

FILES = {DATA, "lock.mdb", "sync.lock", "snapshot", "failed-commit"}
# With nothing pending all images of a moment are the same.
PRIVATELY = functools.partial(os.open, mode=0o600)
SHARE_OF_QUIET_MOMENTS = 0.03
THOROUGH_SHARE = 0.1
AFTERMATH_SHARE = 0.03


def is_expected(name):
    """Files that a journal's directory may hold."""
    return name in FILES or name.startswith("signing-") and name.endswith(".key")


class Images:
    def __init__(self, recording, tools, seed, pool):
        self.recording, self.tools, self.seed, self.pool = recording, tools, seed, pool
        self.scenario = recording.scenario
        self.reference = Reference(
            self.scenario, recording.world, recording.file_system(), recording.events)
        self.aftermath = Aftermath(self.scenario, recording.world, tools.reader)
        self.directory = pathlib.Path(tempfile.mkdtemp(
            prefix=f"images-{self.scenario.name}-", dir=fast_directory()))
        self.checked = self.absent = self.lost = 0
        self.distinct = set()
        self.failures = []

    def plan(self, count):
        """How many images of which moment."""
        pick = random.Random(f"{self.seed}/{self.scenario.name}/moments")
        weights = [0.0 if faulted else 1.0 if pending else SHARE_OF_QUIET_MOMENTS
                   for pending, faulted in zip(self.reference.pending, self.reference.faulted)]
        return collections.Counter(pick.choices(range(len(weights)), weights, k=count))

    def run(self, count, stop_at=1):
        """Makes and checks `count` images; stops after so many failures."""
        began = time.perf_counter()
        plan = self.plan(count)
        fs = self.recording.file_system()
        for moment in range(len(self.recording.events) + 1):
            if moment:
                fs.apply(self.recording.events[moment - 1])
            for number in range(plan[moment]):
                self.check(fs, moment, number)
            if len(self.failures) >= stop_at:
                break
        self.pool.drain()
        return time.perf_counter() - began

    def replay(self, name):
        moment, number = map(int, name.split("/"))
        fs = self.recording.file_system()
        for event in self.recording.events[:moment]:
            fs.apply(event)
        self.check(fs, moment, number)
        self.pool.drain()

    def check(self, fs, moment, number):
        """Makes one image, reads it with the independent reader and hands it to the library."""
        choose = random.Random(f"{self.seed}/{self.scenario.name}/{moment}/{number}")
        image = fs.after_crash(choose)
        place = self.directory / f"{moment}-{number}"
        self.checked += 1
        self.distinct.add(hash(tuple(image.items())))
        try:
            judge = self.expect if self.scenario.is_relaxed else self.judge
            found = {name: judge(image, name, moment) for name in self.reference.histories}
            self.check_names(image)
            self.check_archive(image, found)
        except Failure as failure:
            return self.fail(failure, moment, number, self.write(image, place, choose))
        if not any(found.values()):
            self.absent += 1
            return
        if self.scenario.compares and choose.random() < AFTERMATH_SHARE:
            try:
                self.aftermath.check(self.write(image, place, choose))
            except Failure as failure:
                return self.fail(failure, moment, number, place)
            shutil.rmtree(place)
        self.write(image, place, choose)
        thorough = choose.random() < THOROUGH_SHARE
        asked = [name for name, state in found.items() if state]
        left = set(asked)
        for name in asked:
            def receive(answer, name=name):
                left.discard(name)
                try:
                    compare = (self.compare_restored if self.scenario.is_relaxed
                               else self.compare)
                    compare(answer, name, found[name], place)
                except Failure as failure:
                    return self.fail(failure, moment, number, place)
                if not left:
                    shutil.rmtree(place, ignore_errors=True)
            self.pool.ask(place / name, receive, thorough)

    def judge(self, image, name, moment):
        """Which commit the image holds; it has to be one of those still allowed."""
        history = self.reference.histories[name]
        floor, newest = history.floor[moment], history.current[moment]
        content = image.get(f"{name}/{DATA}")
        if content is None:
            require(floor == 0, f"{name}: the journal is gone")
            return None
        require(newest > 0, f"{name}: the journal stands before it was whole")
        try:
            digest = self.tools.reader.summary(content.data).digest
        except Unreadable as problem:
            raise Failure(f"{name}: {problem}")
        allowed = range(max(floor, 1), newest + 1)
        index = next((i for i in reversed(allowed)
                      if history.states[i].digest == digest), None)
        if index is None:
            known = history.first.get(digest)
            what = "of no commit" if known is None else f"of commit {known}"
            raise Failure(f"{name}: the rows are {what}; promised are {floor} to {newest}")
        self.lost += index < newest
        return history.states[index]

    def check_names(self, image):
        """Nothing is left over but journals that were being created, archives being written."""
        top = {path.split("/")[0] for path in self.reference.world.root.iterdir()
               for path in [path.name]}
        for path in image:
            first, *rest = path.split("/")
            if first.startswith(".") and ".creating-" in first or first.endswith(".part"):
                continue
            require(first in top, f"{path} is left over")
            if rest and rest[0].startswith("rewriting-"):
                continue  # the next rewriting removes it
            if first in self.reference.histories and rest:
                require(len(rest) == 1 and is_expected(rest[0]), f"{path} is left over")

    def expect(self, image, name, moment):
        """Where commits wait for their sync the file says nothing before the library opens it."""
        history = self.reference.histories[name]
        require(f"{name}/{DATA}" in image, f"{name}: the journal is gone")
        return history.floor[moment], history.current[moment]

    def check_archive(self, image, found):
        """Nothing is trimmed before the archive that takes it in is whole."""
        name = getattr(self.scenario, "archive", None)
        state = found.get("journal")
        if not name or not state or len(state.entries) == state.last:
            return
        require(name in image, f"entries are trimmed, and {name} is not there")
        whole = (self.recording.world.root / name).read_bytes()
        require(image[name].whole == whole, f"entries are trimmed, and {name} is not whole")

    def compare_restored(self, answer, name, expected, place):
        demand(answer, name)
        history = self.reference.histories[name]
        floor, newest = (history.states[index] for index in expected)
        last = answer["last"]
        require(floor.last <= last <= newest.last,
                f"{name}: last sequence {last}, promised are {floor.last} to {newest.last}")
        state = next((s for s in history.states if s and s.last == last), None)
        require(state, f"{name}: sequence {last} ends no commit")
        require(state.export in (None, answer["export"]), f"{name}: other records are visible")
        try:
            rows = self.tools.reader.rows((place / name / DATA).read_bytes())
        except Unreadable as problem:
            raise Failure(f"{name}, after it was opened: {problem}")
        kept = pages.entries(rows)[:last]
        require([entry.raw for entry in kept] == [entry.raw for entry in state.entries],
                f"{name}: other entries than were appended")
        self.lost += last < newest.last

    def compare(self, answer, name, state, _):
        demand(answer, name)
        require(answer["last"] == state.last,
                f"{name}: the library says last sequence {answer['last']}, the file {state.last}")
        if state.export is None:
            state.export = answer["export"]
        require(answer["export"] == state.export,
                f"{name}: at sequence {state.last} other records are visible")

    def write(self, image, place, choose):
        place.mkdir(mode=0o700)
        for path, content in image.items():
            target = place / path
            if content is None:
                target.mkdir(mode=0o700)
            elif not path.endswith("/lock.mdb"):
                with open(target, "wb", opener=PRIVATELY) as file:
                    file.write(content.data)
                    file.truncate(content.size)
        for kept in place.rglob("snapshot"):
            data = kept.with_name(DATA)
            if data.exists():
                snapshot.name_inode(kept, data.stat().st_ino)
        for name, stale in self.recording.locks.items():
            # It lives in memory: after a crash it is there as it was, empty, or not at all.
            lock = choose.choice([None, b"", stale, bytes(len(stale))])
            if lock is not None and (place / name).is_dir():
                (place / name / "lock.mdb").write_bytes(lock)
        return place

    def fail(self, failure, moment, number, place):
        events = self.recording.events
        last = events[moment - 1] if moment else "the beginning"
        self.failures.append(
            f"image {moment}/{number} of {self.scenario.name}, after {last}: {failure} "
            f"(kept: {place}, replay with --replay {self.recording.world.directory} "
            f"--image {moment}/{number})")

    def end(self):
        """Removes the images, or keeps what a failure needs."""
        if self.failures:
            self.recording.save(self.seed)
        else:
            shutil.rmtree(self.directory, ignore_errors=True)
        self.recording.world.end(keep=bool(self.failures))

    @property
    def figures(self):
        commits = sum(len(h.states) - 1 for h in self.reference.histories.values())
        more = f", {self.aftermath.runs} synced again" if self.aftermath.runs else ""
        return (f"{self.checked:,} images, {len(self.distinct):,} different, of {commits} commits "
                f"and {len(self.recording.events):,} calls; {self.lost:,} without the newest "
                f"commit, {self.absent:,} with no journal{more}")
