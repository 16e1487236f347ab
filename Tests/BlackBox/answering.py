"""`answering`: what the command says when something is wrong, to programs and to people."""

import fcntl
import json
import os
import pathlib
import pty
import re
import select
import shutil
import struct
import subprocess
import termios
import time
import unicodedata

import plain
from tool import PROJECT, Server, equal, free_port, require


class Moody(plain.Backend):
    """A backend that answers some edits otherwise, with headers of its choice."""

    def __init__(self):
        super().__init__()
        self.moods = {}

    def handle(self, request):
        key = request.path.rsplit("/", 1)[-1]
        mood = self.moods.get(key) if request.command != "GET" else None
        if mood is None:
            return super().handle(request)
        request.rfile.read(int(request.headers.get("Content-Length", 0)))
        status, headers = mood
        request.send_response(status)
        for name, value in {**headers, "Content-Length": "0"}.items():
            request.send_header(name, value)
        request.end_headers()


def answering(ctx):
    listed(ctx)
    errors(ctx)
    hints(ctx)
    backend = Moody()
    try:
        later(ctx, backend)
        poison(ctx, backend)
    finally:
        backend.stop()
    server = Server(ctx.tool, ctx.path("server"))
    try:
        decisions(ctx, server)
    finally:
        server.stop()
    strangers(ctx)
    trimmed(ctx)
    files(ctx)
    widest = width(ctx)
    return f"widest line on a terminal of 80 columns: {widest}"


def listed(ctx):
    """Each verb that the help lists is in the README."""
    readme = (PROJECT / "README.md").read_text()
    verbs = re.findall(r"^  ([a-z]+)  ", ctx.tool("--help").out.split("SUBCOMMANDS:")[1], re.M)
    require(len(verbs) > 30, f"verbs in the help: {verbs}")
    missing = [verb for verb in verbs if not re.search(rf"(`|journal ){verb}\b", readme)]
    equal(missing, [], "verbs that the README does not name")


def failed(ctx, *arguments, exit, code=None, input=None):
    """A call with --json that fails: one object on stdout, and words on stderr."""
    done = ctx.tool(*arguments, "--json", codes=(exit,), input=input)
    error = done.json().get("error")
    require(isinstance(error, dict) and set(error) == {"code", "exit", "message", "next"},
            f"{done.command}: no error object: {done.out!r}")
    equal(error["exit"], exit, f"{done.command}: its exit code")
    if code:
        equal(error["code"], code, f"{done.command}: its code")
    require(error["message"] and error["next"] and error["message"][:20] in done.err,
            f"{done.command}: {error} against {done.err!r}")
    return done.json()


def add(tool, device, url, *collections):
    words = [word for c in collections for word in ("--collection", c)]
    tool("remote", "add", device, f"r{url[-2:]}{len(words)}", "--kind", "rest", "--url", url, *words,
         "--version-field", "stamp", "--deleted-field", "gone", "--since-parameter",
         "modified_since", "--creates", "put")


