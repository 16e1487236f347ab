"""Running the `journal` command: calls, servers, JSON; nothing may die by a signal."""

import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass

PROJECT = pathlib.Path(__file__).resolve().parents[2]


class Failure(Exception):
    """What a check found wrong."""


def require(condition, message):
    if not condition:
        raise Failure(message)


def equal(actual, expected, what):
    if actual != expected:
        raise Failure(f"{what}: expected {shorten(expected)}, got {shorten(actual)}")


def shorten(value, limit=300):
    text = repr(value)
    return text if len(text) <= limit else text[:limit] + f"… ({len(text)} characters)"


@dataclass
class Result:
    command: str
    code: int
    out: str
    err: str

    def json(self):
        try:
            return json.loads(self.out)
        except ValueError as error:
            raise Failure(f"{self.command}: not one JSON object ({error}): {shorten(self.out)}")

    def rows(self):
        try:
            return [json.loads(line) for line in self.out.split("\n") if line]
        except ValueError as error:
            raise Failure(f"{self.command}: not JSON lines ({error}): {shorten(self.out)}")


def no_signal(code, command, err=""):
    # A shell in between would report a signal as 128 + n.
    require(0 <= code <= 127, f"{command}: ended by signal {-code}; {shorten(err[-600:], 700)}")


class Tool:
    """The command under test; remembers its children so that none outlives its check."""

    def __init__(self, binary, timeout=600):
        self.binary = str(binary)
        self.timeout = timeout
        self.children = []

    def __call__(self, *arguments, input=None, codes=(0,), timeout=None):
        arguments = [str(argument) for argument in arguments]
        command = "journal " + " ".join(arguments)[:160]
        if isinstance(input, str):
            input = input.encode()
        try:
            done = subprocess.run(
                [self.binary, *arguments], capture_output=True, timeout=timeout or self.timeout,
                **({"stdin": subprocess.DEVNULL} if input is None else {"input": input}))
        except subprocess.TimeoutExpired:
            raise Failure(f"{command}: still running after {timeout or self.timeout} s")
        err = done.stderr.decode("utf-8", "replace")
        no_signal(done.returncode, command, err)
        if codes is not None and done.returncode not in codes:
            raise Failure(f"{command}: exit {done.returncode}, expected {codes}; stderr: "
                          f"{shorten(err.strip()[-600:], 700)}")
        try:
            out = done.stdout.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Failure(f"{command}: stdout is not UTF-8: {error}")
        return Result(command, done.returncode, out, err)

    def start(self, *arguments, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        child = subprocess.Popen([self.binary, *[str(a) for a in arguments]], **options)
        self.children.append(child)
        return child

    def end_children(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
                child.wait()
            for pipe in (child.stdin, child.stdout, child.stderr):
                try:
                    if pipe:
                        pipe.close()
                except OSError:
                    pass
        self.children.clear()

    # The calls nearly every check makes.

    def init(self, directory, *options):
        self("init", directory, *options)
        return directory

    def append(self, directory, lines, *options):
        """Appends changes given as dicts."""
        return self("append", directory, "-", *options, input=to_ndjson(lines))

    def export(self, directory, *options):
        return self("export", directory, *options).out

    def log(self, directory, *options):
        return self("log", directory, "--json", *options).rows()

    def stats(self, directory):
        return self("stats", directory, "--json").json()

    def verify(self, directory):
        report = self("verify", directory, "--json").json()
        require(report.get("ok") is True, f"verify exits 0 but says {shorten(report)}")
        return report

    def sync(self, directory, codes=(0,)):
        done = self("sync", directory, "--json", codes=codes)
        return done.json() if done.code == 0 else None

    def device(self, directory, url, *options):
        """A new journal whose only remote is the server at `url`."""
        self.init(directory, "--device", directory.name, *options)
        self("remote", "add", directory, "main", "--kind", "journal", "--url", url)
        return directory

    def settle(self, *directories, rounds=12):
        """Syncs until a whole round sends and brings nothing; then nothing may be pending."""
        for _ in range(rounds):
            reports = [self.sync(directory) for directory in directories]
            if all(not r["pushed"] and not r["pulled"] and not r["pending"] for r in reports):
                break
        else:
            raise Failure(f"not quiet after {rounds} rounds of sync: {shorten(reports)}")
        for directory in directories:
            stats = self.stats(directory)
            equal((stats["pending"], stats["parked"]), (0, 0), f"{directory.name} pending, parked")

    def compare(self, *directories):
        for other in directories[1:]:
            done = self("compare", directories[0], other, codes=None)
            require(done.code == 0, f"compare {directories[0].name} {other.name}: exit "
                    f"{done.code}: {shorten(done.out[:600] + done.err[:600], 900)}")
            require(self.export(directories[0]) == self.export(other),
                    f"compare finds {directories[0].name} and {other.name} the same, "
                    "their exports differ")


def to_ndjson(lines):
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """`journal serve` on one store and one port, however often it is stopped and started."""

    def __init__(self, tool, directory, *options):
        self.tool, self.directory, self.options = tool, directory, options
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.child = None
        self.start()

    def start(self):
        with open(f"{self.directory}.stderr", "ab") as errors:
            self.child = self.tool.start(
                "serve", "--store", f"lmdb:{self.directory}", "--host", "127.0.0.1",
                "--port", self.port, *self.options, stdout=subprocess.PIPE, stderr=errors)
        line, deadline = b"", time.monotonic() + 30
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([self.child.stdout], [], [], deadline - time.monotonic())
            byte = os.read(self.child.stdout.fileno(), 1) if ready else b""
            require(byte, f"serve: no address within 30 s, exit {self.child.poll()}; see "
                    f"{self.directory}.stderr")
            line += byte
        equal(line.decode().strip(), f"listening on {self.url}", "serve's first line")

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        try:
            code = self.child.wait(60)
        except subprocess.TimeoutExpired:
            raise Failure("serve: still running 60 s after SIGTERM")
        equal(code, 0, "exit of serve after SIGTERM")

    def kill(self):
        require(self.child.poll() is None, f"serve ended by itself: exit {self.child.poll()}")
        self.child.kill()
        self.child.wait()


@dataclass
class Context:
    """What a check is given: the tool, its own directory, its own randomness, its size."""

    tool: Tool
    directory: pathlib.Path
    random: object
    full: bool
    minutes: float = 0

    def size(self, quick, full):
        return full if self.full else quick

    def path(self, name):
        return self.directory / name

    def copy(self, source, name):
        target = self.path(name)
        if target.exists():
            shutil.rmtree(target)
        shutil.copytree(source, target)
        return target
