"""Real Kinto servers on free ports, in memory or on PostgreSQL, for one check each."""

import base64
import importlib.util
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from tool import Failure, free_port, require

INI = """
[app:main]
use = egg:kinto
multiauth.policies = basicauth
kinto.bucket_create_principals = system.Authenticated
kinto.userid_hmac_secret = for-tests-only
kinto.storage_backend = kinto.core.storage.{backend}
kinto.cache_backend = kinto.core.cache.{backend}
kinto.permission_backend = kinto.core.permission.{backend}
{urls}
[server:main]
use = egg:waitress#main
host = 127.0.0.1
port = %(http_port)s
threads = {threads}
[loggers]
keys = root
[handlers]
keys = console
[formatters]
keys = plain
[logger_root]
level = ERROR
handlers = console
[handler_console]
class = StreamHandler
args = (sys.stderr,)
level = NOTSET
formatter = plain
[formatter_plain]
format = %%(asctime)s %%(name)s %%(message)s
"""

MAIN = "import sys; from kinto.__main__ import main; sys.exit(main())"
USER, PASSWORD = "ann", "secret"
AUTHORIZATION = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


def require_packages():
    for package in ("kinto", "kinto_http"):
        require(importlib.util.find_spec(package), f"{package} is missing for {sys.executable}: "
                "run Tools/test, which installs it, or pip install 'kinto[postgresql]==26.5.0' "
                "kinto-http==11.11.0")


class Postgres:
    """A PostgreSQL server of its own in a new directory."""

    def __init__(self, durable=False):
        programs = shutil.which("initdb")
        # Debian keeps them out of the way of others' programs.
        places = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin")) or (
            [pathlib.Path(programs).resolve().parent] if programs else [])
        require(places, "PostgreSQL is missing: run Tools/test, which installs it")
        self.programs = places[-1]
        # It refuses to run as root, and its user has to reach the directory.
        self.user = {"user": "postgres", "group": "postgres", "extra_groups": []} \
            if os.geteuid() == 0 else {}
        self.directory = tempfile.mkdtemp(prefix="journal-pg-", dir="/tmp")
        self.port = free_port()
        try:
            if self.user:
                shutil.chown(self.directory, "postgres", "postgres")
            self.call("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
                      "--locale=C", "--no-sync")
            self.process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.data, "-p", str(self.port), "-k",
                 self.directory, "-c", "listen_addresses=127.0.0.1", "-c", "timezone=UTC",
                 "-c", f"fsync={'on' if durable else 'off'}"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, cwd=self.directory, **self.user)
            self.wait()
        except BaseException:
            self.stop()
            raise

    process = None

    @property
    def data(self):
        return f"{self.directory}/data"

    @property
    def url(self):
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def call(self, program, *arguments, check=True):
        done = subprocess.run([self.programs / program, *arguments], capture_output=True,
                              text=True, cwd=self.directory, **self.user)
        require(not check or done.returncode == 0, f"{program}: {done.stderr[-400:]}")
        return done.returncode == 0

    def wait(self):
        deadline = time.monotonic() + 30
        while not self.call("pg_isready", "-h", "127.0.0.1", "-p", str(self.port), check=False):
            require(self.process.poll() is None and time.monotonic() < deadline,
                    "PostgreSQL did not start")
            time.sleep(0.1)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)
                self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


class Kinto:
    """A Kinto server; `with` stops it and what it stands on."""

    def __init__(self, directory, postgres=None, threads=4, settings=""):
        require_packages()
        self.postgres = postgres
        self.ini = directory / "kinto.ini"
        urls = "".join(f"kinto.{part}_url = {postgres.url}\n"
                       for part in ("storage", "cache", "permission")) if postgres else ""
        self.ini.write_text(INI.format(backend="postgresql" if postgres else "memory",
                                       urls=urls + settings, threads=threads))
        if postgres:
            self.call("migrate")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.errors = directory / "kinto.stderr"
        with open(self.errors, "ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", MAIN, "start", "--ini", self.ini, "--port",
                 str(self.port)], stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
        try:
            self.wait()
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def call(self, *arguments):
        done = subprocess.run([sys.executable, "-c", MAIN, arguments[0], "--ini", self.ini,
                               *arguments[1:]], capture_output=True, text=True)
        require(done.returncode == 0, f"kinto {arguments[0]}: {done.stderr[-400:]}")

    def wait(self):
        deadline = time.monotonic() + 60
        while True:
            require(self.process.poll() is None, f"kinto did not start; see {self.errors}")
            try:
                with urllib.request.urlopen(f"{self.url}/__heartbeat__", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pass
            if time.monotonic() > deadline:
                raise Failure(f"kinto gave no heartbeat within 60 s; see {self.errors}")
            time.sleep(0.1)

    def client(self, bucket="b", collection=None, retry=10):
        import kinto_http
        return kinto_http.Client(server_url=self.url, auth=(USER, PASSWORD), bucket=bucket,
                                 collection=collection, retry=retry, retry_after=0.01)

    def make(self, bucket, *collections):
        client = self.client(bucket)
        client.create_bucket(if_not_exists=True)
        for collection in collections:
            client.create_collection(id=collection, if_not_exists=True)

    def records(self, *collections, bucket="b"):
        """What is there, as lines of `export` are read."""
        found = {}
        for collection in collections:
            for record in self.client(bucket, collection).get_records():
                fields = {n: v for n, v in record.items() if n not in ("id", "last_modified")}
                found[collection, record["id"]] = fields
        return found

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.postgres:
            self.postgres.stop()
