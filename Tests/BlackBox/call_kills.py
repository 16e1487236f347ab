"""`kinto_calls`, `sync_calls`: a sync that is killed at each call with which it changes or syncs a file.

Between two such calls nothing of a sync outlives it here; what went over the network meanwhile is at the server. So these
are all the moments there are, as far as what is known afterwards goes.
"""

import os
import subprocess

import oracle
from kinto_checks import device, there
from kinto_server import Kinto
from tool import PROJECT, Server, equal, require

SHIM = PROJECT / "Tools" / "Crash" / "shim"
MOST_CALLS = 5_000


def kinto_calls(ctx):
    with Kinto(ctx.directory, settings="kinto.includes = kinto.plugins.history\n") as server:
        return each_call(ctx, lambda n: KintoRound(ctx, server, n))


def sync_calls(ctx):
    return each_call(ctx, lambda n: OwnRound(ctx, n))


def each_call(ctx, make):
    """Kills syncs at their first call, their second one … until one comes to its end."""
    library = ctx.path("shim.so")
    subprocess.run(["cc", "-std=gnu11", "-O2", "-fPIC", "-shared", "-o", library,
                    *sorted(SHIM.glob("*.c")), "-lpthread"], check=True)
    # Between the first and the last call every one, or some by chance that are not far from each other.
    number, kills, rounds = 1, 0, 0
    while number < MOST_CALLS:
        one = make(rounds)
        rounds += 1
        killed = kill(ctx, library, one.journal, number)
        kills += killed
        one.check(f"killed at call {number}" if killed else "not killed")
        one.end()
        if not killed:
            require(kills > 0, "no call of a sync was seen: does the library count them?")
            return f"{kills} kills at {number - 1} calls"
        number += 1 if ctx.full or number <= 2 else ctx.random.randint(1, ctx.size(9, 1))
    require(False, f"a sync does not end after {MOST_CALLS} calls")


def kill(ctx, library, journal, number):
    """Whether a sync was killed at that call."""
    environment = dict(os.environ, LD_PRELOAD=str(library), CRASH_ROOT=str(journal.resolve()),
                       CRASH_FAULT=f"any:{number}:KILL")
    child = ctx.tool.start("sync", journal, env=environment, stdout=subprocess.DEVNULL,
                           stderr=subprocess.PIPE)
    _, errors = child.communicate(timeout=120)
    require(child.returncode in (0, -9), f"a sync to be killed at call {number}: exit "
            f"{child.returncode}; {errors[-300:]}")
    return child.returncode == -9


class Round:
    """A device with something to send and something to take in, and what both sides have to have at the end."""

    FIRST = [{"op": "create", "collection": "nodes", "id": f"r{n}", "fields": {"n": n, "old": 1}}
             for n in range(6)]
    SECOND = [{"op": "create", "collection": "ways", "id": "new", "fields": {"n": 1}},
              {"op": "update", "collection": "nodes", "id": "r0", "set": {"n": 10}},
              {"op": "update", "collection": "nodes", "id": "r1", "set": {"n": 11},
               "unset": ["old"]},
              {"op": "put", "collection": "nodes", "id": "r2", "fields": {"put": 1}},
              {"op": "delete", "collection": "nodes", "id": "r3"},
              {"op": "create", "collection": "nodes", "id": "a", "group": "g", "fields": {"n": 1}},
              {"op": "create", "collection": "ways", "id": "b", "group": "g", "fields": {"n": 2}}]
    FOREIGN = [{"op": "create", "collection": "nodes", "id": "f", "fields": {"n": "foreign"}},
               {"op": "update", "collection": "nodes", "id": "r4", "set": {"n": "foreign"}},
               {"op": "delete", "collection": "nodes", "id": "r5"}]

    def expected(self):
        state = oracle.State()
        for line in self.FIRST + self.FOREIGN + self.SECOND:
            state.apply(line)
        return state.export()

    def check(self, when):
        tool = self.ctx.tool
        tool.settle(self.journal)
        tool.verify(self.journal)
        for what, found in (("device", tool.export(self.journal)), ("server", self.there())):
            different = oracle.difference(found, self.expected())
            require(different is None, f"{when}, the {what} has not what was written: {different}")
        decided = sum(entry["kind"] == "conflict" for entry in tool.log(self.journal))
        equal(decided, 0, f"{when}, decisions about conflicts nobody made")
        equal(self.written(), self.wanted(), f"{when}, what the server carried out")


class KintoRound(Round):
    """A bucket of its own, whose server writes down every change."""

    def __init__(self, ctx, server, number):
        self.ctx, self.server, self.bucket = ctx, server, f"b{number}"
        server.make(self.bucket, "nodes", "ways")
        self.journal = device(ctx, server, f"k{number}", "nodes", "ways", bucket=self.bucket)
        ctx.tool.append(self.journal, self.FIRST)
        ctx.tool.sync(self.journal)
        nodes = server.client(self.bucket, "nodes")
        nodes.create_record(id="f", data={"n": "foreign"})
        nodes.patch_record(id="r4", data={"n": "foreign"})
        nodes.delete_record(id="r5")
        ctx.tool.append(self.journal, self.SECOND)

    def there(self):
        return there(self.server, self.bucket).export()

    def written(self):
        entries = self.server.client(self.bucket).get_history()
        return sorted((entry["action"], entry["record_id"]) for entry in entries
                      if entry["resource_name"] == "record")

    def wanted(self):
        actions = {"create": "create", "update": "update", "put": "update", "delete": "delete"}
        return sorted((actions[line["op"]], line["id"])
                      for line in self.FIRST + self.FOREIGN + self.SECOND)

    def end(self):
        self.server.client(self.bucket).delete_bucket()


class OwnRound(Round):
    """A server of our own, and another device that writes to it."""

    def __init__(self, ctx, number):
        self.ctx = ctx
        self.store = ctx.path(f"server{number}")
        self.server = Server(ctx.tool, self.store)
        self.journal = ctx.tool.device(ctx.path(f"s{number}"), self.server.url)
        self.other = ctx.tool.device(ctx.path(f"o{number}"), self.server.url)
        ctx.tool.append(self.journal, self.FIRST)
        ctx.tool.sync(self.journal)
        ctx.tool.sync(self.other)
        ctx.tool.append(self.other, self.FOREIGN)
        ctx.tool.sync(self.other)
        ctx.tool.append(self.journal, self.SECOND)

    def there(self):
        self.ctx.tool.settle(self.journal, self.other)
        return self.ctx.tool.export(self.other)

    def written(self):
        return sorted((entry["kind"], entry["record"]) for entry in self.ctx.tool.log(self.store)
                      if entry["kind"] in ("create", "update", "put", "delete"))

    def wanted(self):
        return sorted((line["op"], line["id"])
                      for line in self.FIRST + self.FOREIGN + self.SECOND)

    def end(self):
        self.server.stop()
