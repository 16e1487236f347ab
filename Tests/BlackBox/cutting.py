"""`cut`: syncs killed at random moments and at answers, against servers of every kind.

What the device was told is kept, what it holds is delivered once the syncs are let be, and nothing
is there twice.
"""

import signal
import subprocess
import time

import histories
import oracle
from exchanging import check_server
from plain import Backend, simple
from proxy import Proxy
from reading import same_export
from tool import Server, equal, require


class Device:
    """A device whose syncs are killed, and what it has written."""

    def __init__(self, ctx, kind, name, *remote):
        self.ctx, self.random, self.tool = ctx, ctx.random, ctx.tool
        self.path = ctx.tool.init(ctx.path(f"{kind}-{name}"), "--device", name)
        ctx.tool("remote", "add", self.path, "main", "--kind", kind, *remote)
        self.duration = 0.1
        self.killed = self.ended = 0

    def write(self, made, most, shape=None):
        state = oracle.State.of_export(self.tool.export(self.path))
        lines = made.lines(state, self.random.randint(1, most))
        self.tool.append(self.path, [shape(line) for line in lines] if shape else lines)
        return len(lines)

    def cut_sync(self, moment=None):
        """A sync, killed after a random time or when `moment` says so."""
        child = self.tool.start("sync", self.path, "--json", stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE)
        began = time.monotonic()
        if moment is None:
            try:
                child.wait(self.random.uniform(0, 1.2 * self.duration))
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
        else:
            moment(child)
        errors = child.stderr.read()
        code = child.wait(60)
        child.stderr.close()
        self.tool.children.remove(child)
        if code == 0:
            self.duration = 0.7 * self.duration + 0.3 * (time.monotonic() - began)
        require(code in (0, -9), f"a sync that was to be killed: exit {code}: {errors[-300:]}")
        self.killed += code == -9
        self.ended += code == 0


def at_answer(proxy, number, is_behind):
    """Kills the client at the server's `number`-th answer: before it is passed on, or behind it."""

    def wait(child):
        proxy.kill(number, child.pid, is_behind)
        child.wait(60)
        proxy.spare()

    return wait


def cut(ctx):
    parts = [ours(ctx), plain(ctx)]
    return "; ".join(parts)


def ours(ctx):
    server = Server(ctx.tool, ctx.path("server"))
    proxy = Proxy(server.port)
    pair = [Device(ctx, "journal", name, "--url", proxy.url) for name in ("a", "b")]
    made = histories.Generator(ctx.random, 80)
    edits = rounds(ctx, pair, made, proxy)
    ctx.tool.settle(*[device.path for device in pair])
    ctx.tool.compare(*[device.path for device in pair])
    check_server(ctx, server, [device.path for device in pair], edits)
    server.stop()
    proxy.close()
    return figures("journal", edits, pair)


def plain(ctx):
    backend = Backend()
    proxy = Proxy(backend.http.server_port)
    collections = ["nodes", "r é l"]
    options = ["--url", f"{proxy.url}/api", "--version-field", "stamp", "--deleted-field", "gone",
               "--since-parameter", "modified_since", "--creates", "put"]
    for collection in collections:
        options += ["--collection", collection]
    pair = [Device(ctx, "rest", name, *options) for name in ("a", "b")]
    made = histories.Generator(ctx.random, 80, collections=collections)
    try:
        edits = rounds(ctx, pair, made, proxy, simple)
        ctx.tool.settle(*[device.path for device in pair])
        ctx.tool.compare(*[device.path for device in pair])
        there = oracle.State()
        there.records = backend.lines()
        same_export(ctx.tool.export(pair[0].path), there.export(), "the device and the server")
    finally:
        proxy.close()
        backend.stop()
    return figures("rest", edits, pair)


def rounds(ctx, pair, made, proxy, shape=None):
    """Half of the kills come at any time, half at an answer; each device is verified on the way."""
    edits = 0
    total = ctx.size(16, 500)
    for round_ in range(total):
        device = ctx.random.choice(pair)
        edits += device.write(made, 20, shape)
        if ctx.random.random() < 0.5:
            device.cut_sync()
        else:
            number = ctx.random.randint(0, 5)
            device.cut_sync(at_answer(proxy, number, ctx.random.random() < 0.5))
        if round_ % 25 == 24:
            ctx.tool.verify(device.path)
            ctx.tool.sync(pair[round_ // 25 % 2].path)
    for device in pair:
        ctx.tool.verify(device.path)
    require(any(device.killed for device in pair), "no sync was killed: the check did nothing")
    return edits


def figures(kind, edits, pair):
    killed, ended = sum(d.killed for d in pair), sum(d.ended for d in pair)
    return f"{kind}: {edits} edits, {killed} syncs killed, {ended} ended before"
