"""`lists`: a server of plain records over HTTP with pages, ETags, conditions and no way to ask for changes."""

import hashlib
import json
import urllib.parse

import histories
import oracle
import plain
from reading import same_export
from tool import equal


class Paged(plain.Backend):
    """Shows the whole set, so many records at once, under an ETag; keeps If-Match and If-None-Match."""

    size = 7

    def __init__(self):
        super().__init__()
        self.unmodified = self.refused = 0

    def handle(self, request):
        parts = urllib.parse.urlsplit(request.path)
        names = [urllib.parse.unquote(n) for n in parts.path.split("/")[2:]]
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        given = json.loads(body) if body else {}
        given.pop("id", None)
        with self.lock:
            self.log.append((request.command, request.path))
            status, answer, link = self.judge(request, names, urllib.parse.parse_qs(parts.query), given)
            if self.drop and request.command in ("PUT", "PATCH", "DELETE"):
                self.drop -= 1
                request.close_connection = True
                return
        text = b"" if answer is None or request.command == "HEAD" else json.dumps(answer).encode()
        etag = '"' + hashlib.sha256(text + str(link).encode()).hexdigest()[:24] + '"'
        if request.command == "GET" and request.headers.get("If-None-Match") == etag:
            self.unmodified += 1
            status, text = 304, b""
        request.send_response(status)
        if link:
            request.send_header("Link", f"<{link}>; rel=\"next\"")
        if status in (200, 304):
            request.send_header("ETag", etag)
        if status not in (204, 304):
            request.send_header("Content-Type", "application/json")
            request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)

    def judge(self, request, names, query, given):
        if len(names) == 1:
            rows = [self.shown(key, record) for (c, key), record in sorted(self.records.items())
                    if c == names[0] and record[1] is not None]
            start = int(query.get("after", ["0"])[0])
            link = None
            if start + self.size < len(rows):
                name = urllib.parse.quote(names[0])
                link = f"{self.url}/{name}?after={start + self.size}"
            return 200, {"data": {"items": rows[start:start + self.size]}}, link
        held = self.records.get(tuple(names), (0, None))
        if request.command != "GET":
            shown = json.dumps(self.shown(names[1], held)).encode()
            etag = '"' + hashlib.sha256(shown + b"None").hexdigest()[:24] + '"'
            wanted = request.headers.get("If-Match")
            if (wanted and (held[1] is None or wanted != etag)) or \
                    (request.headers.get("If-None-Match") == "*" and held[1] is not None):
                self.refused += 1
                return 412, {"error": "moved on"}, None
        if request.command == "PATCH":
            return 405, {"error": "no such method"}, None
        if request.command == "GET":
            return (404, {}, None) if held[1] is None else (200, self.shown(names[1], held), None)
        return *self.answer(request.command, names, query, given), None


def lists(ctx):
    tool, random = ctx.tool, ctx.random
    backend = Paged()
    try:
        return exchange(ctx, tool, random, backend)
    finally:
        backend.stop()


def exchange(ctx, tool, random, backend):
    pair = []
    for name in ("a", "b"):
        device = tool.init(ctx.path(name), "--device", name)
        tool("remote", "add", device, "plain", "--kind", "rest", "--url", backend.url,
             "--collection", "nodes", "--version-field", "stamp", "--creates", "put", "--since", "none",
             "--complete-lists", "--etags", "--paging", "link", "--list-envelope", "data.items",
             "--updates", "put", "--preconditions", "etag")
        pair.append(device)
    made = histories.Generator(random, 40, collections=["nodes"])
    total = 0
    # ETags count for lists of one page only.
    for _ in range(ctx.size(6, 60)):
        backend.size = random.choice((7, 500))
        for device in pair:
            state = oracle.State.of_export(tool.export(device))
            lines = [plain.simple(line) for line in made.lines(state, random.randint(1, 15))]
            tool.append(device, lines)
            total += len(lines)
            if random.random() < 0.3:
                backend.drop = random.randint(1, 3)
            tool("sync", device, codes=(0, 3))
            backend.drop = 0
        if random.random() < 0.5:
            (c, key) = random.choice(made.keys)
            if c == "nodes":
                backend.put(c, key, {"n": 1, "s": "foreign"})
    backend.size = 500
    tool.settle(*pair)
    tool.compare(*pair)
    for device in pair:
        tool.verify(device)
        quiet(tool, device)
    there = oracle.State()
    there.records = backend.lines()
    same_export(tool.export(pair[0]), there.export(), "the device and the server")
    return (f"{total} edits, {len(backend.log)} requests, {backend.refused} conditions that did not hold, "
            f"{backend.unmodified} lists not sent again")


def quiet(tool, device):
    before = tool.stats(device)["lastSequence"]
    tool("sync", device)
    equal(tool.stats(device)["lastSequence"], before, "entries after a poll that changes nothing")
