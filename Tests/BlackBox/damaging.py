"""`flips` and `truncate`: damaged files are found, never believed, never fatal."""

import json
import shutil

import histories
import oracle
from tool import Failure, Server, equal, require

PAGE = 4096
META = [PAGE, 160, 160]  # a meta page, and the part of it that LMDB reads


def small_journal(ctx):
    """A synced device with some unsent edits, and its server stopped."""
    tool = ctx.tool
    server = Server(tool, ctx.path("server"))
    journal = tool.device(ctx.path("journal"), server.url)
    other = tool.device(ctx.path("other"), server.url)
    made, state = histories.Generator(ctx.random, 40), oracle.State()
    tool.append(journal, made.lines(state, 150))
    tool.settle(journal, other)
    tool.append(other, made.lines(oracle.State.of_export(tool.export(other)), 30))
    tool.sync(other)
    tool.sync(journal)
    tool.append(journal, made.lines(oracle.State.of_export(tool.export(journal)), 20))
    server.stop()
    return journal, other


class Victim:
    """A copy of the journal whose data file can be replaced again and again."""

    def __init__(self, ctx, journal):
        self.ctx, self.journal = ctx, journal
        self.directory = ctx.path("victim")
        self.data = (journal / "data.mdb").read_bytes()

    def restore(self, data):
        if self.directory.exists():
            shutil.rmtree(self.directory)
        # The lock file belongs to the original's processes; LMDB makes a new one.
        shutil.copytree(self.journal, self.directory,
                        ignore=shutil.ignore_patterns("data.mdb", "lock.mdb"))
        file = self.directory / "data.mdb"
        file.touch(mode=0o600)
        file.write_bytes(data)


def flips(ctx):
    tool, random = ctx.tool, ctx.random
    journal, _ = small_journal(ctx)
    victim = Victim(ctx, journal)
    data = victim.data
    golden, log, stats = (tool(verb, journal, *options).out for verb, *options in
                          (("export",), ("log", "--json"), ("stats", "--json")))
    # Most of the file is reserve: a third of the flips goes to bytes that hold something.
    filled = [n for n, byte in enumerate(data) if byte]
    count, found, harmless = ctx.size(60, 2000), 0, 0
    for number in range(count):
        where = [lambda: random.randrange(2) * PAGE + random.randrange(random.choice(META)),
                 lambda: random.choice(filled),
                 lambda: random.randrange(len(data))][number % 3]()
        bit = random.randrange(8)
        damaged = bytearray(data)
        damaged[where] ^= 1 << bit
        victim.restore(damaged)
        try:
            code = tool("verify", victim.directory, codes=(0, 1, 2)).code
            exported = tool("export", victim.directory, codes=(0, 2) if code else (0,))
            require(exported.code or exported.out == golden, "export exits 0 with other records")
            if number % 5 == 0:
                others(tool, victim.directory, golden, log, stats)
        except Failure as failure:
            raise Failure(f"bit {bit} of byte {where} (page {where // PAGE}): {failure}")
        found += code != 0
        harmless += code == 0
    victim.restore(data)
    tool.verify(victim.directory)
    equal(tool.export(victim.directory), golden, "export of the restored file")
    return f"{count} flips: {found} found, {harmless} harmless, file of {len(data):,} bytes"


def said(text):
    """The answer without `bytes`: page counts are LMDB's own, only verify recounts them."""
    rows = [json.loads(line) for line in text.split("\n") if line]
    return [{name: value for name, value in row.items() if name != "bytes"} for row in rows]


def others(tool, directory, golden, log, stats):
    """What else reads the file, then a write; each tells the truth or exits 2."""
    for verb, expected in (("log", log), ("stats", stats)):
        done = tool(verb, directory, "--json", codes=(0, 2))
        require(done.code or said(done.out) == said(expected),
                f"{verb} exits 0 with another answer")
    line = {"op": "put", "collection": "new", "id": "flip", "fields": {"a": 1.0}}
    done = tool("append", directory, "-", input=oracle.canonical(line) + "\n", codes=(0, 2))
    if done.code:
        return
    after = tool("export", directory, codes=(0, 2))
    if after.code == 0:
        state = oracle.State.of_export(golden)
        state.apply(line)
        difference = oracle.difference(after.out, state.export())
        require(difference is None,
                f"after append, export exits 0 with other records: {difference}")


def truncate(ctx):
    tool, random = ctx.tool, ctx.random
    journal, other = small_journal(ctx)
    victim = Victim(ctx, journal)
    size = len(victim.data)
    state = oracle.State.of_export(tool.export(journal))
    (collection, identifier), _ = next(iter(state.records.items()))
    line = oracle.canonical({"op": "put", "collection": "new", "id": "x", "fields": {}}) + "\n"
    calls = [("log",), ("get", collection, identifier), ("query", collection), ("export",),
             ("history", collection, identifier), ("stats",), ("pending",), ("conflicts",),
             ("verify",), ("checkpoint",), ("key",), ("leaves",), ("replay",), ("append", "-"),
             ("compact",), ("compare", other), ("sync",)]
    for verb, *rest in calls:
        # The same calls on the whole file, so that exit 2 below is not about the call.
        victim.restore(victim.data)
        codes = {"compare": (0, 1), "sync": (3,)}.get(verb, (0,))
        tool(verb, victim.directory, *rest, codes=codes, input=line)
    lengths = {0, 1, PAGE - 1, PAGE, 2 * PAGE, size - PAGE, size - 1}
    count = ctx.size(10, 200)
    while len(lengths) < count:
        lengths.add(random.choice([random.randrange(size), random.randrange(size // PAGE) * PAGE]))
    for length in sorted(lengths):
        for verb, *rest in calls:
            victim.restore(victim.data[:length])
            try:
                tool(verb, victim.directory, *rest, codes=(2,), input=line)
            except Failure as failure:
                raise Failure(f"{length} of {size} bytes: {failure}")
    return f"{len(lengths)} truncations × {len(calls)} verbs, file of {size:,} bytes"
