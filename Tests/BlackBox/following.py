"""`beside`: one process appends while others read, follow and verify; nobody sees half a commit."""

import json
import subprocess
import threading
import time

from killing import Appender
from tool import Failure, equal, require

RECORDS = 10  # written by every transaction, all with the same number


class Writer(Appender):
    """An `append --ack` whose every transaction puts all records with the next number."""

    def __init__(self, ctx, journal):
        super().__init__(ctx, journal, [], batch=RECORDS)
        self.transactions = 0

    def put(self, count):
        """Feeds transactions; as far ahead of the acknowledgements as the pipe allows."""
        lines = []
        for _ in range(count):
            self.transactions += 1
            lines += [f'{{"op":"put","collection":"c","id":"r{record}",'
                      f'"fields":{{"n":{self.transactions}}}}}\n' for record in range(RECORDS)]
        self.child.stdin.write("".join(lines).encode())
        self.child.stdin.flush()

    def finish(self):
        self.child.stdin.close()
        self.threads[1].join(60)
        return self.child.wait(60)

    def last_acked(self):
        """The last sequence acknowledged so far; 1 is `opened`."""
        whole = self.output.rpartition(b"\n")[0]
        return int(whole.rpartition(b" ")[2]) if whole else 1


def number_at(sequence):
    """The number all records have once this sequence is committed."""
    equal((sequence - 1) % RECORDS, 0, f"{sequence - 1} entries are whole transactions, left over")
    return (sequence - 1) // RECORDS


class Readers:
    """Threads that read over and over, each with what it has found wrong."""

    def __init__(self, ctx, journal, writer):
        self.tool, self.journal, self.writer = ctx.tool, journal, writer
        self.rounds = {"export": 0, "log": 0, "stats": 0, "verify": 0}
        self.failure = None
        self.is_done = False
        self.threads = [threading.Thread(target=self.repeat, args=(name,), daemon=True)
                        for name in self.rounds]
        for thread in self.threads:
            thread.start()

    def repeat(self, name):
        while not self.is_done and self.failure is None:
            acked = self.writer.last_acked()
            try:
                last = getattr(self, name)(acked)
                require(last >= acked, f"{name} began after {acked} was acknowledged, saw {last}")
            except Exception as failure:
                self.failure = self.failure or f"{name}, round {self.rounds[name]}: {failure}"
            self.rounds[name] += 1

    def export(self, acked):
        rows = self.tool("export", self.journal).rows()
        if not rows:
            return 1
        numbers = {row["fields"]["n"] for row in rows}
        require(len(rows) == RECORDS and len(numbers) == 1, f"half a transaction: {rows}")
        return numbers.pop() * RECORDS + 1

    def log(self, acked):
        first = max(2, acked - 500)
        entries = self.tool.log(self.journal, "--from", first)
        last = first + len(entries) - 1
        equal([e["sequence"] for e in entries], list(range(first, last + 1)), "sequences")
        if entries:
            equal(entries[-1]["fields"]["n"], number_at(last), "number in the last entry")
        return max(last, 1)

    def stats(self, acked):
        stats = self.tool.stats(self.journal)
        number_at(stats["lastSequence"])
        equal(stats["entries"], stats["lastSequence"], "entries, lastSequence")
        equal(stats["pending"], stats["lastSequence"] - 1, "pending, lastSequence - 1")
        return stats["lastSequence"]

    def verify(self, acked):
        report = self.tool.verify(self.journal)
        number_at(report["size"])
        return report["size"]

    def stop(self):
        self.is_done = True
        for thread in self.threads:
            thread.join(600)


def check_followed(path, last):
    """What `log --follow` printed: every entry once, in order, as it was appended."""
    with open(path, encoding="utf-8") as lines:
        for sequence, line in enumerate(lines, 1):
            entry = json.loads(line)
            equal(entry["sequence"], sequence, "followed sequence")
            if sequence > 1:
                where = (sequence - 2) // RECORDS + 1, f"r{(sequence - 2) % RECORDS}"
                equal((entry["fields"]["n"], entry["record"]), where, f"followed entry {sequence}")
    equal(sequence, last, "last followed sequence")


def beside(ctx):
    tool = ctx.tool
    entries, wanted = ctx.size(20_000, 200_000), ctx.size(5, 20)
    journal = tool.init(ctx.path("journal"))
    writer = Writer(ctx, journal)
    followed = ctx.path("followed")
    with open(followed, "wb") as output:
        follower = tool.start("log", journal, "--json", "--follow", stdout=output,
                              stderr=subprocess.PIPE)
        readers = Readers(ctx, journal, writer)
        deadline = time.monotonic() + 300
        while readers.failure is None and (
                writer.transactions * RECORDS < entries or min(readers.rounds.values()) < wanted):
            require(time.monotonic() < deadline, f"not enough rounds in 300 s: {readers.rounds}")
            require(follower.poll() is None, f"log --follow ended: exit {follower.poll()}")
            writer.put(20)
        equal(writer.finish(), 0, "exit of append")
        readers.stop()
        if readers.failure:
            raise Failure(readers.failure)
        last = tool.stats(journal)["lastSequence"]
        equal(number_at(last), writer.transactions, "transactions appended")
        equal(writer.last_acked(), last, "last acknowledged sequence")
        wait_for_lines(follower, followed, last)
        follower.terminate()
        follower.wait(30)
    check_followed(followed, last)
    tool.verify(journal)
    rounds = ", ".join(f"{count} × {name}" for name, count in readers.rounds.items())
    return f"{last:,} entries in {writer.transactions:,} transactions beside {rounds}"


def wait_for_lines(follower, path, count):
    deadline = time.monotonic() + 60
    while True:
        with open(path, "rb") as lines:
            if sum(chunk.count(b"\n") for chunk in iter(lambda: lines.read(1 << 20), b"")) >= count:
                return
        require(follower.poll() is None, f"log --follow ended by itself: {follower.stderr.read()}")
        require(time.monotonic() < deadline, "log --follow does not show the last entry")
        time.sleep(0.1)
