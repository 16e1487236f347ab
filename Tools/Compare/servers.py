"""The servers of the comparison, each on a free loopback port, and a relay that counts."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request

BINARIES = pathlib.Path("/usr/lib/postgresql/15/bin")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(what, is_ready, child, seconds=60):
    """Asks until the server answers; it has ended or not begun in time: an error."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if child.poll() is not None:
            raise SystemExit(f"{what} ended with status {child.returncode}")
        try:
            if is_ready():
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise SystemExit(f"{what} was not ready after {seconds} s")


def answers(url):
    def is_ready():
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    return is_ready


@contextlib.contextmanager
def running(what, command, is_ready, **options):
    child = subprocess.Popen(command, start_new_session=True, **options)
    try:
        wait_until(what, is_ready, child)
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextlib.contextmanager
def journal_server(binary, directory):
    port = free_port()
    command = [binary, "serve", "--store", f"lmdb:{directory / 'server'}", "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    with open(directory / "server.log", "wb") as log, running(
            "journal serve", command, answers(f"{url}/v1/health"), stdout=log, stderr=log):
        yield port


@contextlib.contextmanager
def kinto_server(python, directory):
    """Kinto with its memory backend; batches as large as the server allows by default."""
    port = free_port()
    settings = directory / "kinto.ini"
    kinto = pathlib.Path(python).with_name("kinto")
    subprocess.run([kinto, "init", "--ini", settings, "--backend", "memory", "--cache-backend",
                    "memory", "--host", "127.0.0.1"], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    text = settings.read_text()
    text = re.sub(r"^multiauth\.policies *=.*$", "multiauth.policies = basicauth", text, flags=re.M)
    text = re.sub(r"^multiauth\.policy\.account\.use.*$", "", text, flags=re.M)
    text = re.sub(r"^kinto\.bucket_create_principals *=.*$",
                  "kinto.bucket_create_principals = system.Authenticated", text, flags=re.M)
    text = re.sub(r"^kinto\.includes *=.*(\n[ \t]+.*)*$",
                  "kinto.includes = kinto.plugins.default_bucket", text, flags=re.M)
    settings.write_text(text)
    command = [kinto, "start", "--ini", settings, "--port", str(port)]
    with open(directory / "kinto.log", "wb") as log, running(
            "kinto", command, answers(f"http://127.0.0.1:{port}/v1/__heartbeat__"),
            stdout=log, stderr=log):
        yield port


def as_postgres(command):
    """PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return command
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]


@contextlib.contextmanager
def postgres(directory):
    place = directory / "postgres"
    place.mkdir()
    if os.getuid() == 0:
        shutil.chown(place, "postgres", "postgres")
        for parent in [directory, *directory.parents][:-1]:
            parent.chmod(parent.stat().st_mode | 0o011)
    port = free_port()
    data = place / "data"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": place}
    subprocess.run(as_postgres([BINARIES / "initdb", "-D", data, "-A", "trust", "-U", "postgres",
                                "-E", "UTF8", "--no-locale"]), check=True, **quiet)
    command = as_postgres([BINARIES / "postgres", "-D", data, "-p", str(port), "-k", place,
                           "-c", "listen_addresses=127.0.0.1", "-c", "timezone=UTC"])

    def is_ready():
        return subprocess.run([BINARIES / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)],
                              check=False).returncode == 0

    with running("postgres", command, is_ready, **quiet):
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"


@contextlib.contextmanager
def accord_server(python, directory):
    with postgres(directory) as database:
        port = free_port()
        environment = dict(os.environ, ACCORD_DATABASE_URL=database)
        subprocess.run([python, "-m", "accordsync_server", "migrate"], check=True, env=environment,
                       stdout=subprocess.DEVNULL)
        command = [python, pathlib.Path(__file__).with_name("accord_server.py"), str(port)]
        with open(directory / "accord.log", "wb") as log, running(
                "accord", command, answers(f"http://127.0.0.1:{port}/health"), env=environment,
                stdout=log, stderr=log):
            yield port


class Relay:
    """Passes bytes on and counts them and the requests; the timed runs go without it."""

    REQUEST = re.compile(rb"(?:GET|HEAD|POST|PUT|PATCH|DELETE) \S+ HTTP/1\.1\r\n")

    def __init__(self, port):
        self.target = port
        self.requests = 0
        self.bytes = 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            for source, sink, counts in [(client, server, True), (server, client, False)]:
                threading.Thread(target=self.copy, args=(source, sink, counts), daemon=True).start()

    def copy(self, source, sink, counts_requests):
        tail = b""
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                found = 0
                if counts_requests:
                    text = tail + data
                    end = 0
                    for match in self.REQUEST.finditer(text):
                        found += 1
                        end = match.end()
                    tail = text[max(end, len(text) - 512):]
                with self.lock:
                    self.bytes += len(data)
                    self.requests += found
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.listener.close()
