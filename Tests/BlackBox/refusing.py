"""`malformed`: what `append` and the other verbs refuse, how they say it, and what is kept."""

import json
import os
import re
import select
import subprocess
import uuid

import oracle
from malformed_lines import LEGAL, REFUSED, line_bytes, put
from reading import same_export
from tool import Failure, equal, free_port, no_signal, require


class Journal:
    """A journal and the state it must have after what was kept."""

    def __init__(self, ctx):
        self.tool, self.directory = ctx.tool, ctx.tool.init(ctx.path("journal"))
        self.state, self.last = oracle.State(), 1

    def keep(self, lines):
        for line in lines:
            self.state.apply(json.loads(line) if isinstance(line, str) else line)
        self.last += len(lines)

    def accept(self, lines, *options):
        self.tool("append", self.directory, "-", *options, input=b"".join(map(line_bytes, lines)))
        self.keep(lines)
        self.check()

    def refuse(self, data, bad, kept, batch=1000):
        """`data` must fail at line `bad`; `kept` are the lines of earlier batches."""
        done = self.tool("append", self.directory, "-", "--batch", batch, input=data, codes=(64,))
        self.keep(kept)
        message = done.err.strip()
        ending = f"kept {len(kept)} lines, last sequence {self.last}"
        require(message.endswith(ending), f"message must end {ending!r}: {message[-300:]!r}")
        said = message.removesuffix(ending)
        require(re.search(rf"\bline {bad}\b", said),
                f"message must name line {bad}: {said[:300]!r}")
        require(len(said) < 2000, f"a message of {len(said)} characters")
        reason = re.sub(rf"\bline {bad}\b|[^a-z]", "", said.lower())
        require(len(reason) >= 6, f"no reason: {said!r}")
        self.check()

    def check(self):
        equal(self.tool.stats(self.directory)["lastSequence"], self.last, "lastSequence")
        same_export(self.tool.export(self.directory), self.state.export(), "export")


def malformed(ctx):
    journal = Journal(ctx)
    journal.accept([put("kept", {"a": 0}), put("caf\u00e9")])
    for name, line in LEGAL.items():
        named(name, journal.accept, [line])
    for number, (name, line) in enumerate(REFUSED.items()):
        # Two lines that stay, one that falls with the bad one in the second batch.
        good = [put("earlier", {"n": number}), put("second", {"n": number})]
        fallen = put("fallen", {"n": number})
        data = b"".join(map(line_bytes, [*good, fallen, line]))
        named(name, journal.refuse, data, 4, good, batch=2)
    named("first line", journal.refuse, b"\xef\xbb\xbf" + line_bytes(put("x")), 1, [])
    named("blank lines", journal.refuse, b"\n \n" + line_bytes(put("x")) + b"\nbad\n", 5, [])
    named("no end of line", journal.refuse, line_bytes(put("x")) + b'{"op":"pu', 2, [])
    for check in (blanks, too_large, generated_id, entries, groups, waited_for):
        named(check.__name__, check, journal)
    journal.tool.verify(journal.directory)
    usage(ctx, journal)
    closed_pipe(ctx, journal)
    return f"{len(REFUSED)} refused lines, {len(LEGAL)} legal ones, usage, pipes"


def named(name, check, *arguments, **options):
    try:
        check(*arguments, **options)
    except Failure as failure:
        raise Failure(f"{name}: {failure}")


def blanks(journal):
    lines = [put("b1"), put("b2")]
    data = b"\n\n" + line_bytes(lines[0]) + b"  \n\r\n" + line_bytes(lines[1]).rstrip(b"\n")
    journal.tool("append", journal.directory, "-", input=data)
    journal.keep(lines)
    journal.tool("append", journal.directory, "-", input=b"")
    journal.tool("append", journal.directory, "-", input=b"\n")
    journal.check()


