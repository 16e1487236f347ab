"""`devices`, `pairs`, `fork`: several devices, one server, in every order."""

import itertools
import threading
import time

import histories
import oracle
from proxy import Proxy
from reading import same_export
from tool import Server, equal, require

EDITS = ("create", "update", "put", "delete")


def fresh(ctx, server, *others, name="fresh"):
    """A device that has only ever synced must show what the others show."""
    device = ctx.tool.device(ctx.path(name), server.url)
    ctx.tool.settle(device)
    ctx.tool.compare(device, *others)
    ctx.tool.verify(device)
    return device


def edit_ids(log):
    return [e["entry"] for e in log if e["kind"] in EDITS]


def devices(ctx):
    tool, random = ctx.tool, ctx.random
    total = ctx.size(300, 5000)
    server = Server(tool, ctx.path("server"))
    made = histories.Generator(random, 300)
    proxy = Proxy(server.port)
    pair = [tool.device(ctx.path(name), proxy.url) for name in ("a", "b")]
    states = [oracle.State(), oracle.State()]
    left = [total, total]
    kills = sorted(random.sample(range(total // 4, total * 7 // 4), 3))
    syncs = cut = 0
    seconds = 0.05
    while any(left):
        side = random.choice([s for s in (0, 1) if left[s]])
        count = min(left[side], random.randint(1, 40))
        tool.append(pair[side], made.lines(states[side], count))
        left[side] -= count
        order = random.choice([(), (), (side,), (1 - side,), (0, 1), (1, 0)])
        if kills and 2 * total - sum(left) >= kills[0]:
            kills.pop(0)
            cut += kill_during_sync(tool, server, random, pair, seconds)
            order = (0, 1)
        for each in order:
            start = time.perf_counter()
            if proxy.left is None and random.random() < 0.3:
                # The server will act on a request whose answer never arrives.
                proxy.lose(random.randint(0, 3))
            done = tool.sync(pair[each], codes=(0,) if proxy.left is None else (0, 3))
            if done:
                seconds = time.perf_counter() - start
            syncs += 1
        # A killed sync may have changed either side.
        for each in {0, 1} if len(order) == 2 else set(order) | {side}:
            text = tool.export(pair[each])
            if each == side and each not in order:
                same_export(text, states[each].export(), f"export of {pair[each].name} offline")
            states[each] = oracle.State.of_export(text)
    proxy.heal()
    tool.settle(*pair)
    tool.compare(*pair)
    fresh(ctx, server, *pair)
    check_server(ctx, server, pair, 2 * total)
    server.stop()
    proxy.close()
    require(proxy.lost, "no answer was lost: the check did not do its work")
    return (f"{2 * total} edits, {syncs} syncs, {proxy.lost} answers lost, 3 kills of the server, "
            f"{cut} syncs cut short")


def kill_during_sync(tool, server, random, pair, seconds):
    """Kills the server while a device syncs; says whether that sync noticed."""
    codes = []

    def work():
        codes.append(tool("sync", device, "--json", codes=None).code)

    device = random.choice(pair)
    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(random.uniform(0, seconds))
    server.kill()
    thread.join()
    require(codes and codes[0] in (0, 3), f"sync while the server is killed: exit {codes}")
    tool("sync", pair[0], "--json", codes=(3,))
    server.start()
    return codes[0] == 3


def check_server(ctx, server, pair, total):
    """The server's own journal has each edit of each device exactly once."""
    log = ctx.tool.log(server.directory)
    equal([e["sequence"] for e in log], list(range(1, len(log) + 1)), "the server's sequences")
    ids = [e["entry"] for e in log]
    equal(len(set(ids)), len(ids), "distinct entry ids at the server")
    sent = [i for device in pair for i in edit_ids(ctx.tool.log(device))]
    equal(len(sent), total, "edits in the devices' logs")
    theirs = edit_ids(log)
    missing, foreign = set(sent) - set(theirs), set(theirs) - set(sent)
    require(not missing and not foreign,
            f"server lacks {len(missing)} edits and has {len(foreign)} nobody made")
    ctx.tool.verify(server.directory)
    same_export(ctx.tool.export(server.directory), ctx.tool.export(pair[0]), "server's export")


def edit(op, identifier, side):
    """An edit of one side: a field of its own, and one that both sides touch."""
    line = {"op": op, "collection": "pairs", "id": identifier}
    content = {"shared": side, side: 1}
    if op == "update":
        line |= {"set": content, "unset": ["old"]} if side == "b" else {"set": content}
    elif op != "delete":
        line["fields"] = content
    return line


# What one device may do with a record that is absent, present, or deleted.
MOVES = {
    "absent": [(), ("create",), ("put",), ("create", "delete"), ("create", "update")],
    "present": [(), ("update",), ("put",), ("delete",), ("delete", "create"), ("update", "delete"),
                ("delete", "put")],
    "deleted": [(), ("create",), ("put",), ("create", "delete")],
}


def pairings():
    for before, moves in MOVES.items():
        for number, (mine, theirs) in enumerate(itertools.product(moves, moves)):
            yield before, mine, theirs, f"{before}-{number}"


def pairs(ctx):
    every = list(pairings())
    for swapped in (False, True):
        run_pairs(ctx, every, swapped, "swapped" if swapped else "straight")
    alone = every if ctx.full else ctx.random.sample(every, 6)
    for number, pairing in enumerate(alone):
        for swapped in (False, True):
            run_pairs(ctx, [pairing], swapped, f"alone{number}{'s' if swapped else ''}")
    return f"{len(every)} pairings × 2 orders together, {len(alone)} alone"


def run_pairs(ctx, every, swapped, name):
    tool = ctx.tool
    ctx.path(name).mkdir()
    server = Server(tool, ctx.path(name) / "server")
    a, b = (tool.device(ctx.path(name) / side, server.url) for side in "ab")
    state = oracle.State()
    start = [{"op": "put", "collection": "pairs", "id": i, "fields": {"old": True, "shared": 0}}
             for before, _, _, i in every if before != "absent"]
    start += [{"op": "delete", "collection": "pairs", "id": i}
              for before, _, _, i in every if before == "deleted"]
    tool.append(a, start)
    tool.settle(a, b)
    lines = {"a": [edit(op, i, "a") for _, mine, _, i in every for op in mine],
             "b": [edit(op, i, "b") for _, _, theirs, i in every for op in theirs]}
    tool.append(a, lines["a"])
    tool.append(b, lines["b"])
    first, second = ("b", "a") if swapped else ("a", "b")
    for side in (first, second, first):
        tool.sync(a if side == "a" else b)
    tool.settle(a, b)
    tool.compare(a, b)
    # The table of the fold, in the order in which the edits reached the server.
    for line in start + lines[first] + lines[second]:
        state.apply(line)
    same_export(tool.export(a), state.export(), f"{name}: both devices")
    if len(every) > 1:
        fresh(ctx, server, a, b, name=f"{name}-fresh")
    server.stop()


def fork(ctx):
    for unsent in (False, True):
        run_fork(ctx, unsent)
    return "a copy made at rest, a copy made with unsent edits"


def plain(name):
    """`device changed`, `deviceChanged` and `device-changed` are one."""
    return "".join(c for c in name.lower() if c.isalpha())


def run_fork(ctx, unsent):
    tool = ctx.tool
    folder = ctx.path("unsent" if unsent else "rest")
    folder.mkdir()
    server = Server(tool, folder / "server")
    original = tool.device(folder / "original", server.url)

    def lines(side, numbers, op="put"):
        return [{"op": op, "collection": "notes", "id": f"{side}{n}",
                 "fields": {"by": side, "n": n}} for n in numbers]

    everything = lines("start", range(20))
    tool.append(original, everything)
    tool.settle(original)
    if unsent:
        pending = lines("unsent", range(5), "create")
        tool.append(original, pending)
        everything += pending
    copy = ctx.copy(original, folder / "copy")
    for turn in range(4):
        for device in (original, copy):
            mine = lines(device.name, range(turn * 10, turn * 10 + ctx.random.randint(1, 10)))
            mine.append({"op": "update", "collection": "notes", "id": f"start{turn}",
                         "set": {device.name: turn}})
            tool.append(device, mine)
            everything += mine
        order = ctx.random.sample([original, copy], 2) if turn else [original, copy]
        for device in order:
            tool.sync(device)
    tool.settle(original, copy)
    tool.compare(original, copy)
    # Nobody writes a field that another writes, so the order of arrival does not matter.
    same_export(tool.export(copy), oracle.State(everything).export(), "edits of both")
    log = tool.log(copy)
    changed = [e for e in log if plain(e["kind"]) == "devicechanged"]
    kinds = sorted({e["kind"] for e in log})
    require(changed, f"no device-changed entry on the copy; kinds: {kinds}")
    equal(tool.log(copy, "--kind", changed[0]["kind"]), changed, "log --kind on the copy")
    third = fresh(ctx, server, original, copy, name=f"{folder.name}-third")
    same_export(tool.export(third), oracle.State(everything).export(), "third device")
    for device in (original, copy, server.directory):
        tool.verify(device)
    ids = edit_ids(tool.log(server.directory))
    equal(len(ids), len(set(ids)), "distinct entry ids at the server")
    equal(len(ids), len(everything), "edits at the server")
    server.stop()
