"""`restored`: a server put back to a backup, then replaced by an empty one."""

import shutil

import oracle
from exchanging import edit_ids, fresh
from reading import same_export
from tool import Server, equal, require


def lines(side, numbers, **fields):
    return [{"op": "put", "collection": "notes", "id": f"{side}{n}", "fields": {"n": n, **fields}}
            for n in numbers]


def put_back(server, backup):
    server.stop()
    shutil.rmtree(server.directory)
    shutil.copytree(backup, server.directory)
    server.start()


def restored(ctx):
    tool, random = ctx.tool, ctx.random
    server = Server(tool, ctx.path("server"))
    pair = [tool.device(ctx.path(name), server.url) for name in ("a", "b")]
    # So many that what the other device has yet to deliver again is never most of them: nobody is to be asked.
    everything = lines("start", range(ctx.size(100, 400)))
    tool.append(pair[0], everything)
    tool.settle(*pair)
    server.stop()
    backup = ctx.copy(server.directory, "backup")
    server.start()
    rounds = ctx.size(3, 12)
    for turn in range(rounds):
        # What the server acknowledges, and then loses.
        for device in pair:
            mine = lines(f"{device.name}{turn}-", range(random.randint(1, 30)))
            mine.append({"op": "update", "collection": "notes", "id": f"start{turn}",
                         "set": {device.name: turn}})
            tool.append(device, mine)
            everything += mine
        for device in random.sample(pair, 2) + random.sample(pair, random.randint(0, 2)):
            tool.sync(device)
        # What it never had.
        for device in pair:
            mine = [{"op": "update", "collection": "notes", "id": f"{device.name}{turn}-0",
                     "set": {"late": device.name}}]
            tool.append(device, mine)
            everything += mine
        put_back(server, backup)
        tool.settle(*pair)
        tool.compare(*pair)
        # Nobody writes a field that another writes, so the order of arrival does not matter.
        same_export(tool.export(pair[0]), oracle.State(everything).export(), f"round {turn}")
    third = fresh(ctx, server, *pair)
    for device in (*pair, third, server.directory):
        tool.verify(device)
    ids = edit_ids(tool.log(server.directory))
    equal((len(ids), len(set(ids))), (len(everything), len(everything)), "edits at the server")
    replaced(ctx, server, pair[0])
    server.stop()
    return f"{len(everything)} edits, {rounds} backups put back, then an empty server"


def replaced(ctx, server, device):
    """An empty server takes nothing away before somebody says so."""
    tool = ctx.tool
    report = tool("sync", device, "--full", "--json").json()
    require("vanished" not in report, "a full state of a whole server takes records away")
    before = tool.export(device)
    server.stop()
    shutil.rmtree(server.directory)
    server.start()
    refused = tool("sync", device, "--json", codes=(3,))
    require("mass-deletion" in refused.err or "confirm" in refused.err,
            f"the error says nothing of the deletions: {refused.err}")
    equal(tool.export(device), before, "records after the refusal")
    tool("sync", device, "--full", "--push-only", codes=(64,))
    report = tool("sync", device, "--confirm-deletions", "--json").json()
    equal(report["vanished"], len(before.splitlines()), "records that are gone")
    equal(tool.export(device), "", "records after the confirmation")
    tool.append(device, lines("new", range(3)))
    tool.sync(device)
    fresh(ctx, server, device, name="fresh-again")
    tool.verify(device)
