"""`attacks`, `accounts`, `canary`: a server under attack, two accounts that meet, a token nobody may find."""

import base64
import http.client
import http.server
import itertools
import os
import socket
import struct
import threading
import time
import zlib

from tool import Server, equal, require

TOKENS = {"ann": "canary-ann-5f0c9a7e41", "bo": "canary-bo-77d1e3b2c6"}
# What a server under attack may hold, in KiB: four times what it may hold of requests, and itself.
CEILING = 256 * 1024


def serve(ctx):
    tokens = ctx.path("tokens")
    tokens.write_text("".join(f"{name} {token}\n" for name, token in TOKENS.items()))
    return Server(ctx.tool, ctx.path("server"), "--tokens", tokens)


def bearer(name):
    return {"Authorization": f"Bearer {TOKENS[name]}"}


class Wire:
    """One connection to the server that says what it is told to."""

    def __init__(self, server):
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=5)

    def send(self, data):
        """False where the server does not listen any more."""
        try:
            self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)
            return True
        except OSError:
            return False

    def answer(self):
        """The status of the next answer; None where there is none."""
        data = b""
        try:
            while b"\r\n" not in data:
                part = self.socket.recv(65536)
                if not part:
                    return None
                data += part
            self.head = data
            return int(data.split(b" ")[1])
        except (OSError, ValueError, IndexError):
            return None

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()


def head(line, *headers):
    return "".join(f"{each}\r\n" for each in (line, "Host: x", *headers, ""))


AUTH = f"Authorization: Bearer {TOKENS['ann']}"
INFO = "/v1/info?device=00000000-0000-4000-8000-000000000000"
DEEP = 1_000_000


def post(body, *headers, path="/v1/push"):
    body = body.encode() if isinstance(body, str) else body
    return head(f"POST {path} HTTP/1.1", AUTH, f"Content-Length: {len(body)}",
                "Content-Type: application/cbor", *headers).encode() + body


def chunks(count, size=65536):
    for _ in range(count):
        yield b"%x\r\n" % size + b"x" * size + b"\r\n"
    yield b"0\r\n\r\n"


CHUNKED = head("POST /v1/push HTTP/1.1", AUTH, "Transfer-Encoding: chunked").encode()



def bomb(mebibytes):
    """That many zeros, compressed without ever being there at once."""
    packer = zlib.compressobj(9)
    return b"".join([packer.compress(bytes(1 << 20)) for _ in range(mebibytes)] + [packer.flush()])