def too_large(journal):
    """Each update is small enough, the record they make is not."""
    update = {"op": "update", "collection": "notes", "id": "grows"}
    journal.accept([put("grows"), update | {"set": {"a": "a" * 600_000}}])
    journal.refuse(line_bytes(update | {"set": {"b": "b" * 600_000}}), 1, [])


def generated_id(journal):
    line = {"op": "create", "collection": "made", "fields": {"a": 1}}
    journal.tool("append", journal.directory, "-", input=line_bytes(line) * 2)
    rows = journal.tool.log(journal.directory, "--from", journal.last + 1)
    equal(len({row["record"] for row in rows}), 2, "generated ids")
    journal.keep([line | {"id": row["record"]} for row in rows])
    journal.check()


def entries(journal):
    first = put("known", {"a": 1}) | {"op": "create", "entry": str(uuid.uuid4()), "actor": "ann"}
    journal.accept([first])
    # Again: in capitals, in another order, and although the record now exists.
    again = dict(reversed(first.items())) | {"entry": first["entry"].upper()}
    for line in (first, again):
        done = journal.tool("append", journal.directory, "-", "--ack", input=line_bytes(line))
        require(all(int(a.split(" ")[1]) <= journal.last for a in done.out.splitlines()),
                f"a repeated entry is acknowledged as {done.out!r}")
        journal.check()
    journal.tool("append", journal.directory, "-", input=line_bytes(first) + line_bytes(put("n")))
    journal.keep([put("n")])
    journal.check()
    for other in ({"fields": {"a": 1.0}}, {"actor": "bo"}, {"id": "other"}, {"op": "put"},
                  {"at": "2024-01-01T00:00:00Z"}, {"collection": "others"}):
        journal.refuse(line_bytes(first | other), 1, [])
    twice = put("twice") | {"entry": str(uuid.uuid4())}
    journal.refuse(line_bytes(twice) + line_bytes(twice | {"fields": {"a": 2}}), 2, [])


def groups(journal):
    group = [put(f"g{n}", {"n": n}, group="one") for n in range(5)]
    plain = [put("p0"), put("p1")]
    data = b"".join(map(line_bytes, [plain[0], *group, plain[1]]))
    done = journal.tool("append", journal.directory, "-", "--batch", 2, "--ack", input=data)
    acked = {int(line.split(" ")[1]) for line in done.out.splitlines()}
    inside = set(range(journal.last + 2, journal.last + 6))
    require(not acked & inside, f"a batch ends inside a group: {acked & inside}")
    require(journal.last + 7 in acked, f"the last batch is not acknowledged: {acked}")
    journal.keep([plain[0], *group, plain[1]])
    journal.check()
    # The whole group falls with its last line; the line before it stays, also with batches of 1.
    broken = b"".join(map(line_bytes, [plain[0], *group])) + line_bytes(put("", group="one"))
    journal.refuse(broken, 7, plain[:1], batch=1)
    # Another value is another group: the first one is whole and stays.
    other = [*group, put("two", group="two"), put("", group="two")]
    journal.refuse(b"".join(map(line_bytes, other)), 7, group, batch=1)
    many = [put(f"m{n}", group="many") for n in range(1000)]
    journal.accept(many)
    data = b"".join(map(line_bytes, many)) + line_bytes(put("m", group="many"))
    done = journal.tool("append", journal.directory, "-", input=data, codes=(64,))
    require(done.err.strip().endswith(f"kept 0 lines, last sequence {journal.last}"), done.err)
    large = [put(f"l{n}", {"a": "a" * 300_000}, group="large") for n in range(5)]
    done = journal.tool("append", journal.directory, "-", input=b"".join(map(line_bytes, large)),
                        codes=(64,))
    require(done.err.strip().endswith(f"kept 0 lines, last sequence {journal.last}"), done.err)
    journal.check()