def errors(ctx):
    tool, absent = ctx.tool, ctx.path("absent")
    for verb, *rest in (("log",), ("get", "c", "x"), ("query", "c"), ("export",), ("history", "c", "x"),
                        ("stats",), ("pending",), ("parked",), ("conflicts",), ("verify",), ("sync",),
                        ("compact",), ("checkpoint",), ("prove", "1"), ("leaves",), ("replay",)):
        failed(ctx, verb, absent, *rest, exit=2, code="cannot-open")
    device = tool.init(ctx.path("errors"))
    failed(ctx, "sync", device, exit=64, code="usage")
    failed(ctx, "sync", device, "--no-such-option", exit=64, code="usage")
    failed(ctx, "get", device, "c", "x", "--at", "99", exit=64, code="invalid-input")
    failed(ctx, "retry", device, "99", exit=64)
    answer = failed(ctx, "append", device, exit=64, code="invalid-input",
                    input='{"op":"put","collection":"c","id":"x","fields":{}}\n{"op":"nonsense"}\n')
    equal(answer["appended"], 0, "what append kept")
    # A finding is an answer, no error.
    equal(tool("get", device, "c", "x", "--json", codes=(1,)).out, "", "get of what is not there")

    # A sync that fails says as much as one that does not.
    tool("remote", "add", device, "main", "--kind", "journal", "--url",
         f"http://127.0.0.1:{free_port()}")
    tool.append(device, [{"op": "put", "collection": "c", "id": "x", "fields": {}}])
    answer = failed(ctx, "sync", device, exit=3, code="unreachable")
    equal({name: answer[name] for name in
           ("pushed", "accepted", "refused", "conflicts", "pulled", "pending", "parked", "cursor")},
          {"pushed": 0, "accepted": 0, "refused": 0, "conflicts": 0, "pulled": 0, "pending": 1,
           "parked": 0, "cursor": None}, "what a sync without a server says")
    require(tool("sync", device, codes=(3,)).out == "", "words on stdout of a sync that did nothing")
    equal(failed(ctx, "sync", device, "--full", exit=3)["pending"], 1, "pending, asked otherwise")
    tool("remote", "remove", device, "main")
    tool("remote", "add", device, "main", "--kind", "journal", "--url", "http://127.0.0.1:9",
         "--auth-env", "JOURNAL_TEST_NO_SUCH_VARIABLE")
    failed(ctx, "sync", device, exit=64, code="usage")


def hints(ctx):
    """Two remotes of which one is away, and a collection that nobody owns."""
    tool, device = ctx.tool, ctx.tool.init(ctx.path("hints"))
    backend = plain.Backend()
    try:
        tool("remote", "add", device, "away", "--kind", "journal", "--url",
             f"http://127.0.0.1:{free_port()}", "--collection", "a")
        add(tool, device, backend.url, "c")
        tool.append(device, [{"op": "put", "collection": c, "id": "x", "fields": {"n": 1}}
                             for c in ("c", "lost", "lost2", "a")])
        done = tool("sync", device, "--json", codes=(3,))
        first, second = done.rows()
        equal((first["remote"], first["error"]["code"], first["unowned"]), ("away", "unreachable", 2),
              "the first remote")
        equal(("error" in second, second["accepted"], second["pending"], second["unowned"]),
              (False, 1, 3, 2), "the second remote, delivered all the same")
        done = tool("sync", device, codes=(3,))
        hint = [line for line in done.out.splitlines() if "lost, lost2" in line]
        require(len(hint) == 1 and "remote add" in hint[0], f"no hint at the collections: {done.out!r}")
        equal(tool.stats(device)["pending"], 3, "pending")
    finally:
        backend.stop()


def later(ctx, backend):
    tool, device = ctx.tool, ctx.tool.init(ctx.path("later"))
    add(tool, device, backend.url, "c")
    tool.append(device, [{"op": "put", "collection": "c", "id": "busy", "fields": {"n": 1}}])
    backend.moods = {"busy": (503, {"Retry-After": "17"})}
    answer = failed(ctx, "sync", device, exit=3, code="unavailable")
    equal((answer["retryAfter"], answer["pending"]), (17, 1), "what a busy server asks for")
    require("17 s" in answer["error"]["next"], f"the next step names no time: {answer}")
    require("asks to wait 17 s" in tool("sync", device, codes=(3,)).out, "people are told, too")
    backend.moods = {}
    require("retryAfter" not in tool.sync(device), "a time nobody asked for")