# Name, what is sent, what may be answered; None is a connection closed without a word.
ATTACKS = [
    ("no HTTP", "\0\1\2\3\r\n\r\n", (400, None)),
    ("a TLS greeting", bytes.fromhex("16030100c8010000c40303") + b"\0" * 190 + b"\r\n\r\n", (400, None)),
    ("an HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 404, 505, None)),
    ("HTTP/0.9", "GET /v1/health\r\n\r\n", (400, None)),
    ("HTTP/9.9", "GET /v1/health HTTP/9.9\r\nHost: x\r\n\r\n", (200, 400, 505, None)),
    ("a method of 1 MiB", "A" * (1 << 20) + " / HTTP/1.1\r\n\r\n", (400, 501, None)),
    ("a URL of 1 MiB", head("GET /" + "a" * (1 << 20) + " HTTP/1.1"), (400, 404, 414, 431, None)),
    ("a header of 1 MiB", head(f"GET {INFO} HTTP/1.1", "X: " + "a" * (1 << 20)), (400, 431, None)),
    ("a million headers", (b"GET / HTTP/1.1\r\n", *[b"h: x\r\n" * 10_000] * 100, b"\r\n"),
     (400, 404, 431, None)),
    ("a header without a colon", head("GET /v1/info HTTP/1.1", "nonsense"), (400, None)),
    ("a header with a NUL", head("GET /v1/info HTTP/1.1", "X: a\0b"), (400, None)),
    ("a blank before the colon", head("GET /v1/info HTTP/1.1", "Authorization : x"), (400, 401, None)),
    ("a length below zero", head("POST /v1/push HTTP/1.1", AUTH, "Content-Length: -1"), (400, None)),
    ("a length that is no number", head("POST /v1/push HTTP/1.1", AUTH, "Content-Length: x"), (400, None)),
    ("a length over 64 bits", head("POST /v1/push HTTP/1.1", AUTH, "Content-Length: " + "9" * 30),
     (400, None)),
    ("two lengths", head("POST /v1/push HTTP/1.1", AUTH, "Content-Length: 1", "Content-Length: 2") + "ab",
     (400, None)),
    ("a length and chunks", head("POST /v1/push HTTP/1.1", AUTH, "Content-Length: 4",
                                 "Transfer-Encoding: chunked") + "1\r\na\r\n0\r\n\r\n", (400, None)),
    ("a length of 400 MiB", (head("POST /v1/push HTTP/1.1", AUTH, f"Content-Length: {400 << 20}").encode(),
                             *[b"x" * 65536] * 64), (413, None)),
    ("3 MiB", post(b"x" * (3 << 20)), (413,)),
    ("3 MiB in chunks", (CHUNKED, *chunks(48)), (413, None)),
    ("chunks without end", (CHUNKED, *itertools.islice(chunks(2000), 2000)), (413, None)),
    ("a chunk's size that is no number", CHUNKED + b"xyz\r\n", (400, None)),
    ("a chunk's size over 64 bits", CHUNKED + b"F" * 20 + b"\r\n", (400, None)),
    ("a chunk longer than its size", CHUNKED + b"1\r\nab\r\n0\r\n\r\n", (400, None)),
    ("a gzip body", post(b"\x1f\x8b" + b"\0" * 100, "Content-Encoding: gzip"), (415,)),
    ("two encodings", post(zlib.compress(b"x" * 100), "Content-Encoding: deflate, deflate"), (415,)),
    ("a body that is not what it is encoded in", post(b"\0" * 100, "Content-Encoding: deflate"), (400,)),
    ("a compressed body that breaks off", post(zlib.compress(bytes(9999))[:-5], "Content-Encoding: deflate"),
     (400,)),
    ("a compressed body with a tail", post(zlib.compress(b"x") + b"x", "Content-Encoding: deflate"), (400,)),
    ("64 MiB in 64 KiB", post(zlib.compress(bytes(64 << 20)), "Content-Encoding: deflate"), (413,)),
    ("1 GiB in 1 MiB", post(bomb(1024), "Content-Encoding: deflate"), (413,)),
    ("a path upwards", head("GET /v1/../../../etc/passwd HTTP/1.1", AUTH), (400, 404)),
    ("an encoded path upwards", head("GET /v1/%2e%2e%2f%2e%2e/etc/passwd HTTP/1.1", AUTH), (400, 404)),
    ("an encoded line break", head("GET /v1/x%0d%0aSet-Cookie:%20a=b HTTP/1.1", AUTH), (400, 404)),
    ("an encoded NUL", head("GET /v1/info%00 HTTP/1.1", AUTH), (400, 404)),
    ("a URL of another host", head("GET http://evil.test/v1/feed HTTP/1.1"), (400, 401, 404)),
    ("an account in the path", head("GET /v1/feed/../bo HTTP/1.1", AUTH), (400, 404)),
    ("TRACE", head("TRACE /v1/feed HTTP/1.1", AUTH), (400, 404, 405)),
    ("CONNECT", head("CONNECT evil.test:443 HTTP/1.1"), (400, 404, 405, None)),
    ("a device that is none", head("GET /v1/info?device=../x HTTP/1.1", AUTH), (400,)),
    ("a device twice", head(f"GET {INFO}&device=x HTTP/1.1", AUTH), (200, 400)),
    ("a limit over 64 bits", head("GET /v1/feed?limit=" + "9" * 40 + " HTTP/1.1", AUTH), (400,)),
    ("a limit below zero", head("GET /v1/feed?limit=-1 HTTP/1.1", AUTH), (400,)),
    ("a limit NaN", head("GET /v1/feed?limit=NaN HTTP/1.1", AUTH), (400,)),
    ("a cursor of 60 KB", head("GET /v1/feed?cursor=" + "a" * 60_000 + " HTTP/1.1", AUTH), (400, 410, 414)),
    ("a cursor with escapes", head("GET /v1/feed?cursor=%00%ff%2e%2e/ HTTP/1.1", AUTH), (400, 410)),
    ("an empty cursor", head("GET /v1/feed?cursor= HTTP/1.1", AUTH), (400, 410)),
    ("a filter that is no CBOR", head("GET /v1/feed?filter=zz HTTP/1.1", AUTH), (400,)),
    ("a filter of 40 KB", head("GET /v1/feed?filter=" + "a1" * 20_000 + " HTTP/1.1", AUTH), (400, 414)),
    ("a filter nested without end", head("GET /v1/feed?filter=a16163" + "a1636e6f74" * 600 + " HTTP/1.1", AUTH),
     (400,)),
    ("a filter of a kind to come", head("GET /v1/feed?filter=a16163a1636e657701 HTTP/1.1", AUTH), (400,)),
    ("a body of nothing", post(b""), (400,)),
    ("JSON", post(b"{}"), (400,)),
    ("a million arrays in each other", post(b"\x81" * DEEP), (400,)),
    ("a million maps in each other", post(b"\xa1" * DEEP), (400,)),
    ("a million tags in each other", post(b"\xc1" * DEEP), (400,)),
    ("an array of 2^64 - 1", post(b"\x9b" + b"\xff" * 8), (400,)),
    ("a map of 2^64 - 1", post(b"\xbb" + b"\xff" * 8), (400,)),
    ("a text of 2^64 - 1", post(b"\x7b" + b"\xff" * 8), (400,)),
    ("no definite length", post(b"\xbf\x01\x61a\xff"), (400,)),
    ("bytes at random", post(bytes(range(256)) * 64), (400,)),
    ("a checkpoint of noise", post(b"\xa1\x01\x60", path="/v1/checkpoint"), (400,)),
    ("an empty token", head(f"GET {INFO} HTTP/1.1", "Authorization: Bearer "), (401,)),
    ("a token of 60 KB", head(f"GET {INFO} HTTP/1.1", "Authorization: Bearer " + "a" * 60_000), (401,)),
    ("a token's beginning", head(f"GET {INFO} HTTP/1.1", AUTH[:-1]), (401,)),
    ("a token and more", head(f"GET {INFO} HTTP/1.1", AUTH + "x"), (401,)),
    ("two tokens", head(f"GET {INFO} HTTP/1.1", "Authorization: Bearer x", AUTH), (400, 401)),
    ("a token in the URL", head(f"GET {INFO}&token={TOKENS['ann']} HTTP/1.1"), (401,)),
    ("another scheme", head(f"GET {INFO} HTTP/1.1",
                            "Authorization: Basic " + base64.b64encode(b"ann:x").decode()), (401,)),
]


def attacks(ctx):
    server = serve(ctx)
    for name, data, expected in ATTACKS:
        wire = Wire(server)
        start = time.monotonic()
        for part in (data if isinstance(data, tuple) else (data,)):
            if not wire.send(part):
                break
        status = wire.answer()
        if status is None and None not in expected:
            status = "no answer"
        require(status in expected, f"{name}: answered {status}, expected {expected}")
        require(status is None or b"Set-Cookie" not in wire.head, f"{name}: {wire.head!r}")
        wire.close()
        require(time.monotonic() - start < 6, f"{name}: took {time.monotonic() - start:.1f} s")
        alive(server, name)
    for check in (truncated, stalled, pipelined, resets, idle):
        check(server)
        alive(server, check.__name__)
    high = peak(server)
    require(high < CEILING, f"the server held {high} KiB")
    server.stop()
    return f"{len(ATTACKS) + 5} attacks, at most {high // 1024} MiB"


def alive(server, after):
    wire = Wire(server)
    wire.send(head("GET /v1/health HTTP/1.1", "Connection: close"))
    equal(wire.answer(), 200, f"health after {after}")
    wire.close()


def peak(server):
    with open(f"/proc/{server.child.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def truncated(server):
    for count in (1, 20, 200):
        wire = Wire(server)
        wire.send(post(b"x" * 1000)[:-count])
        wire.close()


def stalled(server):
    """Heads and bodies that never end stop nobody else."""
    wires = [Wire(server) for _ in range(100)]
    for number, wire in enumerate(wires):
        wire.send("GET /v1/health HTTP/1.1\r\nX: " if number % 2 else
                  head("POST /v1/push HTTP/1.1", AUTH, "Content-Length: 1000") + "x")
    alive(server, "stalled requests")
    for wire in wires:
        wire.close()


def pipelined(server):
    wire = Wire(server)
    wire.send(head("GET /v1/health HTTP/1.1") * 1000)
    equal(wire.answer(), 200, "the first of a thousand")
    wire.close()


def resets(server):
    for number in range(200):
        wire = Wire(server)
        wire.send(post(b"x" * 5000)[:number * 25 + 1])
        wire.reset()


def idle(server):
    wires = [Wire(server) for _ in range(300)]
    alive(server, "idle connections")
    for wire in wires:
        wire.close()


# Two accounts.

class Recorder:
    """Passes requests on to the server and keeps them."""

    def __init__(self, port):
        self.requests = []
        recorder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def pass_on(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                recorder.requests.append((self.command, self.path, body))
                status, headers, answer = ask(port, self.command, self.path, body,
                                              dict(self.headers))
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = pass_on

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def stop(self):
        self.http.shutdown()
        self.http.server_close()


def ask(port, method, path, body=b"", headers={}):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    kept = {n: v for n, v in headers.items() if n.lower() in ("authorization", "content-type")}
    connection.request(method, path, body or None, kept)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, dict(answer.headers), data


def device(ctx, name, url, **options):
    path = ctx.tool.init(ctx.path(name), "--device", name)
    ctx.tool("remote", "add", path, "main", "--kind", "journal", "--url", url, "--auth-env", "CANARY",
             **options)
    return path


def sync_as(ctx, name, path, codes=(0,)):
    os.environ["CANARY"] = f"Bearer {TOKENS[name]}"
    try:
        return ctx.tool("sync", path, "--json", codes=codes)
    finally:
        del os.environ["CANARY"]


def accounts(ctx):
    server = serve(ctx)
    recorder = Recorder(server.port)
    try:
        return meet(ctx, server, recorder)
    finally:
        recorder.stop()


def meet(ctx, server, recorder):
    tool = ctx.tool
    ann = device(ctx, "ann", recorder.url)
    tool.append(ann, [{"op": "put", "collection": "diary", "id": f"d{n}",
                       "fields": {"text": f"secret-of-ann-{n}"}} for n in range(20)])
    sync_as(ctx, "ann", ann)
    cursor = sync_as(ctx, "ann", ann).json()["cursor"]
    requests = recorder.requests[:]
    before = tool.export(ann)
    denied = 0
    # Every request ann made, by every verb, with no token, a wrong one, and bo's.
    for (_, path, body), method in itertools.product(
            requests, ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")):
        for headers in ({}, {"Authorization": "Bearer wrong"},
                        {"Authorization": TOKENS["ann"]}, {"Authorization": "Bearer ann"}):
            status, _, answer = ask(server.port, method, path, body, headers)
            require(status in (401, 404, 405), f"{method} {path} {headers}: {status}")
            require(b"secret-of-ann" not in answer, f"{method} {path} {headers} shows a record")
            denied += 1
        status, _, answer = ask(server.port, method, path, headers=bearer("bo"))
        require(b"secret-of-ann" not in answer, f"{method} {path} as bo shows ann's record")
        denied += 1
    # What bo repeats of ann's lands with bo alone, and a cursor of ann's is none of bo's.
    for method, path, body in requests:
        ask(server.port, method, path, body, bearer("bo"))
    status, _, _ = ask(server.port, "GET", f"/v1/feed?cursor={cursor}", headers=bearer("bo"))
    require(status == 410, f"ann's cursor as bo: {status}")
    equal(sync_as(ctx, "ann", ann).json()["pulled"], 0, "pulled by ann afterwards")
    fresh = device(ctx, "fresh", server.url)
    sync_as(ctx, "ann", fresh)
    equal(tool.export(fresh), before, "what ann's account holds")
    bo = device(ctx, "bo", server.url)
    tool.append(bo, [{"op": "put", "collection": "diary", "id": f"d{n}", "fields": {"text": "bo"}}
                     for n in range(20)])
    sync_as(ctx, "bo", bo)
    sync_as(ctx, "ann", fresh)
    equal(tool.export(fresh), before, "what ann's account holds after bo wrote the same keys")
    server.stop()
    return f"{denied} requests denied, {len(requests)} recorded"


# The token.

class Echo:
    """A server that repeats the credentials wherever a client could write them down."""

    def __init__(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def repeat(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                said = self.headers.get("Authorization", "")
                first = self.path.split("/")[1]
                status = {"refuse": 422, "later": 503, "denied": 401, "moved": 302}.get(first, 200)
                if self.command in ("GET", "HEAD") and first in ("refuse", "later"):
                    status = 200
                text = b"[]" if status == 200 else f"you said {said} / {said[7:]}".encode()
                self.send_response(status, "OK")
                self.send_header("X-Said", said)
                self.send_header("Location", f"http://127.0.0.1:1/?{said[7:]}")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(text)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = repeat

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def stop(self):
        self.http.shutdown()
        self.http.server_close()


def canary(ctx):
    server, echo = serve(ctx), Echo()
    try:
        return story(ctx, server, echo)
    finally:
        echo.stop()


def story(ctx, server, echo):
    tool, said = ctx.tool, []
    token = TOKENS["ann"]

    def run(*arguments, codes=(0,), **options):
        done = tool(*arguments, codes=codes, **options)
        said.append(done.out + done.err)
        return done

    def edits(path, count=3):
        tool.append(path, [{"op": "put", "collection": "c", "id": f"e{n}", "fields": {"n": n}}
                           for n in range(count)])

    main = device(ctx, "main", server.url)
    edits(main)
    said.append(sync_as(ctx, "ann", main).out)
    # Every way to fail: not listening, no TLS there, denied, refused, moved, overloaded, nonsense.
    failures = [("journal", f"http://127.0.0.1:1"), ("journal", f"https://127.0.0.1:{server.port}"),
                ("journal", echo.url), ("journal", f"{echo.url}/denied"),
                ("journal", f"{echo.url}/moved"), ("journal", f"{echo.url}/later")]
    failures += [("rest", f"{echo.url}/{what}") for what in
                 ("refuse", "later", "denied", "moved", "nonsense")]
    failures += [("rest", "http://127.0.0.1:1"), ("rest", f"https://127.0.0.1:{server.port}")]
    paths = [main]
    for number, (kind, url) in enumerate(failures):
        path = tool.init(ctx.path(f"d{number}"))
        options = ("--collection", "c", "--version-field", "v", "--creates", "put") \
            if kind == "rest" else ()
        run("remote", "add", path, "main", "--kind", kind, "--url", url, "--auth-env", "CANARY",
            *options)
        edits(path)
        done = sync_as(ctx, "ann", path, codes=(0, 3, 4))
        require(done.code == 0 or done.err.strip(), f"{kind} {url}: exit {done.code} without a word")
        said.append(done.out + done.err)
        paths.append(path)
    parked = sum(tool.stats(path)["parked"] for path in paths)
    require(parked >= 3, f"the refusals that repeat the token were not written down: {parked}")
    for path in paths:
        for verb in (("log", "--json"), ("log",), ("stats", "--json"), ("pending", "--json"),
                     ("export",), ("verify", "--json"), ("remote", "list")):
            if verb[0] == "remote":
                run("remote", "list", path, "--json")
            else:
                run(verb[0], path, *verb[1:])
    # A header's value that is two lines names neither.
    os.environ["CANARY"] = f"Bearer {token}\r\nX-Evil: 1"
    try:
        done = run("sync", main, codes=None)
        require(done.code not in (0, 1), f"a token of two lines: exit {done.code}")
    finally:
        del os.environ["CANARY"]
    run("pack", main, "-o", ctx.path("main.pack"), codes=None)
    server.stop()
    secrets = [token.encode(), token.encode("utf-16-le"), base64.b64encode(token.encode())[:-4],
               token.encode().hex().encode()]
    everything = [("the output", "".join(said).encode())]
    for directory, _, names in os.walk(ctx.directory):
        everything += [(name, open(os.path.join(directory, name), "rb").read())
                       for name in names if name != "tokens"]
    for name, data in everything:
        for secret in secrets:
            require(secret not in data, f"the token is in {name}")
    return (f"{len(failures)} ways to fail, {len(everything)} files and "
            f"{sum(len(data) for _, data in everything) >> 10} KiB searched")
