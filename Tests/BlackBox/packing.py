"""`pack` and archives: one file that is read like the journal it was made of."""

import histories
import oracle
from reading import same_export
from tool import equal, require

READERS = (("export",), ("log", "--json"), ("leaves", "--json"), ("pending", "--json"),
           ("conflicts", "--json"), ("key",))


def pack(ctx):
    tool, random = ctx.tool, ctx.random
    journal = tool.init(ctx.path("journal"), "--local")
    made, state = histories.Generator(random, 50), oracle.State()
    count = ctx.size(600, 20_000)
    tool.append(journal, made.lines(state, count))
    golden, whole = tool.export(journal), ctx.path("whole.pack")
    tool("pack", journal, whole)
    for reader in READERS:
        equal(tool(reader[0], whole, *reader[1:]).out, tool(reader[0], journal, *reader[1:]).out,
              f"{reader[0]} of pack and journal")
    moments = [random.randint(0, count + 1) for _ in range(10)]
    past = {at: tool.export(journal, "--at", at) for at in moments}
    for at, text in past.items():
        same_export(tool.export(whole, "--at", at), text, f"export of the pack at {at}")
    tool("pack", journal, whole, codes=(64,))
    checkpoint, vkey = ctx.path("note"), tool("key", journal).out.strip()
    checkpoint.write_text(tool("checkpoint", journal).out)
    tool("verify", whole, "--checkpoint", checkpoint, "--key", vkey)
    redacted(ctx, journal, checkpoint, vkey)
    archives(ctx, journal, past, golden, count)
    cases = damage(ctx, whole, golden)
    return f"{count:,} entries, {len(moments)} earlier moments, 3 archives, {cases} damaged packs"


def redacted(ctx, journal, checkpoint, vkey):
    tool = ctx.tool
    word = "unmistakable-words-in-a-record"
    tool.append(journal, [{"op": "put", "collection": "secret", "id": word,
                           "fields": {"text": word}, "actor": word}])
    bare = ctx.path("bare.pack")
    tool("pack", journal, bare, "--redact")
    report = tool("verify", bare, "--checkpoint", checkpoint, "--key", vkey, "--json").json()
    equal(report.get("redacted"), True, "redacted in verify's report")
    rows = tool("log", bare, "--json").rows()
    equal([r["sequence"] for r in rows], [r["sequence"] for r in tool.log(journal)],
          "sequences of the redacted pack")
    require(word not in tool("log", bare, "--json").out, "a redacted log shows content")
    equal(tool("leaves", bare).out, tool("leaves", journal).out, "leaves of the redacted pack")
    tool("export", bare, codes=(2,))


def archives(ctx, journal, past, golden, count):
    """Trims in three steps; every earlier moment is found in the archive the message names."""
    tool = ctx.tool
    last = tool.stats(journal)["lastSequence"]
    made = []
    for number, keep in enumerate((count // 2, count // 4, 0)):
        path = ctx.path(f"archive-{number}")
        before = tool.export(journal)
        options = ("--keep", keep) if keep else ()
        report = tool("compact", journal, "--archive", path, "--json", *options).json()
        require(report["trimmed"] > 0, "a trim with an archive trimmed nothing")
        same_export(tool.export(journal), before, "export after the trim")
        size = tool("verify", path, "--json").json()["size"]
        equal(size, report["horizon"] - 1, "the archive's last sequence, the horizon's")
        made.append(path)
    last = tool.stats(journal)["lastSequence"]
    for at, text in past.items():
        done = tool("export", journal, "--at", at, codes=(4,))
        named = [path for path in made if str(path) in done.err]
        require(named, f"the state at {at}: {done.err} names no archive")
        same_export(tool.export(named[0], "--at", at), text, f"the archive's state at {at}")
    for path in made:
        # Every leaf of the archive is a leaf of the journal, or lies in one of its gaps.
        end = tool("verify", path, "--json").json()["size"]
        require(end <= last, f"{path.name} is longer than the journal")
        tool("prove", path, ctx.random.randint(tool.stats(path)["firstSequence"], end))
    tool("verify", journal)


def damage(ctx, whole, golden):
    """Any flipped bit or missing end is found; nothing is shown as if it were sound."""
    tool, random, data = ctx.tool, ctx.random, whole.read_bytes()
    hurt = ctx.path("hurt.pack")
    cases = ctx.size(40, 1000)
    for number in range(cases):
        if number % 8 == 7:
            hurt.write_bytes(data[:random.randrange(len(data))])
        else:
            at, bit = random.randrange(len(data)), 1 << random.randrange(8)
            hurt.write_bytes(data[:at] + bytes([data[at] ^ bit]) + data[at + 1:])
        tool("verify", hurt, codes=(1, 2))
        done = tool("export", hurt, codes=(0, 2))
        if done.code == 0:
            same_export(done.out, golden, "export of a damaged pack")
    return cases
