"""What is recorded: each scenario prepares a directory and then does one thing to it."""

import json
import random
import subprocess

from world import Server, histories, oracle, require, to_ndjson


class Scenario:
    """`prepare` is done and durable before the recording, `act` is recorded.

    `journals` are the directories below the root whose promises are checked; `rewrites` says that
    entries may leave a journal, `server` that one serves.
    """

    journals = ["journal"]
    rewrites = False
    compares = False  # in the end all its journals show the same records
    codes_again = ()  # what doing it again may say instead of 0
    needs = None  # (verb, option) of the command
    is_relaxed = False  # an acknowledgement does not yet mean stable storage
    survives_faults = False  # doing it again after a failed call is all the same
    share = 1.0  # of the images, less for what is slow to verify

    def __init__(self, seed):
        self.name = type(self).__name__.lower()
        self.random = random.Random(f"{seed}/{self.name}")

    def lines(self, count, records=40, prefix="", state=None, large=0.0, groups=0.0):
        """Legal changes, each with its entry id."""
        state = oracle.State() if state is None else state
        made = histories.Generator(self.random, records, prefix=prefix, entries=True)
        lines, group = [], 0
        for number in range(count):
            line = made.line(state)
            if line["op"] in ("create", "put") and self.random.random() < large:
                # Longer than a page: LMDB stores it apart.
                line["fields"]["large"] = "x" * self.random.randint(2_000, 40_000)
            if group:
                line["group"] = f"g{group}"
            if self.random.random() < groups:
                group = 0 if group else number + 1
            lines.append(line)
        return lines

    def prepare(self, world):
        world.run("journal", "init", world.path("journal"), "--device", "a")

    def act(self, world):
        raise NotImplementedError

    def repeatably(self, world):
        """Does it so that doing it again makes the same random choices."""
        choices, state = self.random.getstate(), vars(self).get("state")
        if state is not None:
            self.state = state.copy()
        try:
            self.act(world)
        finally:
            self.random.setstate(choices)
            if state is not None:
                self.state = state


class Creation(Scenario):
    codes_again = (64,)  # it exists

    def prepare(self, world):
        pass

    def act(self, world):
        world.run("journal", "init", world.path("journal"), "--device", "a")


class Single(Scenario):
    """One line, one transaction, one acknowledgement."""

    survives_faults = True

    def act(self, world):
        world.append("journal", self.lines(60), "--batch", "1")


class Batches(Scenario):
    survives_faults = True
    share = 0.3

    def act(self, world):
        world.append("journal", self.lines(1050), "--batch", "1000")


class Groups(Scenario):
    """Small batches that must not cut a group, and values of many pages."""

    survives_faults = True

    def prepare(self, world):
        super().prepare(world)
        self.state = oracle.State()
        world.append("journal", self.lines(150, state=self.state))

    def act(self, world):
        lines = self.lines(150, state=self.state, large=0.2, groups=0.3)
        world.append("journal", lines, "--batch", "7")


class Writers(Scenario):
    """Two processes append to one journal."""

    def act(self, world):
        children = []
        for side in "ab":
            lines = self.lines(60, prefix=f"{side}-")
            world.remember(lines)
            child = world.start("journal", "append", world.path("journal"), "-", "--ack",
                                "--batch", "4", stdin=subprocess.PIPE)
            children.append((child, to_ndjson(lines)))
        for child, data in children:
            try:
                child.stdin.write(data)
                child.stdin.close()
            except BrokenPipeError:
                require(world.is_tolerant, "append does not read its input")
            child.stdin = None
        for child, _ in children:
            world.finish(child)


class Trim(Scenario):
    """Everything of a local journal is settled and goes; new edits follow."""

    rewrites = True
    options = ()
    share = 0.3
    archive = None  # what has to stand before anything is trimmed

    def prepare(self, world):
        world.run("journal", "init", world.path("journal"), "--device", "a", "--local")
        self.state = oracle.State()
        world.append("journal", self.lines(1040, state=self.state))

    def act(self, world):
        world.run("journal", "compact", world.path("journal"), *self.options, "--json")
        world.append("journal", self.lines(10, state=self.state), "--batch", "5")


class TrimKeeping(Trim):
    options = ("--keep", "900")

    def act(self, world):
        super().act(world)
        world.run("journal", "compact", world.path("journal"), "--keep", "20", "--json")


class TrimArchiving(Trim):
    """What is trimmed goes into a file first; that has to be there when the entries are not."""

    needs = ("compact", "--archive")
    archive = "archive-0"

    def act(self, world):
        # An archive is never written over: each time another one.
        taken = len(list(world.root.glob("archive-*")))
        self.options = ("--archive", world.path(f"archive-{taken}"))
        super().act(world)