def waited_for(journal):
    """A full batch waits for no line behind it, and its acknowledgement for none either."""
    good = [put("behind 1"), put("behind 2")]
    journal.refuse(b"".join(map(line_bytes, good)) + b"junk", 3, good, batch=2)
    child = journal.tool.start("append", journal.directory, "-", "--ack", "--batch", "1",
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        for line in (put("alone 1"), put("alone 2"), put("alone 3")):
            child.stdin.write(line_bytes(line))
            child.stdin.flush()
            ready, _, _ = select.select([child.stdout], [], [], 60)
            require(ready, "a line is not acknowledged before the next one comes")
            equal(child.stdout.readline(), f"acked {journal.last + 1}\n".encode(), "acknowledged")
            journal.keep([line])
        child.stdin.close()
        equal(child.wait(60), 0, "exit")
        equal(child.stdout.read(), b"", "behind the last acknowledgement")
    finally:
        child.kill()
    journal.check()


def usage(ctx, journal):
    tool, directory, missing = ctx.tool, journal.directory, ctx.path("missing")
    local, synced = tool.init(ctx.path("local"), "--local"), tool.init(ctx.path("synced"))
    url = f"http://127.0.0.1:{free_port()}"
    add = ("--kind", "journal", "--url", url)
    tool("remote", "add", synced, "main", *add)
    beyond = journal.last + 1
    for arguments in (
            ("frobnicate",), ("log",), ("log", directory, "--frobnicate"), ("get", directory),
            ("append", directory, "-", "--batch", "many"),
            ("append", directory, "-", "--batch", "0"),
            ("log", directory, "--limit", "-1"), ("log", directory, "--from", "x"),
            ("export", directory, "--at", "yesterday"), ("export", directory, "--at", beyond),
            ("export", directory, "--at", "9" * 40),
            ("get", directory, "notes", "kept", "--at", beyond),
            ("query", directory, "notes", "--where", "a"),
            ("query", directory, "notes", "--where", "a = x"),
            ("query", directory, "notes", "--where", "a ~ 1"), ("init", directory),
            ("remote", "add", local, "main", *add), ("remote", "add", synced, "main", *add),
            ("remote", "add", synced, "second", *add),
            ("remote", "add", synced, "odd", "--kind", "nonsense", "--url", url),
            ("sync", synced, "nobody"), ("serve", "--store", "nonsense:x"),
            ("serve", "--store", f"lmdb:{ctx.path('open')}", "--host", "0.0.0.0",
             "--port", free_port())):
        done = tool(*arguments, codes=(64,), timeout=60)
        require(done.err.strip(), f"{done.command}: exit 64 without a word")
    for verb, *rest in (("log",), ("export",), ("stats",), ("get", "notes", "x"), ("verify",),
                        ("append", "-"), ("sync",), ("compact",), ("replay",), ("leaves",),
                        ("query", "notes"), ("checkpoint",), ("compare", directory)):
        tool(verb, missing, *rest, codes=(2,), input=b"")
        require(not missing.exists(), f"{verb} creates the missing journal")
    tool("get", directory, "notes", "none", codes=(1,))
    equal(tool.export(directory, "--at", 0), "", "export --at 0")
    tool.append(synced, [put("x")])
    tool("sync", synced, "--json", codes=(3,))
    equal(tool.stats(synced)["pending"], 1, "pending after a sync without a server")
    tool("--help")
    journal.check()


def closed_pipe(ctx, journal):
    """A reader that leaves early, after a little or after nothing."""
    journal.accept([put(f"pipe{n}", {"text": "x" * 100}) for n in range(5000)])
    for arguments in (("log", "--json"), ("log",), ("export",), ("leaves", "--json"),
                      ("query", "notes", "--json")):
        for length in (0, 100):
            verb, *rest = arguments
            # With query the directory comes before the collection.
            child = ctx.tool.start(verb, journal.directory, *rest, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
            if length:
                os.read(child.stdout.fileno(), length)
            child.stdout.close()
            err = child.stderr.read().decode("utf-8", "replace")
            code = child.wait(60)
            no_signal(code, f"journal {verb} into a closed pipe", err)
            equal(code, 0, f"exit of {verb} into a closed pipe; stderr {err[:200]!r}")
