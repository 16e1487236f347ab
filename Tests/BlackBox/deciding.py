"""`deciding`: conflicts are listed with both sides, and decided about once more, before or behind delivery."""

from tool import Server, equal, require


def deciding(ctx):
    tool = ctx.tool
    server = Server(tool, ctx.path("server"))
    a, b = (tool.device(ctx.path(name), server.url) for name in ("a", "b"))
    try:
        return decided(ctx, tool, server, a, b)
    finally:
        server.stop()


def update(tool, device, **fields):
    tool.append(device, [{"op": "update", "collection": "c", "id": "x", "set": fields}])


def contest(tool, a, b, mine, theirs):
    """A conflict at `b`; its entry."""
    update(tool, a, n=theirs)
    update(tool, b, n=mine)
    tool.sync(a)
    before = len(tool("conflicts", b, "--json").rows())
    equal(tool.sync(b)["conflicts"], 1, "conflicts of the sync")
    rows = tool("conflicts", b, "--json").rows()
    equal(len(rows), before + 1, "conflicts listed")
    return rows[-1]


def decided(ctx, tool, server, a, b):
    tool.append(a, [{"op": "create", "collection": "c", "id": "x", "fields": {"n": 0, "t": "x"}}])
    tool.settle(a, b)
    found = contest(tool, a, b, mine=3, theirs=2)
    equal((found["mine"], found["theirs"], found["decider"]), ({"n": 3}, {"n": 2}, "keep"), "both sides")
    conflict = str(found["sequence"])
    last = tool.stats(b)["lastSequence"]

    # Usage: nothing is decided.
    for words in ((), (conflict,), ("--mine",), (conflict, "--mine", "--theirs"),
                  (conflict, "--set", '{"n":'), (conflict, "--set", "[1]"), (conflict, "--set", '{"n":1,"n":2}'),
                  (conflict, "--set", '{"":1}'), (conflict, "--set", '{"n":1}', "--unset", "n"),
                  ("1", "--mine"), ("999999", "--mine"), ("x", "--mine"), ("-1", "--mine")):
        tool("decide", b, *words, codes=(64,))
    tool("decide", ctx.path("nowhere"), conflict, "--mine", codes=(2,))
    equal(tool.stats(b)["lastSequence"], last, "entries after refused decisions")

    # Sent already: a new edit brings the choice about, with the decision as its cause.
    answer = tool("decide", b, conflict, "--theirs", "--actor", "mia", "--reason", "as agreed", "--json").json()
    decision, edit = tool.log(b)[-2:]
    equal(answer, {"decided": [decision["sequence"], edit["sequence"]]}, "what decide says")
    equal((decision["kind"], decision["cause"], decision["decider"]), ("conflict", found["sequence"], "app"),
          "the decision")
    equal((edit["kind"], edit["cause"], edit["set"], edit["status"], edit["actor"], edit["reason"]),
          ("update", decision["sequence"], {"n": 2}, "pending", "mia", "as agreed"), "the edit")
    equal(tool("get", b, "c", "x", "--json").json()["fields"], {"n": 2, "t": "x"}, "what is shown")
    tool.settle(a, b)
    tool.compare(a, b)

    # Once more, and with fields of one's own; nothing is left to do where it is as chosen already.
    tool("decide", b, conflict, "--set", '{"n":9}', "--unset", "t")
    tool.settle(a, b)
    equal(tool("get", a, "c", "x", "--json").json()["fields"], {"n": 9}, "what the other device shows")
    found = contest(tool, a, b, mine=5, theirs=4)
    tool("decide", b, str(found["sequence"]), "--mine")
    tool.settle(a, b)
    equal(tool("get", a, "c", "x", "--json").json()["fields"], {"n": 5}, "mine stays")
    tool.compare(a, b)
    require(len(tool("conflicts", b).out.splitlines()) == len(tool("conflicts", b, "--json").rows()),
            "the table lists what the JSON does")
    for journal in (a, b):
        tool.verify(journal)
    return f"{len(tool('conflicts', b, '--json').rows())} conflicts and decisions"
