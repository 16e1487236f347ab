"""`plain`: devices whose records a server of plain records keeps, which knows nothing of journals."""

import http.server
import json
import threading
import time
import urllib.parse

import histories
import oracle
from reading import same_export
from tool import equal


class QuietServer(http.server.ThreadingHTTPServer):
    """Clients are killed in the middle of a request: nothing to report."""

    def handle_error(self, *_):
        pass


class Backend:
    """A few lines of REST over a dictionary, as many backends are."""

    def __init__(self):
        self.records = {}
        self.clock = time.time_ns() // 1_000_000
        self.lock = threading.Lock()
        self.drop = 0
        self.log = []
        backend = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self):
                backend.handle(self)

            do_GET = do_HEAD = do_PUT = do_PATCH = do_DELETE = handle_one

            def log_message(self, *_):
                pass

        self.http = QuietServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/api"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def stop(self):
        self.http.shutdown()
        self.http.server_close()

    def put(self, collection, key, fields):
        with self.lock:
            self._put(collection, key, fields)

    def _put(self, collection, key, fields):
        self.clock += 1
        self.records[collection, key] = (self.clock, fields)

    def shown(self, key, record):
        stamp, fields = record
        return {"id": key, "stamp": stamp, **(fields if fields is not None else {"gone": True})}

    def handle(self, request):
        parts = urllib.parse.urlsplit(request.path)
        names = [urllib.parse.unquote(n) for n in parts.path.split("/")[2:]]
        query = urllib.parse.parse_qs(parts.query)
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        given = json.loads(body) if body else {}
        given.pop("id", None)
        with self.lock:
            self.log.append((request.command, request.path))
            status, answer = self.answer(request.command, names, query, given)
            if self.drop and request.command in ("PUT", "PATCH", "DELETE"):
                self.drop -= 1
                # Carried out; the answer does not arrive.
                request.close_connection = True
                return
        text = b"" if answer is None or request.command == "HEAD" else json.dumps(answer).encode()
        request.send_response(status)
        if status != 204:
            request.send_header("Content-Type", "application/json")
            request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)

    def answer(self, method, names, query, given):
        collection = names[0]
        if len(names) == 1:
            since = int(query.get("modified_since", ["-1"])[0])
            return 200, [self.shown(key, record) for (c, key), record in sorted(
                self.records.items()) if c == collection and record[0] > since
                and (since >= 0 or record[1] is not None)]
        key = names[1]
        held = self.records.get((collection, key), (0, None))[1]
        if method == "PUT":
            self._put(collection, key, given)
        elif held is None:
            return 404, {"error": "no such record"}
        elif method == "PATCH":
            self._put(collection, key,
                      {n: v for n, v in {**held, **given}.items() if v is not None})
        elif method == "DELETE":
            self._put(collection, key, None)
            return 204, None
        return 200, self.shown(key, self.records[collection, key])

    def lines(self):
        return {(c, key): fields for (c, key), (_, fields) in self.records.items()
                if fields is not None}


def simple(line):
    """Null in a field is what a merge patch cannot say."""
    for part in ("fields", "set"):
        if part in line:
            line[part] = {name: keep(value) for name, value in line[part].items()}
    return line


def keep(value):
    if value is None:
        return False
    if isinstance(value, dict):
        return {name: keep(inner) for name, inner in value.items()}
    return [keep(inner) for inner in value] if isinstance(value, list) else value


def plain(ctx):
    tool, random = ctx.tool, ctx.random
    backend = Backend()
    try:
        return exchange(ctx, tool, random, backend)
    finally:
        backend.stop()


def exchange(ctx, tool, random, backend):
    collections = ["nodes", "r é l"]
    pair = []
    for name in ("a", "b"):
        device = tool.init(ctx.path(name), "--device", name)
        tool("remote", "add", device, "plain", "--kind", "rest", "--url", backend.url,
             *[option for c in collections for option in ("--collection", c)],
             "--version-field", "stamp", "--deleted-field", "gone", "--since-parameter",
             "modified_since", "--creates", "put")
        pair.append(device)
    made = histories.Generator(random, 60, collections=collections)
    total, cut, lost = 0, 0, 0
    for round_ in range(ctx.size(6, 60)):
        for device in pair:
            state = oracle.State.of_export(tool.export(device))
            lines = [simple(line) for line in made.lines(state, random.randint(1, 25))]
            tool.append(device, lines)
            total += len(lines)
            if random.random() < 0.3:
                backend.drop = random.randint(1, 3)
            if random.random() < 0.25:
                child = tool.start("sync", device)
                time.sleep(random.uniform(0, 0.3))
                child.kill()
                child.wait()
                cut += 1
            else:
                done = tool("sync", device, codes=(0, 3) if backend.drop else (0,))
                lost += done.code == 3
            backend.drop = 0
        if random.random() < 0.5:
            (c, key) = random.choice(made.keys)
            backend.put(c, key, random.choice([None, {"n": 1, "s": "foreign"}]))
    tool.settle(*pair)
    tool.compare(*pair)
    for device in pair:
        tool.verify(device)
    there = oracle.State()
    there.records = backend.lines()
    same_export(tool.export(pair[0]), there.export(), "the device and the server")
    return f"{total} edits, {len(backend.log)} requests, {cut} kills, {lost} answers lost"
