"""`compact`: what is settled goes, what is visible stays, and the devices go on."""

import histories
import oracle
from exchanging import fresh
from reading import same_export
from tool import Server, equal, require


def compact(ctx):
    tool = ctx.tool
    count = ctx.size(3000, 100_000)
    server = Server(tool, ctx.path("server"))
    a, b = (tool.device(ctx.path(name), server.url) for name in "ab")
    made, state = histories.Generator(ctx.random, count // 5), oracle.State()
    for _ in range(10):
        tool.append(a, made.lines(state, count // 10))
        tool.sync(a)
    tool.settle(a, b)
    golden = ctx.path("golden")
    golden.write_bytes(tool.export(a).encode())
    same_export(golden.read_text("utf-8"), state.export(), "export before compact")
    tool("replay", a, "--expect", golden)

    sequence, before = tool.stats(a)["lastSequence"], tool.export(a)
    tool("compact", a, "--dry-run", "--json")
    equal(tool.stats(a)["lastSequence"], sequence, "lastSequence after --dry-run")
    report = trim(ctx, a, golden, count)
    after_bytes = check_bytes(ctx, report, before)
    past = tool("export", a, "--at", 2, codes=(4,))
    equal(past.out, "", "stdout of an export below the horizon")
    require(past.err.strip(), "an export below the horizon says nothing")

    go_on(ctx, made, server, a, b, "device")
    server_report = trim_server(ctx, server, a, b)
    go_on(ctx, made, server, a, b, "server")
    # What was edited since is settled too, and a second trim finds it.
    golden.write_bytes(tool.export(a).encode())
    trim(ctx, a, golden, 0)
    tool.settle(a, b)
    tool.compare(a, b)
    server.stop()
    return (f"{count:,} edits; device trimmed {report['trimmed']:,}, {report['bytesBefore']:,} → "
            f"{report['bytesAfter']:,} bytes (allowed {after_bytes:,}); server trimmed "
            f"{server_report['trimmed']:,}")


def trim(ctx, journal, golden, at_least, *options):
    """Compacts, and checks that nobody who reads what is visible can tell."""
    tool = ctx.tool
    report = tool("compact", journal, "--json", *options).json()
    require(report["trimmed"] >= at_least,
            f"compact {journal.name} trimmed {report['trimmed']} of {at_least} settled edits")
    require(tool.export(journal) == golden.read_bytes().decode(),
            f"export of {journal.name} changed by compact")
    tool("replay", journal, "--expect", golden)
    verified = tool.verify(journal)
    stats = tool.stats(journal)
    equal(stats["horizon"], report["horizon"], "horizon in stats, in compact's answer")
    equal(verified["horizon"], report["horizon"], "horizon in verify, in compact's answer")
    log = tool.log(journal)
    # Entries that stay below the horizon are islands; from it on nothing is missing.
    held = [e["sequence"] for e in log if e["sequence"] >= report["horizon"]]
    equal(held, list(range(report["horizon"], stats["lastSequence"] + 1)),
          "entries from the horizon")
    equal(len(log), stats["entries"], "entries in log, in stats")
    return report


def check_bytes(ctx, report, visible):
    """Against a journal that holds nothing but one put per visible record."""
    tool = ctx.tool
    state = oracle.State.of_export(visible)
    lines = [{"op": "put", "collection": c, "id": i, "fields": f} for c, i, f in state.rows()]
    small = tool.init(ctx.path("small"))
    tool.append(small, lines)
    allowed = int(1.5 * tool.stats(small)["bytes"] + 45 * report["trimmed"])
    require(report["bytesAfter"] <= allowed,
            f"bytesAfter {report['bytesAfter']:,} > {allowed:,} = 1.5 × the visible records' "
            f"journal + 45 × {report['trimmed']:,}")
    return allowed


def go_on(ctx, made, server, a, b, name):
    """Both devices edit and sync, and a device that never saw the trimmed entries joins."""
    tool = ctx.tool
    for _ in range(2):
        for device in (a, b):
            tool.append(device, made.lines(oracle.State.of_export(tool.export(device)), 100))
        for device in ctx.random.sample([a, b], 2):
            tool.sync(device)
    tool.settle(a, b)
    tool.compare(a, b)
    fresh(ctx, server, a, b, name=f"fresh-after-{name}")


def trim_server(ctx, server, a, b):
    tool = ctx.tool
    server.stop()
    golden, archive = ctx.path("server-golden"), ctx.path("archive")
    golden.write_bytes(tool.export(server.directory).encode())
    last = tool.stats(server.directory)["lastSequence"]
    report = trim(ctx, server.directory, golden, 1, "--archive", archive)
    tool("verify", archive)
    past = tool("export", server.directory, "--at", 2, codes=(4,))
    require(str(archive) in past.err,
            f"a state below the horizon does not name the archive: {past.err}")
    require(len(tool("log", archive, "--json").rows()) >= report["trimmed"],
            "the archive has fewer entries than were trimmed")
    tool("replay", archive, "--expect", golden)
    require(tool.stats(server.directory)["lastSequence"] > last, "the trim is not an entry")
    server.start()
    tool.settle(a, b)
    tool.compare(a, b)
    fresh(ctx, server, a, b, name="fresh-of-server")
    return report