def poison(ctx, backend):
    """An edit the server fails for, each time: `retry` sends it again, no sync does."""
    tool, device = ctx.tool, ctx.tool.init(ctx.path("poison"))
    add(tool, device, backend.url, "c")
    tool.append(device, [{"op": "put", "collection": "c", "id": i, "fields": {"n": 1}}
                         for i in ("bad", "good", "fine")])
    backend.moods = {"bad": (500, {})}
    for _ in range(12):
        done = tool("sync", device, "--json", codes=(0, 3))
        if tool.stats(device)["parked"]:
            break
    equal(tool.stats(device)["parked"], 1, "edits set aside")
    tool("sync", device, codes=(0,))
    parked = tool("parked", device, "--json").rows()[0]
    require("ync again" not in parked["message"] and "journal retry" in parked["message"],
            f"the wrong advice: {parked['message']!r}")
    hint = tool("sync", device).out.splitlines()[-1]
    require("journal parked" in hint and hint.startswith("1 edit"), f"no hint at what is parked: {hint!r}")
    equal(tool.sync(device)["parked"], 1, "parked, for programs")
    backend.moods = {}
    tool.sync(device)
    require(("c", "bad") not in backend.lines(), "a sync sent it again by itself")
    tool("retry", device, parked["sequence"])
    tool.sync(device)
    equal(backend.lines()["c", "bad"], {"n": 1}, "it has arrived")


def decisions(ctx, server):
    tool = ctx.tool
    a, b = (tool.device(ctx.path(f"decide-{name}"), server.url) for name in ("a", "b"))
    tool.append(a, [{"op": "create", "collection": "c", "id": "x", "fields": {"n": 0}}])
    tool.settle(a, b)
    for device, n in ((a, 2), (b, 3)):
        tool.append(device, [{"op": "update", "collection": "c", "id": "x", "set": {"n": n}}])
        tool.sync(device)
    conflict = tool("conflicts", b, "--json").rows()[-1]["sequence"]
    # It is as chosen already: the decision's own entry is all that says who wanted it so.
    tool("decide", b, conflict, "--mine", "--actor", "mia", "--reason", "as it was meant")
    for rows in (tool("conflicts", b, "--json").rows(), tool("history", b, "c", "x", "--json").rows(),
                 tool.log(b)):
        row = [r for r in rows if r["kind"] == "conflict"][-1]
        equal((row.get("actor"), row.get("reason"), row["decider"]), ("mia", "as it was meant", "app"),
              "who decided, and why")
        require("edit" not in row, "no edit was needed")
    require("by mia" in tool("conflicts", b).out.splitlines()[-1], "people are told, too")
    # What had been sent is amended by an edit, which is the choice's effect.
    decision, edit = tool("decide", b, conflict, "--theirs", "--actor", "eve", "--json").json()["decided"]
    row = tool("conflicts", b, "--json").rows()[-1]
    equal((row["sequence"], row["outcomes"], row["actor"]), (decision, [], "eve"), "the decision")
    equal((row["edit"]["sequence"], row["edit"]["kind"], row["edit"]["set"]), (edit, "update", {"n": 2}),
          "its effect")
    require('"n":2' in tool("conflicts", b).out.splitlines()[-1], "people see the effect")
    tool.settle(a, b)
    tool.compare(a, b)
    for device in (a, b):
        tool.verify(device)
        tool("replay", device)


def strangers(ctx):
    """A token the server does not know, a server made anew, and one that cannot write."""
    tool, tokens, variable = ctx.tool, ctx.path("tokens"), "JOURNAL_TEST_TOKEN"
    tokens.write_text("mia secret-1\n")
    server = Server(tool, ctx.path("accounts"), "--tokens", tokens)
    device = tool.init(ctx.path("stranger"))
    try:
        tool("remote", "add", device, "main", "--kind", "journal", "--url", server.url,
             "--auth-env", variable)
        require(variable in tool("remote", "list", device).out, "the list names the variable")
        tool.append(device, [{"op": "put", "collection": "c", "id": "x", "fields": {}}])
        os.environ[variable] = "secret-1"
        answer = failed(ctx, "sync", device, exit=3, code="unauthorized")
        require(variable in answer["error"]["next"], f"the variable is not named: {answer}")
        require("next: " in tool("sync", device, codes=(3,)).err, "people are told the next step")
        os.environ[variable] = "Bearer secret-1"
        tool.sync(device)
        require("accounts/mia" in tool("verify", server.directory, codes=(2,)).err
                and "accounts/mia" in tool("log", server.directory, codes=(2,)).err,
                "the journals inside are not named")
        server.stop()
        shutil.rmtree(server.directory)
        server.start()
        done = tool("sync", device, "--json").json()
        equal((done.get("fullState"), done.get("vanished")), ("epoch-changed", 1), "a server made anew")
        shutil.rmtree(server.directory / "mia")
        tool.append(device, [{"op": "put", "collection": "c", "id": "y", "fields": {}}])
        server.kill()
        server.start()
        require("made anew" in tool("sync", device).out, "people are told that, too")
        # Its journal is no longer one: the client is told to come back, the operator why.
        server.stop()
        (server.directory / "mia" / "data.mdb").write_bytes(b"\1" * 40_960)
        server.start()
        for _ in range(2):
            failed(ctx, "sync", device, exit=3, code="unavailable")
        server.stop()
        said = pathlib.Path(f"{server.directory}.stderr").read_text()
        equal(said.count("could not be served"), 1, f"what the operator reads: {said!r}")
    finally:
        os.environ.pop(variable, None)
        if server.child.poll() is None:
            server.kill()