class TrimRewriting(Trim):
    needs = ("compact", "--rewrite")
    options = ("--rewrite",)


class Remotes(Scenario):
    codes_again = (64,)  # it is declared

    def act(self, world):
        for name in ("main", "other"):
            world.run("journal", "remote", "add", world.path("journal"), name, "--kind", "journal",
                      "--url", "http://127.0.0.1:9", "--collection", name)
        world.run("journal", "remote", "remove", world.path("journal"), "other")


class Exchange(Scenario):
    """Devices and a server; what `answers` names is checked."""

    def device(self, world, server, name):
        world.run(name, "init", world.path(name), "--device", name)
        world.run(name, "remote", "add", world.path(name), "main", "--kind", "journal", "--url",
                  server.url)

    def sync(self, world, name, process="command", codes=(0,)):
        return world.run(name, "sync", world.path(name), "--json", process=process, codes=codes)

    def prepare(self, world):
        """Two devices that agree, then edits on both sides, some on the same records."""
        self.server = Server(world, "server")
        require(self.server.start(), "the server does not start")
        shared = oracle.State()
        self.device(world, self.server, "journal")
        self.device(world, self.server, "other")
        world.append("journal", self.lines(120, records=30, state=shared))
        for name in ("journal", "other", "journal"):
            self.sync(world, name)
        world.append("other", self.lines(40, records=30, state=shared.copy()))
        self.sync(world, "other")
        world.append("journal", self.lines(60, records=30, state=shared.copy()))
        self.server.stop()


class Sync(Exchange):
    """A device delivers 60 edits, takes in 40 and decides conflicts; both sides may lose power."""

    journals = ["journal", "server"]
    compares = True

    def act(self, world):
        if not self.server.start():
            return self.server.stop()
        self.sync(world, "journal")
        return self.server.stop()


class Pushes(Exchange):
    """Three devices push to one server at once: commits are shared."""

    journals = ["server"]

    def prepare(self, world):
        self.server = Server(world, "server")
        require(self.server.start(), "the server does not start")
        for name in "abc":
            self.device(world, self.server, name)
            world.append(name, self.lines(25, prefix=name), "--batch", "5")
        self.server.stop()

    def act(self, world):
        if not self.server.start():
            return self.server.stop()
        children = [(name, world.start(name, "sync", world.path(name), "--json",
                                       stdin=subprocess.DEVNULL)) for name in "abc"]
        for name, child in children:
            result = world.finish(child)
            require(result.code == 0 or world.is_tolerant, f"sync of {name}: {result.err[-300:]}")
        return self.server.stop()


class Islands(Exchange):
    """A device trims what is settled around edits that still wait."""

    rewrites = True

    def prepare(self, world):
        super().prepare(world)
        require(self.server.start(), "the server does not start")
        self.sync(world, "journal")
        self.sync(world, "journal")
        self.server.stop()
        world.append("journal", self.lines(10, prefix="later-"))

    def act(self, world):
        world.run("journal", "compact", world.path("journal"), "--json")


class Pinned(Scenario):
    """Commits that are synced at intervals: a power cut may cost the interval, never damage."""

    needs = ("append", "--durability")
    is_relaxed = True

    def act(self, world):
        world.append("journal", self.lines(200), "--batch", "2", "--durability", "pinned:0.01")


ALL = [Creation, Single, Batches, Groups, Writers, Trim, TrimKeeping, TrimArchiving, TrimRewriting,
       Remotes, Sync, Pushes, Islands, Pinned]


def chosen(names, tools, seed, strict):
    """The scenarios to run; says which the command cannot do. `strict` makes that a failure."""
    known = {kind.__name__.lower(): kind for kind in ALL}
    unknown = [name for name in names if name not in known]
    require(not unknown, f"no scenario {', '.join(unknown)}; there are {', '.join(known)}")
    found = []
    for name, kind in known.items():
        if names and name not in names:
            continue
        if kind.needs and not tools.offers(*kind.needs):
            what = " ".join(kind.needs)
            require(not strict, f"{name}: `journal {what}` is not there")
            print(f"--  {name}: this command has no `{what}`", flush=True)
            continue
        found.append(kind(seed))
    return found


def expected_export(rows_entries, lines):
    """The records after these entries when every edit is a known line; else None."""
    state = oracle.State()
    for entry in rows_entries:
        if entry.kind in (3, 4, 5, 6):
            line = lines.get(entry.id)
            if line is None:
                return None
            state.apply(line)
    return state.export()


def dumps(value):
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
