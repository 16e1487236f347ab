"""`osm`: a real change history; every reading verb against the oracle."""

import datetime
import json
import subprocess
import sys

import histories
import oracle
from tool import PROJECT, equal, require

CONVERTER = PROJECT / "../shared/tools/osc2ndjson"
CHANGES = PROJECT / "../shared/data/osm/000466354.osc.gz"


def real_history():
    """The change file as lines, or None where it is not there."""
    if not (CONVERTER.exists() and CHANGES.exists()):
        return None
    done = subprocess.run([sys.executable, str(CONVERTER), str(CHANGES)], capture_output=True,
                          check=True)
    return [json.loads(line) for line in done.stdout.decode().split("\n") if line]


def same_export(actual, expected, what):
    difference = oracle.difference(actual, expected)
    require(difference is None, f"{what}: {difference}")


def osm(ctx):
    figures = []
    lines = real_history()
    if lines is None:
        figures.append("change file absent, generated history only")
    else:
        read_back(ctx, "osm", lines, osm_queries)
        figures.append(f"{len(lines)} real changes")
    made = histories.Generator(ctx.random, 60).lines(oracle.State(), ctx.size(800, 4000))
    read_back(ctx, "made", made, made_queries)
    return ", ".join(figures + [f"{len(made)} generated ones"])


def read_back(ctx, name, lines, make_queries):
    tool, random = ctx.tool, ctx.random
    journal = tool.init(ctx.path(name))
    spelled = b"".join(histories.spelled(random, line) for line in lines)
    tool("append", journal, "-", input=spelled)
    state = oracle.State(lines)
    last = len(lines) + 1
    same_export(tool.export(journal), state.export(), f"{name}: export")
    tool.verify(journal)

    log = tool.log(journal)
    check_log(log, lines, name)
    start = random.randint(2, last - 10)
    equal(tool.log(journal, "--from", start, "--limit", 7), log[start - 1:start + 6],
          "log --from --limit")
    equal(tool.log(journal, "--from", start, "--to", start + 3), log[start - 1:start + 3],
          "log --from --to")
    equal(tool.log(journal, "--kind", "delete"), [e for e in log if e["kind"] == "delete"],
          "log --kind")
    stats = tool.stats(journal)
    equal((stats["entries"], stats["lastSequence"], stats["firstSequence"]), (last, last, 1),
          "stats entries, lastSequence, firstSequence")

    for at in sorted({0, 1, last, *(random.randint(1, last) for _ in range(50))}):
        past = oracle.State(lines[:max(0, at - 1)])
        same_export(tool.export(journal, "--at", at), past.export(), f"{name}: export --at {at}")
    for collection in {line["collection"] for line in lines}:
        same_export(tool.export(journal, "--collection", collection), state.export(collection),
                    f"export --collection {collection}")
    for line in random.sample(lines, 20):
        check_record(tool, journal, lines, state, line["collection"], line["id"], random)
    for _ in range(10):
        check_diff(tool, journal, lines, random.randint(0, last), random.randint(0, last))
    gone = [line for line in lines if (line["collection"], line["id"]) not in state.records]
    for line in gone[:3]:
        tool("get", journal, line["collection"], line["id"], codes=(1,))
    for collection, wheres, sort, offset, limit in make_queries(random, state):
        check_query(tool, journal, state, collection, wheres, sort, offset, limit)


def check_log(log, lines, name):
    equal([e["sequence"] for e in log], list(range(1, len(lines) + 2)), f"{name}: sequences")
    equal(log[0]["kind"], "opened", "kind of sequence 1")
    for entry, line in zip(log[1:], lines):
        check_entry(entry, line)
    equal(len({e["entry"] for e in log}), len(log), "distinct entry ids")
    times = [e["time"] for e in log]
    require(times == sorted(times), "recording times decrease")


def moment(text):
    return datetime.datetime.fromisoformat(text)


def check_entry(entry, line):
    """Does a row of `log --json` say what the line said?"""
    where = f"entry {entry['sequence']}"
    equal((entry["kind"], entry["collection"], entry["record"]),
          (line["op"], line["collection"], line["id"]), f"{where}: kind, collection, record")
    for name in ("fields", "set"):
        if name in line and (name == "fields" or line[name] or name in entry):
            equal(oracle.canonical(entry.get(name)), oracle.canonical(line[name]),
                  f"{where}: {name}")
    equal(sorted(entry.get("unset", [])), sorted(line.get("unset", [])), f"{where}: unset")
    equal(entry.get("actor") or "", line.get("actor", ""), f"{where}: actor")
    if "at" in line:
        equal(moment(entry["at"]), moment(line["at"]), f"{where}: at")
    if "entry" in line:
        equal(entry["entry"], line["entry"], f"{where}: entry id")


def check_record(tool, journal, lines, state, collection, identifier, random):
    held = state.records.get((collection, identifier))
    got = tool("get", journal, collection, identifier, "--json", codes=(0,) if held else (1,))
    if held:
        equal(oracle.canonical(got.json()["fields"]), oracle.canonical(held), f"get {identifier}")
    mine = [n + 2 for n, line in enumerate(lines)
            if (line["collection"], line["id"]) == (collection, identifier)]
    history = tool("history", journal, collection, identifier, "--json").rows()
    equal([entry["sequence"] for entry in history], mine, f"history {identifier}")
    check_blame(tool, journal, lines, collection, identifier, mine)
    at = random.choice(mine)
    past = oracle.State(lines[:at - 1]).records.get((collection, identifier))
    got = tool("get", journal, collection, identifier, "--json", "--at", at,
               codes=(0,) if past is not None else (1,))
    if past is not None:
        equal(oracle.canonical(got.json()["fields"]), oracle.canonical(past),
              f"get {identifier} --at {at}")