def trimmed(ctx):
    tool, archive = ctx.tool, ctx.path("first.archive")
    local = tool.init(ctx.path("trimmed"), "--local")
    tool.append(local, [{"op": "put", "collection": "c", "id": f"r{n}", "fields": {"n": n}}
                        for n in range(9)])
    equal(failed(ctx, "history", local, "c", "r1", "--at", "999", exit=64)["error"]["code"],
          "invalid-input", "the code of a time to come")
    tool("compact", local, "--archive", archive)
    answer = failed(ctx, "history", local, "c", "r1", exit=4, code="below-horizon")
    require(str(archive) in answer["error"]["message"], "the archive is named")
    equal(len(tool("history", archive, "c", "r1", "--json").rows()), 1, "the archive has it")
    tool("history", local, "c", "nothing", codes=(1,))
    tool.append(local, [{"op": "update", "collection": "c", "id": "r1", "set": {"n": 7}}])
    done = tool("history", local, "c", "r1", "--json")
    require(len(done.rows()) == 1 and str(archive) in done.err, "a part is held: both are said")
    require(str(archive) in tool("conflicts", local).err, "conflicts say what was trimmed")
    for verb in ("retry", "discard"):
        answer = failed(ctx, verb, local, "3", exit=4, code="below-horizon")
        require("trimmed" in answer["error"]["message"] and str(archive) in answer["error"]["message"],
                f"{verb} of a trimmed edit: {answer}")

    # Nothing of what is asked for is missing: what waits to be sent is kept below the horizon.
    device = tool.init(ctx.path("islands"))
    tool.append(device, [{"op": "put", "collection": "c", "id": "x", "fields": {"n": n}}
                         for n in range(3)])
    tool("compact", device)
    pack = ctx.path("islands.pack")
    for path in (device, pack):
        if path == pack:
            tool("pack", device, pack)
        done = tool("log", path, "--from", "2", "--json")
        equal(([row["sequence"] for row in done.rows()], done.err), ([2, 3, 4, 5], ""), "log from 2")
        require("no archive" in tool("log", path, "--from", "1").err, "entry 1 is missing")
        done = tool("history", path, "c", "x", "--json")
        equal((len(done.rows()), done.err), (3, ""), "a history that is whole")


