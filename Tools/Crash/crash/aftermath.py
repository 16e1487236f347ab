"""After a power cut of both machines: the device and the server go on from what is left."""

import pages
from world import require


class Aftermath:
    """Runs the real command on one image of a scenario with a device and a server."""

    def __init__(self, scenario, world, reader):
        self.scenario, self.world, self.reader = scenario, world, reader
        self.runs = 0

    def check(self, place):
        """Everybody syncs until nothing moves; then all show the same, with every edit once."""
        world, before = self.world, self.world.root
        world.root = place
        self.runs += 1
        try:
            mine = set(self.edits(place / "journal"))
            server = self.scenario.server
            require(server.start(), "after the power cut the server does not start")
            for name in ("journal", "other", "journal", "other", "journal"):
                self.scenario.sync(world, name)
            require(server.stop().code == 0, "after the power cut the server does not stop")
            held = self.edits(place / "server")
            require(len(held) == len(set(held)), "server: an edit is there twice")
            require(mine <= set(held), f"{len(mine - set(held))} edits never arrived")
            shown = {world.run(name, "export", world.path(name)).out
                     for name in ("journal", "other", "server")}
            require(len(shown) == 1, "after the next sync the sides show different records")
            for name in ("journal", "server"):
                world.run(name, "verify", world.path(name))
        finally:
            self.scenario.server.end()
            world.root = before

    def edits(self, directory):
        rows = self.reader.rows((directory / "data.mdb").read_bytes())
        return [entry.id for entry in pages.entries(rows) if entry.kind in pages.EDITS]
