"""SIGKILL at random moments, then the same journal again: appends, trims, syncs, servers.

The journals live through all rounds. What is expected of them is kept in Python, from the lines
that went in and the answers that came out.
"""

import random
import signal
import subprocess
import time

import histories
import oracle
import pages
from checking import demand, digest
from pages import Unreadable
from world import Failure, Server, World, require, to_ndjson

ALARM_SECONDS = 20


class Journal:
    """One journal, what is known of it, and how long its work takes."""

    def __init__(self, world, name, seed):
        self.world, self.name = world, name
        self.random = random.Random(f"{seed}/kills/{name}")
        self.state, self.last, self.lines = oracle.State(), 1, {}
        self.made = histories.Generator(self.random, 60, prefix=f"{name}-", entries=True)
        self.durations = {}

    @property
    def path(self):
        return self.world.path(self.name)

    def moment(self, what):
        """Seconds after which to kill: somewhere in what the work took before."""
        return self.random.uniform(0, 1.1 * self.durations.get(what, 0.08))

    def killed(self, what, child, input=None):
        """Kills a process at a random moment; its result, whether or not it had ended."""
        began = time.perf_counter()
        timeout = self.moment(what)
        try:
            child.communicate(input, timeout=timeout)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
        result = self.world.finish(child, timeout=ALARM_SECONDS)
        if result.code == 0:
            self.durations[what] = time.perf_counter() - began
        require(result.code in (0, -9), f"{what}: exit {result.code}: {result.err[-300:]}")
        return result

    def read(self):
        try:
            rows = self.world.tools.reader.rows((self.path / "data.mdb").read_bytes())
        except Unreadable as problem:
            raise Failure(f"{self.name}: {problem}")
        return pages.last_sequence(rows), pages.entries(rows)

    def take_in(self, lines_of, acked=0):
        """Compares what is new with the lines of each writer, of which a prefix has to be there."""
        last, entries = self.read()
        require(last >= max(self.last, acked),
                f"{self.name}: acknowledged {max(self.last, acked)}, kept {last}")
        new = [entry for entry in entries if entry.sequence > self.last]
        require([entry.sequence for entry in new] == list(range(self.last + 1, last + 1)),
                f"{self.name}: there is a gap after {self.last}")
        owner = {line["entry"]: lines for lines in lines_of for line in lines}
        places = {id(lines): 0 for lines in lines_of}
        for entry in new:
            if entry.kind not in pages.EDITS:
                continue
            lines = owner.get(entry.id)
            require(lines is not None, f"{self.name}: entry {entry.sequence} is nobody's")
            line = lines[places[id(lines)]]
            require(line["entry"] == entry.id, f"{self.name}: entry {entry.sequence} came early")
            places[id(lines)] += 1
            self.state.apply(line)
        self.last = last
        return len(new)

    def check(self, pool):
        """Opens it with the library, which appends one record of its own."""
        answer = pool.check(self.path, thorough=False)
        demand(answer, self.name)
        require(answer["last"] == self.last, f"{self.name}: last sequence {answer['last']}")
        require(answer["export"] == digest(self.state.export()),
                f"{self.name}: other records are visible")
        self.state.apply({"op": "put", "collection": "checker", "id": "after the crash",
                          "fields": {"n": self.last}})
        self.last += 1


