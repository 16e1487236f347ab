"""`steady`: appending, settling and trimming at a steady rate, for as long as is asked."""

import statistics
import time

import histories
import oracle
from timing import MIB, anonymous_bytes
from tool import Server, equal, require

EDITS = 1000  # a round
RECORDS = 2000
BYTES_PER_ID = 45
SLACK = 64 * MIB


class Place:
    """One journal and what its file may have grown to."""

    def __init__(self, ctx, name, directory):
        self.ctx, self.name, self.directory = ctx, name, directory
        self.edits = self.live = 0
        self.sizes = []

    def measure_live(self):
        """Bytes of a journal that holds nothing but one put per visible record."""
        tool = self.ctx.tool
        state = oracle.State.of_export(tool.export(self.directory))
        lines = [{"op": "put", "collection": c, "id": i, "fields": f} for c, i, f in state.rows()]
        fresh = tool.init(self.ctx.path(f"live-{self.name}-{len(self.sizes)}"), "--local")
        tool.append(fresh, lines)
        self.live = tool.stats(fresh)["bytes"]

    def check(self, where):
        # What the file takes of the disk; its length has a reserve without blocks behind it.
        size = (self.directory / "data.mdb").stat().st_blocks * 512
        self.sizes.append(size)
        allowed = 2 * self.live + BYTES_PER_ID * self.edits + SLACK
        require(size <= allowed, f"{where}: {self.name} takes {size:,} bytes, allowed are "
                f"{allowed:,} = 2 × {self.live:,} + {BYTES_PER_ID} × {self.edits:,} ids + 64 MiB")

    def figures(self):
        middle = self.sizes[len(self.sizes) // 2]
        return (f"{self.name} {middle:,} bytes halfway, {self.sizes[-1]:,} at the end, "
                f"{self.live:,} live, {self.edits:,} edits")


def steady(ctx):
    tool = ctx.tool
    server = Server(tool, ctx.path("server"))
    devices = [tool.device(ctx.path(name), server.url) for name in "ab"]
    places = [Place(ctx, d.name, d) for d in [*devices, server.directory]]
    made = histories.Generator(ctx.random, RECORDS)
    rounds, trimmed, memory = 0, 0, []
    start, least = time.monotonic(), ctx.size(6, 12)
    while rounds < least or time.monotonic() - start < ctx.minutes * 60:
        rounds += 1
        where = f"round {rounds}"
        mine = rounds % 2
        device, place = devices[mine], places[mine]
        lines = made.lines(oracle.State.of_export(tool.export(device)), EDITS)
        tool.append(device, lines)
        for other in (device, devices[1 - mine]):
            tool.sync(other)
        place.edits += EDITS
        places[2].edits += EDITS
        # The server goes on serving while its journal is trimmed.
        for one in places:
            trimmed += tool("compact", one.directory, "--json").json()["trimmed"]
        if rounds % 25 in (1, least - 1):
            for one in places:
                one.measure_live()
        for one in places:
            one.check(where)
        memory.append(anonymous_bytes(server.child.pid))
    tool.settle(*devices)
    tool.compare(*devices)
    drift = check_memory(ctx, memory)
    server.stop()
    for place in places:
        tool.verify(place.directory)
    require(trimmed > rounds * EDITS, f"only {trimmed} entries trimmed in {rounds} rounds")
    minutes = (time.monotonic() - start) / 60
    return (f"{rounds:,} rounds in {minutes:.1f} min, {trimmed:,} entries trimmed; "
            + "; ".join(place.figures() for place in places) + f"; {drift}")


def check_memory(ctx, memory):
    """The server's own memory may not drift once it is warm."""
    if memory[0] is None:
        return "no /proc, memory not measured"
    part = max(1, len(memory) // 4)
    early, late = statistics.median(memory[part:2 * part]), statistics.median(memory[-part:])
    figures = (f"server's memory {early / MIB:.1f} MiB in the second quarter of the rounds, "
               f"{late / MIB:.1f} in the last")
    # Few rounds say nothing about drift: the process is still getting warm.
    if len(memory) >= 100:
        require(late <= 1.05 * early, figures)
    return figures
