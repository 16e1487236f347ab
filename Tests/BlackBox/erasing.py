"""`erase`: one record's content is gone everywhere, every proof stays."""

import oracle
from tool import Server, equal, require

WORDS = ["Quasimodo-7731", "hunchback-of-the-tower-7731", "bell-ringer-7731"]


def erase(ctx):
    tool, random = ctx.tool, ctx.random
    server = Server(tool, ctx.path("server"))
    a, b = (tool.device(ctx.path(name), server.url) for name in "ab")
    person = {"collection": "people", "id": WORDS[0]}
    tool.append(a, [{"op": "create", **person, "fields": {"job": WORDS[1]}, "actor": "someone"}])
    tool.append(a, [{"op": "put", "collection": "people", "id": f"p{i}", "fields": {"n": i}}
                    for i in range(50)])
    tool.settle(a, b)
    tool.append(b, [{"op": "update", **person, "set": {"hobby": WORDS[2]}},
                    {"op": "put", "collection": "places", "id": "tower", "fields": {"h": 69}}])
    tool.append(a, [{"op": "update", **person, "set": {"hobby": "none"}}])
    tool.settle(a, b)
    archive = ctx.path("archive")
    if random.random() < 0.7:
        tool("compact", a, "--archive", archive)
    tool.append(a, [{"op": "update", **person, "set": {"late": WORDS[2]}},
                    {"op": "update", "collection": "people", "id": "p3", "set": {"n": 33}}])
    kept = [row for row in oracle.State.of_export(tool.export(a)).rows() if row[1] != WORDS[0]]
    notes = {d: (tool("checkpoint", d).out, tool("key", d).out.strip()) for d in (a, b)}

    options = ["--archive", archive] if archive.exists() else []
    report = tool("erase", a, "people", WORDS[0], "--reason", "asked to", "--json",
                  *options).json()
    require(report["erased"] > 0 and report["rewritten"], f"erase: {report}")
    gone(ctx, a)
    check(ctx, a, kept, notes[a])
    if options:
        require(WORDS[1].encode() not in plain(ctx, archive), "the archive still holds it")
        tool("verify", archive)
        tool("replay", archive)
    tool("erase", a, "people", WORDS[0], "--reason", "again", codes=(1,))

    tool.sync(a)
    tool.sync(b)
    tool.settle(a, b)
    for journal in (server.directory, b):
        require(tool.stats(journal)["rewriteWanted"], f"{journal.name}: stats do not say so")
    check(ctx, b, kept, notes[b])
    server.stop()
    for journal in (server.directory, b):
        tool("compact", journal, "--rewrite")
        require(not tool.stats(journal)["rewriteWanted"], f"{journal.name}: stats still say so")
        gone(ctx, journal)
        tool.verify(journal)
    server.start()
    fresh = tool.device(ctx.path("fresh"), server.url)
    tool.settle(a, b, fresh)
    tool.compare(a, fresh)
    gone(ctx, fresh)
    again(ctx, a, b, person)
    server.stop()
    return f"{report['erased']} entries erased on a device; server, device and archive followed"


def check(ctx, journal, kept, note):
    tool = ctx.tool
    same = oracle.State.of_export(tool.export(journal)).rows()
    equal(list(same), list(kept), f"records of {journal.name} but the erased one")
    path = ctx.path("note")
    path.write_text(note[0])
    tool("verify", journal, "--checkpoint", path, "--key", note[1])
    tool("replay", journal)
    rows = tool.log(journal)
    erased = [row["sequence"] for row in rows if row.get("erased")]
    require(erased, f"{journal.name}: no entry is erased")
    for sequence in erased:
        tool("prove", journal, sequence)


def again(ctx, a, b, person):
    """The name may be used again; nothing of the old record shows through."""
    tool = ctx.tool
    tool.append(b, [{"op": "create", **person, "fields": {"new": True}}])
    tool.settle(a, b)
    equal(tool("get", a, "people", person["id"], "--json").json()["fields"], {"new": True},
          "the record made anew")
    tool.compare(a, b)
    for journal in (a, b):
        tool.verify(journal)
        tool("replay", journal)


def plain(ctx, archive):
    return ctx.tool("log", archive, "--json").out.encode() + ctx.tool.export(archive).encode()


def gone(ctx, journal):
    """Searches the bytes of every file of the journal."""
    for path in journal.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            for word in WORDS:
                require(word.encode() not in data, f"{word} is still in {path.name} of "
                        f"{journal.name}")