class Kills:
    def __init__(self, tools, seed, pool):
        self.tools, self.seed, self.pool = tools, seed, pool
        self.world = World(tools, "kills")
        self.random = random.Random(f"{seed}/kills")
        self.failure, self.rounds, self.ended, self.kept = None, {}, 0, 0
        self.local = Journal(self.world, "local", seed)
        self.shared = Journal(self.world, "shared", seed)
        self.devices = [Journal(self.world, name, seed) for name in ("left", "right")]
        # No kill takes anything in any mode: the system has what was written.
        self.durabilities = [()]
        if tools.offers("append", "--durability"):
            self.durabilities.append(("--durability", "pinned:0.02"))
        self.server = Server(self.world, "server")
        self.world.run("local", "init", self.local.path, "--device", "local", "--local")
        self.world.run("shared", "init", self.shared.path, "--device", "shared")
        for device in self.devices:
            self.world.run(device.name, "init", device.path, "--device", device.name)
            self.world.run(device.name, "remote", "add", device.path, "main", "--kind", "journal",
                           "--url", self.server.url)

    def run(self, count):
        began = time.perf_counter()
        kinds = [self.append, self.append, self.compact, self.survive, self.sync, self.serve]
        for number in range(count):
            kind = self.random.choice(kinds)
            self.rounds[kind.__name__] = self.rounds.get(kind.__name__, 0) + 1
            try:
                kind()
                if number % 50 == 49 or number == count - 1:
                    self.settle()
            except (Failure, OSError, subprocess.SubprocessError) as failure:
                self.failure = (f"round {number}, {kind.__name__}: {failure} "
                                f"(kept: {self.world.directory})")
                break
        return time.perf_counter() - began

    def append_under_kill(self, journal):
        lines = journal.made.lines(journal.state.copy(), self.random.choice([30, 300]))
        batch = self.random.choice([1, 5, 50, 1000])
        mode = self.random.choice(self.durabilities)
        child = self.world.start(journal.name, "append", journal.path, "-", "--ack", "--batch",
                                 batch, *mode, stdin=subprocess.PIPE)
        result = journal.killed(f"append {len(lines)} by {batch}", child, to_ndjson(lines))
        self.note(result)
        self.kept += journal.take_in([lines], result.acked)

    def note(self, result):
        self.ended += result.code == 0

    def append(self):
        self.append_under_kill(self.local)
        self.local.check(self.pool)

    def compact(self):
        options = [(), ("--keep", "40")]
        if self.tools.offers("compact", "--rewrite"):
            options.append(("--rewrite",))
        if self.tools.offers("compact", "--archive"):
            number = self.rounds["compact"]
            options.append(("--archive", str(self.world.directory / f"archive-{number}")))
        chosen = self.random.choice(options)
        child = self.world.start("local", "compact", self.local.path, "--json", *chosen,
                                 stdin=subprocess.DEVNULL)
        self.note(self.local.killed(f"compact {chosen[:1]}", child))
        last, entries = self.local.read()
        # A trim is itself one entry.
        require(self.local.last <= last <= self.local.last + 1, f"local: last sequence {last}")
        self.local.last = last
        self.local.check(self.pool)

    def survive(self):
        """One of two writers is killed; the other, which keeps the file open, has to go on."""
        journal = self.shared
        states = journal.state.copy()
        half = [histories.Generator(self.random, 30, prefix=f"{side}-", entries=True)
                for side in "ab"]
        # Records of their own, so that the order between the two does not matter.
        own = [oracle.State(), oracle.State()]
        for (collection, key), fields in states.records.items():
            if key.startswith(("a-", "b-")):
                own["ab".index(key[0])].records[collection, key] = fields
        lines = [made.lines(state, 40) for made, state in zip(half, own)]
        children = [self.world.start("shared", "append", journal.path, "-", "--ack", "--batch", "2",
                                     stdin=subprocess.PIPE) for _ in lines]
        first, second = (to_ndjson(lines[1][:20]), to_ndjson(lines[1][20:]))
        children[1].stdin.write(first)
        children[1].stdin.flush()
        victim = journal.killed("append of two", children[0], to_ndjson(lines[0]))
        self.note(victim)
        survivor = self.world.finish(children[1], second, timeout=ALARM_SECONDS)
        require(survivor.code == 0, f"the survivor: exit {survivor.code}: {survivor.err[-300:]}")
        self.kept += journal.take_in(lines, max(victim.acked, survivor.acked))
        journal.check(self.pool)

    def sync(self):
        device = self.random.choice(self.devices)
        require(self.server.start(), "the server does not start")
        self.append_under_kill(device)
        self.note(device.killed("sync", self.start_sync(device)))
        self.stop_server()
        self.follow(device)

    def serve(self):
        """The server is killed while both devices sync."""
        require(self.server.start(), "the server does not start")
        for device in self.devices:
            self.append_under_kill(device)
        children = [(device, self.start_sync(device)) for device in self.devices]
        time.sleep(self.devices[0].moment("sync"))
        self.server.child.kill()
        self.world.finish(self.server.child, timeout=ALARM_SECONDS)
        for device, child in children:
            result = self.world.finish(child, timeout=ALARM_SECONDS)
            require(result.code in (0, 3), f"sync: exit {result.code}: {result.err[-300:]}")
            self.note(result)
            self.follow(device)

    def start_sync(self, device):
        return self.world.start(device.name, "sync", device.path, "--json",
                                stdin=subprocess.DEVNULL)

    def stop_server(self):
        result = self.server.stop()
        require(result.code == 0, f"serve: exit {result.code} after SIGTERM: {result.err[-300:]}")

    def follow(self, device):
        """What a device holds for accepted the server has, and every edit once."""
        last, entries = device.read()
        require(last >= device.last, f"{device.name}: last sequence {last}")
        require([e.sequence for e in entries] == list(range(1, last + 1)), f"{device.name}: a gap")
        device.last = last
        ids = {entry.sequence: entry.id for entry in entries}
        accepted = {ids[edit] for entry in entries for edit in pages.accepted(entry)}
        held = self.server_edits()
        require(accepted <= set(held), f"{device.name}: accepted edits the server has not")

    def server_edits(self):
        rows = self.tools.reader.rows(self.world.path("server").joinpath("data.mdb").read_bytes())
        held = [entry.id for entry in pages.entries(rows) if entry.kind in pages.EDITS]
        require(len(held) == len(set(held)), "server: an edit is there twice")
        return held

    def settle(self):
        """With nobody killed, all sides come to show the same."""
        require(self.server.start(), "the server does not start")
        for device in self.devices * 3:
            result = self.world.run(device.name, "sync", device.path, "--json")
            require(result.code == 0, f"sync: exit {result.code}")
        self.stop_server()
        held = set(self.server_edits())
        shown = set()
        for name in ("left", "right", "server"):
            self.world.run(name, "verify", self.world.path(name), "--json")
            shown.add(self.world.run(name, "export", self.world.path(name)).out)
        for device in self.devices:
            last, entries = device.read()
            device.last = last
            mine = {entry.id for entry in entries if entry.kind in pages.EDITS}
            require(mine <= held, f"{device.name}: {len(mine - held)} edits never arrived")
        require(len(shown) == 1, "the devices and the server show different records")

    def end(self):
        self.world.end(keep=bool(self.failure))

    @property
    def figures(self):
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.rounds.items()))
        return f"{kinds}; {self.ended} ended before the kill; {self.kept:,} entries kept"
