"""Running the command on directories that are watched."""

import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

import trace
from pages import Reader

HERE = pathlib.Path(__file__).resolve().parents[1]
BLACK_BOX = HERE.parents[1] / "Tests" / "BlackBox"
sys.path.insert(0, str(BLACK_BOX))

import histories  # noqa: E402,F401
import oracle  # noqa: E402,F401
from tool import free_port, to_ndjson  # noqa: E402,F401

EXIT_CODES = (0, 1, 2, 3, 4, 64)


class Failure(Exception):
    """A broken promise."""


def require(condition, message):
    if not condition:
        raise Failure(message)


def fast_directory():
    """Where images are made: in memory when the system has a place for that."""
    shared = pathlib.Path("/dev/shm")
    return shared if shared.is_dir() and os.access(shared, os.W_OK) else tempfile.gettempdir()


def compile_c(build):
    """Builds the recorder and the page reader into `build`."""
    build.mkdir(parents=True, exist_ok=True)
    for folder, name in [("shim", "shim.so"), ("reader", "pages.so")]:
        sources = sorted((HERE / folder).glob("*.c"))
        target = build / name
        newest = max(path.stat().st_mtime for path in (HERE / folder).iterdir())
        if target.exists() and target.stat().st_mtime > newest:
            continue
        subprocess.run(["cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-fPIC", "-shared", "-o",
                        target, *sources, "-lpthread"], check=True)


@dataclass
class Tools:
    """What every part is given."""

    journal: pathlib.Path
    checker: pathlib.Path
    build: pathlib.Path
    parent: pathlib.Path  # where directories are made
    workers: int = 2

    def __post_init__(self):
        compile_c(self.build)
        self.reader = Reader(self.build / "pages.so")
        self.help = {}

    @property
    def shim(self):
        return str(self.build / "shim.so")

    def offers(self, verb, option=None):
        """Whether the command has the verb, and the verb the option."""
        if verb not in self.help:
            done = subprocess.run([self.journal, verb, "--help"], capture_output=True, text=True)
            self.help[verb] = done.stdout if done.returncode == 0 else None
        text = self.help[verb]
        return text is not None and (option is None or option in text)


@dataclass
class Result:
    code: int
    out: str
    err: str
    journal: str
    process: str

    @property
    def acked(self):
        """The last sequence acknowledged on a whole line, 0 for none."""
        lines = self.out.split("\n")[:-1]
        return max([int(line.split(" ")[1]) for line in lines if line.startswith("acked ")],
                   default=0)


class World:
    """One scenario's directory: `root` is what the machine loses its memory of."""

    def __init__(self, tools, name):
        self.tools = tools
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"crash-{name}-", dir=tools.parent))
        self.root = (self.directory / "root").resolve()
        self.root.mkdir()
        self.trace = self.directory / "trace"
        self.is_recording = False
        self.fault = None  # (process, CRASH_FAULT): what the next process of that name meets
        self.nosync = False
        self.is_tolerant = False  # failing commands are for the caller to judge
        self.journal_of = {}  # process id: the journal its answers are about
        self.process_of = {}  # process id: what it is called here
        self.results = []
        self.servers = []
        self.lines = {}  # entry id: the line that made it

    def path(self, name):
        return self.root / name

    def environment(self, process):
        settings = {}
        if self.is_recording:
            settings["CRASH_TRACE"] = str(self.trace)
        if self.fault and self.fault[0] == process:
            settings["CRASH_FAULT"] = self.fault[1]
        if self.nosync:
            settings["CRASH_NOSYNC"] = "1"
        if settings:
            settings |= {"LD_PRELOAD": self.tools.shim, "CRASH_ROOT": str(self.root)}
        return os.environ | settings

    def start(self, journal, *arguments, process="command", **options):
        child = subprocess.Popen([self.tools.journal, *map(str, arguments)],
                                 env=self.environment(process), stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, **options)
        self.journal_of[child.pid], self.process_of[child.pid] = journal, process
        return child

    def finish(self, child, input=None, timeout=120):
        try:
            out, err = child.communicate(input, timeout)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            raise Failure(f"{child.args[1:4]} hangs: still running after {timeout} s")
        result = Result(child.returncode, out.decode("utf-8", "replace"),
                        err.decode("utf-8", "replace"), self.journal_of[child.pid],
                        self.process_of[child.pid])
        self.results.append(result)
        if self.is_recording and result.code == 0:
            trace.mark(self.trace, child.pid, " ".join(child.args[1:2]))
        return result

    def run(self, journal, *arguments, input=None, process="command", codes=(0,)):
        options = {"stdin": subprocess.DEVNULL} if input is None else {"stdin": subprocess.PIPE}
        child = self.start(journal, *arguments, process=process, **options)
        result = self.finish(child, input)
        if codes is not None and not self.is_tolerant and not self.nosync:
            require(result.code in codes, f"{arguments}: exit {result.code}: {result.err[-500:]}")
        return result

    def append(self, name, lines, *options, codes=(0,)):
        self.remember(lines)
        return self.run(name, "append", self.path(name), "-", "--ack", *options,
                        input=to_ndjson(lines), codes=codes)

    def remember(self, lines):
        self.lines |= {line["entry"]: line for line in lines}

    def end(self, keep=False):
        for server in self.servers:
            server.end()
        if not keep:
            shutil.rmtree(self.directory, ignore_errors=True)


class Server:
    """`journal serve` on a journal of the world."""

    def __init__(self, world, name, port=None):
        self.world, self.name = world, name
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        world.servers.append(self)
        self.child = None

    def start(self):
        """Whether it listens; False when it ended instead."""
        self.child = self.world.start(
            self.name, "serve", "--store", f"lmdb:{self.world.path(self.name)}", "--host",
            "127.0.0.1", "--port", self.port, process="server", stdin=subprocess.DEVNULL)
        line, deadline = b"", time.monotonic() + 30
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([self.child.stdout], [], [], deadline - time.monotonic())
            byte = os.read(self.child.stdout.fileno(), 1) if ready else b""
            if not byte:
                require(ready, "serve: no address within 30 s")
                return False
            line += byte
        return True

    def stop(self):
        """Exit code after SIGTERM, or the one it had already ended with."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        return self.world.finish(self.child, timeout=60)

    def end(self):
        if self.child and self.child.poll() is None:
            self.child.kill()
        if self.child and self.child.stdout and not self.child.stdout.closed:
            self.child.communicate()
