"""`speed` and `million`: rates against SQLite in the same run, memory over a long input."""

import json
import pathlib
import random as random_module
import shutil
import sqlite3
import statistics
import time

from tool import equal, require

MIB = 1 << 20


def write_puts(path, count, records, seed):
    """`count` puts of about 200 bytes over `records` records."""
    random = random_module.Random(seed)
    with open(path, "w", encoding="utf-8") as file:
        for number in range(count):
            file.write('{"op":"put","collection":"nodes","id":"%d","fields":{"version":%d,"uid":%d,'
                       '"lat":%.7f,"lon":%.7f,"name":"%032x"},"actor":"a%d"}\n' % (
                           random.randrange(records), number, random.randrange(10**6),
                           random.uniform(-90, 90), random.uniform(-180, 180),
                           random.getrandbits(128), random.randrange(50)))
    return path


def sqlite_seconds(path, database):
    """One journal row and one document row per line, transactions of 1,000 lines."""
    start = time.perf_counter()
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE journal (sequence INTEGER PRIMARY KEY, op TEXT, "
                       "collection TEXT, id TEXT, actor TEXT, fields TEXT)")
    connection.execute("CREATE TABLE documents (collection TEXT, id TEXT, fields TEXT, "
                       "PRIMARY KEY (collection, id)) WITHOUT ROWID")
    with open(path, encoding="utf-8") as file:
        while True:
            rows = []
            for line in file:
                change = json.loads(line)
                rows.append((change["op"], change["collection"], change["id"], change["actor"],
                             json.dumps(change["fields"])))
                if len(rows) == 1000:
                    break
            if not rows:
                break
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO journal (op, collection, id, actor, fields) "
                                   "VALUES (?, ?, ?, ?, ?)", rows)
            connection.executemany(
                "INSERT INTO documents VALUES (?, ?, ?) "
                "ON CONFLICT (collection, id) DO UPDATE SET fields = excluded.fields",
                [(row[1], row[2], row[4]) for row in rows])
            connection.execute("COMMIT")
    connection.close()
    return time.perf_counter() - start


def speed(ctx):
    if not ctx.full:
        return "only with --full"
    count, records = 300_000, 60_000
    path = write_puts(ctx.path("puts.ndjson"), count, records, ctx.random.random())
    ours, theirs = [], []
    for turn in range(3):
        journal = ctx.tool.init(ctx.path(f"journal{turn}"))
        start = time.perf_counter()
        ctx.tool("append", journal, path)
        ours.append(count / (time.perf_counter() - start))
        equal(ctx.tool.stats(journal)["lastSequence"], count + 1, "lastSequence")
        shutil.rmtree(journal)
        database = ctx.path(f"sqlite{turn}.db")
        theirs.append(count / sqlite_seconds(path, database))
        database.unlink()
    journal_rate, sqlite_rate = statistics.median(ours), statistics.median(theirs)
    ratio = journal_rate / sqlite_rate
    figures = f"journal {journal_rate:,.0f}/s, SQLite {sqlite_rate:,.0f}/s, ratio {ratio:.2f}"
    require(ratio >= 1, figures)
    return figures


def anonymous_bytes(pid):
    """RssAnon: resident memory without mapped file pages."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return None


def million(ctx):
    if not ctx.full:
        return "only with --full"
    require(pathlib.Path("/proc/self/status").exists(), "needs /proc")
    count = 1_000_000
    path = write_puts(ctx.path("puts.ndjson"), count, 100_000, ctx.random.random())
    journal = ctx.tool.init(ctx.path("journal"))
    start, samples = time.perf_counter(), []
    with open(ctx.path("stderr"), "wb") as errors:
        child = ctx.tool.start("append", journal, path, stderr=errors)
    while child.poll() is None:
        try:
            size = anonymous_bytes(child.pid)
        except (FileNotFoundError, ProcessLookupError):
            break
        if size is not None:
            samples.append((time.perf_counter() - start, size))
        time.sleep(0.02)
    equal(child.wait(), 0, f"exit of append; stderr {ctx.path('stderr').read_bytes()[-300:]}")
    seconds = time.perf_counter() - start
    equal(ctx.tool.stats(journal)["lastSequence"], count + 1, "lastSequence")
    early = max((size for at, size in samples if at <= seconds / 5), default=0)
    late = max(size for _, size in samples)
    require(len(samples) > 20 and early, f"only {len(samples)} samples")
    figures = (f"{count / seconds:,.0f}/s, anonymous memory {early / MIB:.1f} MiB after 20 %, "
               f"at most {late / MIB:.1f} MiB")
    require(late - early < 64 * MIB, figures)
    return figures