def check_blame(tool, journal, lines, collection, identifier, mine):
    """Each field's entry is the last one after which its value was another one than before."""
    state, given = oracle.State(), {}
    for sequence in mine:
        before = {name: oracle.canonical(value) for name, value in
                  (state.records.get((collection, identifier)) or {}).items()}
        state.apply(lines[sequence - 2])
        after = state.records.get((collection, identifier)) or {}
        given = {name: given[name] if before.get(name) == oracle.canonical(value) else sequence
                 for name, value in after.items()}
    exists = (collection, identifier) in state.records
    rows = tool("blame", journal, collection, identifier, "--json",
                codes=(0,) if exists else (1,)).rows()
    equal({row["field"]: row["sequence"] for row in rows}, given, f"blame {identifier}")
    for row in rows:
        equal(oracle.canonical(row["value"]), oracle.canonical(after[row["field"]]),
              f"blame {identifier}: value of {row['field']}")
        equal(row.get("actor", ""), lines[row["sequence"] - 2].get("actor", ""),
              f"blame {identifier}: actor of {row['field']}")


def check_diff(tool, journal, lines, start, end):
    old, new = (oracle.State(lines[:max(0, at - 1)]).records for at in (start, end))
    expected = []
    for record in sorted(old.keys() | new.keys(), key=lambda r: (r[0].encode(), r[1].encode())):
        sides = [("from", old.get(record)), ("to", new.get(record))]
        front = {"collection": record[0], "id": record[1]}
        names = {name for _, fields in sides for name in fields or {}}
        if not names and (sides[0][1] is None) != (sides[1][1] is None):
            expected.append({**front, **{side: {} for side, fields in sides if fields is not None}})
        for name in sorted(names, key=str.encode):
            row = {side: fields[name] for side, fields in sides if fields and name in fields}
            if len(row) == 1 or oracle.canonical(row["from"]) != oracle.canonical(row["to"]):
                expected.append({**front, "field": name, **row})
    rows = tool("diff", journal, "--from", start, "--to", end, "--json").rows()
    equal([oracle.canonical(row) for row in rows], [oracle.canonical(row) for row in expected],
          f"diff --from {start} --to {end}")


def check_query(tool, journal, state, collection, wheres, sort, offset, limit):
    arguments = []
    for name, operator, value in wheres:
        arguments += ["--where", f"{name} {operator} {oracle.canonical(value)}"]
    if sort:
        arguments += ["--sort", sort[0] + (":desc" if sort[1] else "")]
    if offset:
        arguments += ["--offset", offset]
    if limit is not None:
        arguments += ["--limit", limit]
    rows = tool("query", journal, collection, "--json", *arguments).rows()
    expected = oracle.query(state, collection, wheres, sort, offset, limit)
    equal([(row["id"], oracle.canonical(row["fields"])) for row in rows],
          [(i, oracle.canonical(f)) for i, f in expected],
          f"query {collection} {' '.join(map(str, arguments))}")


def pages(random):
    return random.choice([(0, None), (0, 10), (3, 5), (5, None), (10**6, 5)])


def osm_queries(random, state):
    nodes = [fields for _, _, fields in state.rows("nodes")]
    tagged = [f for _, _, f in state.rows("ways") if "nodes" in f]
    for operator in ("=", "!=", "<", "<=", ">", ">="):
        some = random.choice(nodes)
        descending = random.random() < 0.5
        yield "nodes", [("lat", operator, some["lat"])], ("lon", descending), *pages(random)
        whole = ("version", operator, some["version"])
        yield "nodes", [whole], ("uid", True), *pages(random)
        # An integer column asked with a double, and the other way round.
        yield "nodes", [("version", operator, 2.0), ("lat", ">", 50)], None, *pages(random)
    yield "nodes", [("uid", "in", [f["uid"] for f in random.sample(nodes, 5)])], None, 0, None
    yield "nodes", [("missing", "!=", 1)], ("lat", False), 0, 20
    yield "nodes", [("missing", "=", 1)], None, 0, None
    yield "ways", [("nodes", "contains", random.choice(tagged)["nodes"][0])], None, 0, None
    yield "ways", [], ("version", False), 0, 0
    yield "ways", [], ("changeset", True), *pages(random)


def made_queries(random, state):
    for operator in ("=", "!=", "<", "<=", ">", ">="):
        for name, value in (("n", random.randint(0, 50)), ("n", random.randint(0, 100) / 2),
                            ("s", random.choice(histories.STRINGS))):
            yield (random.choice(histories.COLLECTIONS), [(name, operator, value)],
                   (random.choice("ns"), random.random() < 0.5), *pages(random))
    yield "nodes", [("s", "in", histories.STRINGS[:6])], None, 0, None
    yield "nodes", [("s", "contains", "a")], ("n", True), 0, None
    yield "nodes", [("absent", "!=", None)], ("s", True), 0, 5