def files(ctx):
    tool, journal = ctx.tool, ctx.tool.init(ctx.path("files"))
    note = ctx.path("no-note")
    for text in ("", "hello\n", tool("key", journal).out, "x" * 100_000, "\0\1\2\n"):
        note.write_text(text)
        answer = failed(ctx, "verify", journal, "--checkpoint", note, exit=64, code="usage")
        require("no signed checkpoint" in answer["error"]["message"], f"{text[:20]!r}: {answer}")
    note.write_bytes(b"\xff\xfe\n\n\xe2\x80\x94 x y\n")
    failed(ctx, "verify", journal, "--checkpoint", note, exit=64, code="usage")
    signed = tool("checkpoint", journal).out
    note.write_text(signed.replace("\n1\n", "\n2\n", 1))
    tool("verify", journal, "--checkpoint", note, codes=(1,))
    # The words of the system's libraries reach nobody.
    for arguments in (("verify", journal, "--checkpoint", ctx.directory),
                      ("replay", journal, "--expect", ctx.directory),
                      ("replay", journal, "--record", ctx.directory),
                      ("replay", journal, "--record", ctx.path("absent") / "x"),
                      ("generate", ctx.directory), ("append", journal, ctx.directory),
                      ("serve", "--store", f"lmdb:{journal}", "--tokens", ctx.directory),
                      ("serve", "--store", f"lmdb:{note}/below/it")):
        done = tool(*arguments, codes=(2, 64))
        path = str(arguments[-1]).removeprefix("lmdb:").split("/below")[0]
        require("Domain" not in done.err and path in done.err, f"{done.command}: {done.err!r}")
    recorded = ctx.path("recorded")
    for _ in range(2):
        tool("replay", journal, "--record", recorded)
        equal(recorded.read_text(), tool.export(journal), "what replay wrote")
    garbage = ctx.copy(journal, "garbage")
    (garbage / "data.mdb").write_bytes(ctx.random.randbytes(40_960))
    answer = failed(ctx, "verify", garbage, exit=2, code="damaged")
    require("journal verify" not in json.dumps(answer), f"verify advises to run itself: {answer}")


def shown(ctx, *arguments, columns=80):
    """What a call prints on a terminal, line by line."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {n: v for n, v in os.environ.items() if n != "COLUMNS"}
    process = subprocess.Popen([ctx.tool.binary, *map(str, arguments)], stdin=subprocess.DEVNULL,
                               stdout=child, stderr=subprocess.PIPE, env=environment)
    ctx.tool.children.append(process)
    os.close(child)
    text, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        ready, _, _ = select.select([parent], [], [], 1)
        try:
            block = os.read(parent, 65_536) if ready else b""
        except OSError:
            break
        if ready and not block:
            break
        text += block
    os.close(parent)
    equal(process.wait(60), 0, f"exit of {arguments[0]} on a terminal")
    return text.decode().replace("\r\n", "\n").splitlines()


def columns(line):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
               for c in line)


def width(ctx):
    tool, backend = ctx.tool, Moody()
    try:
        device = tool.init(ctx.path("width"), "--device", "a-rather-long-name-of-a-device")
        add(tool, device, backend.url, "notes")
        text = "日本語のテキスト and a text of many words, " * 3 + "x" * 400
        tool.append(device, [{"op": "put", "collection": "notes", "id": f"n{n}", "actor": "somebody",
                              "fields": {"title": text, "n": n, "é": "e\u0301" * 50}} for n in range(3)])
        backend.moods = {"n1": (422, {})}
        tool.sync(device)
        backend.put("notes", "n2", {"title": "theirs", "n": 2})
        tool.append(device, [{"op": "update", "collection": "notes", "id": "n2", "set": {"title": text}}])
        equal(tool("sync", device, "--pull-only", "--json").json()["conflicts"], 1, "conflicts")
        widest = 0
        for arguments in (("log",), ("history", "notes", "n2"), ("parked",), ("conflicts",), ("pending",),
                          ("query", "notes"), ("get", "notes", "n2"), ("blame", "notes", "n2"),
                          ("stats",), ("sync",), ("verify",), ("diff", "--from", "1", "--to", "5")):
            verb, rest = arguments[0], arguments[1:]
            lines = shown(ctx, verb, device, *rest)
            require(lines or verb == "pending", f"{verb} shows nothing on a terminal")
            for line in lines:
                require(columns(line) <= 80, f"{verb}: {columns(line)} columns: {line!r}")
                widest = max(widest, columns(line))
        require(any(columns(line) > 400 for line in tool("log", device).out.splitlines()),
                "a pipe gets whole lines")
        equal(len(tool("log", device).out.splitlines()), tool.stats(device)["entries"], "a line an entry")
        narrow = max(columns(line) for line in shown(ctx, "log", device, columns=40))
        require(narrow <= 40, f"{narrow} columns on a terminal of 40")
        return widest
    finally:
        backend.stop()
