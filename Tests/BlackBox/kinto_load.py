"""`headline`: one load on a Kinto server, followed by the command and by Kinto's own client."""

import os
import random
import threading
import time
import uuid
from dataclasses import dataclass, field

import oracle
from kinto_server import AUTHORIZATION, Kinto, Postgres, require_packages
from tool import require

BATCH = 25


@dataclass
class Result:
    seconds: float
    backend: str
    seed: int
    there: int = 0
    ours_missed: int = 0
    ours_absent: int = 0
    ours_edits: int = 0
    ours_syncs: int = 0
    control_missed: int = 0
    control_polls: int = 0
    control_absent: int = 0
    control_acknowledged: int = 0
    conflicts: int = 0
    batches: int = 0

    def figures(self):
        return (f"{self.there} records; ours missed {self.ours_missed}, absent "
                f"{self.ours_absent} of {self.ours_edits}; control missed {self.control_missed}, "
                f"absent {self.control_absent} of {self.control_acknowledged}")

    def table(self):
        return (
            f"{self.backend}, {self.seconds:g} s, seed {self.seed}: {self.there} records at the end; "
            f"409 in {self.conflicts} of {self.batches} batches\n\n"
            "| | records it never saw | acknowledged, and not on the server |\n| --- | --- | --- |\n"
            f"| `journal` ({self.ours_syncs} syncs) | {self.ours_missed} of {self.there} "
            f"| {self.ours_absent} of {self.ours_edits} |\n"
            f"| the list's ETag, a batch's 201 (`kinto-http`, {self.control_polls} lists) "
            f"| {self.control_missed} of {self.there} "
            f"| {self.control_absent} of {self.control_acknowledged} |")


@dataclass
class Load:
    server: Kinto
    end: float
    result: Result
    lock: threading.Lock = field(default_factory=threading.Lock)
    acknowledged: set = field(default_factory=set)
    problems: list = field(default_factory=list)

    @property
    def goes_on(self):
        return time.monotonic() < self.end

    def write_batches(self, seed):
        import kinto_http
        made = random.Random(seed)
        session = self.server.client(collection="c", retry=0).session
        path = "/buckets/b/collections/c/records/"
        while self.goes_on:
            ids = [str(uuid.UUID(int=made.getrandbits(128), version=4)) for _ in range(BATCH)]
            body = {"defaults": {"method": "PUT"},
                    "requests": [{"path": path + i, "body": {"data": {"n": n}}}
                                 for n, i in enumerate(ids)]}
            try:
                answer, _ = session.request("post", "/batch", payload=body)
            except kinto_http.KintoException:
                continue
            statuses = [one["status"] for one in answer["responses"]]
            with self.lock:
                self.result.batches += 1
                self.result.conflicts += 409 in statuses
                self.acknowledged |= {i for i, s in zip(ids, statuses) if s == 201}

    def write_singles(self, seed):
        import kinto_http
        made = random.Random(seed)
        client = self.server.client(collection="c", retry=0)
        while self.goes_on:
            identifier = str(uuid.UUID(int=made.getrandbits(128), version=4))
            try:
                client.update_record(id=identifier, data={"n": made.randint(0, 99)})
            except kinto_http.KintoException:
                continue
            with self.lock:
                self.acknowledged.add(identifier)

    def follow(self, seen):
        """Kinto's own client: what changed since the ETag of the list before."""
        client = self.server.client(collection="c")
        since = None

        def take():
            nonlocal since
            options = {} if since is None else {"_since": since}
            seen.update(one["id"] for one in client.get_records(**options))
            since = client.get_records_timestamp()
            self.result.control_polls += 1

        while self.goes_on:
            take()
        take()

    def safely(self, body, *arguments):
        try:
            body(*arguments)
        except Exception as error:
            self.problems.append(f"{body.__name__}: {type(error).__name__}: {error}")


def run(tool, directory, seconds, backend, seed):
    require_packages()
    os.environ["KINTO_AUTH"] = AUTHORIZATION
    postgres = Postgres(durable=True) if backend == "postgresql" else None
    result = Result(seconds, backend, seed)
    with Kinto(directory, postgres, threads=8) as server:
        server.make("b", "c")
        device = tool.init(directory / "device")
        tool("remote", "add", device, "kinto", "--kind", "kinto", "--url", server.url, "--bucket",
             "b", "--collection", "c", "--auth-env", "KINTO_AUTH")
        load = Load(server, time.monotonic() + seconds, result)
        seen = set()
        threads = [threading.Thread(target=load.safely, args=arguments) for arguments in (
            (load.write_batches, f"{seed}/1"), (load.write_batches, f"{seed}/2"),
            (load.write_singles, f"{seed}/3"), (load.write_singles, f"{seed}/4"),
            (load.follow, seen))]
        for thread in threads:
            thread.start()
        made, own = random.Random(f"{seed}/5"), []
        while load.goes_on:
            lines = [{"op": "create", "collection": "c", "fields": {"n": n},
                      "id": str(uuid.UUID(int=made.getrandbits(128), version=4))}
                     for n in range(made.randint(1, 30))]
            tool.append(device, lines)
            own += [line["id"] for line in lines]
            # 3: the server was too busy this time; what waits goes with the next one.
            tool("sync", device, codes=(0, 3))
            result.ours_syncs += 1
        for thread in threads:
            thread.join()
        require(not load.problems, "; ".join(load.problems))
        tool.settle(device)
        there = {key for _, key in server.records("c")}
        shown = {key for _, key in oracle.State.of_export(tool.export(device)).records}
    result.there = len(there)
    result.ours_missed = len(there - shown)
    result.ours_edits, result.ours_absent = len(own), len(set(own) - there)
    result.control_missed = len(there - seen)
    result.control_acknowledged = len(load.acknowledged)
    result.control_absent = len(load.acknowledged - there)
    return result


def headline(ctx):
    """The load for a short time; whether the control loses something in it is chance."""
    if not ctx.full:
        return "only with --full"
    result = run(ctx.tool, ctx.directory, 10, "postgresql", ctx.random.randrange(10**6))
    require(not result.ours_missed and not result.ours_absent, result.figures())
    return result.figures()
