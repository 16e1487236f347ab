"""Failing system calls: at the N-th call that changes or syncs a file, once and for good.

A run is named `scenario:process:N:action[:sticky][+M:action]`; what follows the plus meets the
repetition, as a fault during recovery. Then the same work is done once more without any.
"""

import itertools
import random
import shutil
import subprocess
import time
from dataclasses import dataclass

import pages
import trace
from checking import demand
from pages import Unreadable
from world import EXIT_CODES, Failure, World, require

STOP_AT = 20
ACTIONS = ["EIO", "ENOSPC", "KILL", "SHORT", "EINTR", "LATE"]


@dataclass(frozen=True)
class Run:
    process: str
    number: int
    action: str
    sticky: bool = False
    again: tuple | None = None  # (number, action) of the repetition

    @property
    def fault(self):
        return f"any:{self.number}:{self.action}{':sticky' if self.sticky else ''}"

    def __str__(self):
        more = f"+{self.again[0]}:{self.again[1]}" if self.again else ""
        return f"{self.process}:{self.number}:{self.action}{':sticky' if self.sticky else ''}{more}"


class Faults:
    def __init__(self, scenario, tools, seed, pool):
        self.scenario, self.tools, self.seed, self.pool = scenario, tools, seed, pool
        self.world = World(tools, f"{scenario.name}-faults")
        self.failures, self.done, self.outcomes = [], 0, {}
        scenario.prepare(self.world)
        self.saved = self.world.directory / "saved"
        shutil.copytree(self.world.root, self.saved)
        self.before = {name: self.look(name) for name in scenario.journals}
        self.count_calls()
        self.after = {name: self.look(name) for name in scenario.journals}
        self.exports = {name: pool.check(self.world.path(name))["export"]
                        for name in scenario.journals}
        self.world.is_tolerant = True

    def restore(self):
        shutil.rmtree(self.world.root)
        shutil.copytree(self.saved, self.world.root)

    def look(self, name):
        """(last sequence, entries) by the independent reader; None when there is no journal."""
        file = self.world.path(name) / "data.mdb"
        if not file.exists():
            return None
        try:
            rows = self.tools.reader.rows(file.read_bytes())
        except Unreadable as problem:
            raise Failure(f"{name}: {problem}")
        return pages.last_sequence(rows), pages.entries(rows)

    def count_calls(self):
        """Does the work once under the recorder: how many calls each kind of process makes."""
        world = self.world
        world.is_recording = True
        self.act()
        world.is_recording = False
        counts = {}
        for event in trace.read(world.trace):
            if event.kind not in (trace.OUTPUT, trace.MARK, trace.FAULT):
                counts[event.process] = counts.get(event.process, 0) + 1
        self.calls = {}
        for process, count in counts.items():
            kind = world.process_of[process]
            self.calls[kind] = max(self.calls.get(kind, 0), count)

    def act(self):
        """The scenario's recorded part, with the same random choices each time."""
        self.world.results.clear()
        self.scenario.repeatably(self.world)

    def plan(self, count):
        """All runs, or so many of them chosen at random."""
        pick = random.Random(f"{self.seed}/{self.scenario.name}/faults")
        runs = [Run(process, number, action, sticky)
                for process, calls in self.calls.items()
                for number in range(1, calls + 1)
                for action, sticky in itertools.product(ACTIONS, (False, True))
                if not (sticky and action in ("KILL", "EINTR"))]
        if count is not None and count < len(runs):
            runs = pick.sample(runs, count)
        # A quarter meets another fault while it recovers.
        return [run if pick.random() < 0.75 else
                Run(run.process, run.number, run.action, run.sticky,
                    (pick.randint(1, self.calls[run.process]), pick.choice(ACTIONS)))
                for run in runs]

    def run(self, count):
        began = time.perf_counter()
        for run in self.plan(count):
            self.one(run)
            if len(self.failures) >= STOP_AT:
                break
        return time.perf_counter() - began

    def one(self, run):
        world = self.world
        self.restore()
        self.done += 1
        try:
            world.fault = (run.process, run.fault)
            self.act()
            self.check(run, run.action, self.before)
            middle = {name: self.look(name) for name in self.scenario.journals}
            if run.again:
                number, action = run.again
                world.fault = (run.process, f"any:{number}:{action}")
                self.act()
                self.check(run, action, middle)
            world.fault = None
            self.recover()
        except (Failure, subprocess.SubprocessError, OSError) as failure:
            outputs = " | ".join(f"exit {r.code}: {r.err.strip()[-200:]}" for r in world.results)
            self.failures.append(f"{self.scenario.name}:{run}: {failure}; {outputs} "
                                 f"(kept: {world.directory})")
        finally:
            world.fault = None
            for server in world.servers:
                server.end()

    def check(self, run, action, before):
        """After a fault: documented exits, no false answer, nothing of before changed."""
        world = self.world
        for result in world.results:
            killed = action == "KILL" and result.code == -9 and result.process == run.process
            require(killed or result.code in EXIT_CODES, f"exit {result.code}")
            outcome = "killed" if killed else str(result.code)
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        for name in self.scenario.journals:
            found = self.look(name)
            if found is None:
                require(before[name] is None, f"{name} is gone")
                answered = [r for r in world.results if r.journal == name and r.code == 0]
                require(not answered, f"{name} was never made, but the command says so")
                continue
            last, entries = found
            acked = max([r.acked for r in world.results if r.journal == name], default=0)
            require(acked <= last, f"{name}: acknowledged {acked}, kept {last}")
            if before[name]:
                self.check_history(name, before[name], last, entries)

    def check_history(self, name, before, last, entries):
        require(last >= before[0], f"{name}: last sequence {last}, it was {before[0]}")
        if self.scenario.rewrites:
            return
        require([e.sequence for e in entries] == list(range(1, last + 1)), f"{name}: a gap")
        require([e.raw for e in entries[:before[0]]] == [e.raw for e in before[1]],
                f"{name}: history was rewritten")
        ids = [entry.id for entry in entries if entry.kind in pages.EDITS]
        require(len(ids) == len(set(ids)), f"{name}: an edit is there twice")

    def recover(self):
        """The same work without a fault has to end well, and as if there had been none."""
        world = self.world
        self.act()
        for result in world.results:
            require(result.code == 0 or result.code in self.scenario.codes_again,
                    f"after the fault, without any: exit {result.code}")
        for name in self.scenario.journals:
            found = self.look(name)
            require(found is not None, f"{name} is not there after all")
            last, entries = found
            self.check_history(name, self.before[name] or (0, []), last, entries)
            if not self.scenario.rewrites:
                mine = {e.id for e in entries if e.kind in pages.EDITS}
                wanted = {e.id for e in self.after[name][1] if e.kind in pages.EDITS}
                require(wanted <= mine, f"{name}: {len(wanted - mine)} edits are missing")
        answers = {name: self.pool.check(world.path(name)) for name in self.scenario.journals}
        for name, answer in answers.items():
            demand(answer, name)
            require(self.scenario.compares or answer["export"] == self.exports[name],
                    f"{name}: other records are visible than without a fault")
        if self.scenario.compares:
            require(len({answer["export"] for answer in answers.values()}) == 1,
                    "the two sides show different records")

    def end(self):
        self.world.end(keep=bool(self.failures))

    @property
    def figures(self):
        calls = ", ".join(f"{count} calls of a {kind}" for kind, count in self.calls.items())
        exits = ", ".join(f"{code}: {count}" for code, count in sorted(self.outcomes.items()))
        return f"{self.done:,} runs over {calls}; exits {exits}"
