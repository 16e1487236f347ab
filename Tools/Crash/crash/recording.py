"""A scenario done once under the recorder, with all that replaying one of its images needs."""

import pathlib
import pickle

import trace
from model import FileSystem, snapshot
from world import Server, World


class Recording:
    """With a fault the work is done twice: while it strikes, and once more without."""

    def __init__(self, scenario, tools, nosync=False, fault=None):
        self.scenario = scenario
        self.world = world = World(tools, scenario.name)
        try:
            scenario.prepare(world)
            self.start = snapshot(world.root)
            world.trace.touch()
            world.is_recording, world.nosync = True, nosync
            if fault:
                world.fault, world.is_tolerant = fault, True
                scenario.repeatably(world)
                world.fault, world.is_tolerant = None, False
            scenario.act(world)
            world.is_recording, world.nosync = False, False
        except BaseException:
            world.end(keep=True)
            raise
        self.events = trace.read(world.trace)
        self.locks = {name: path.read_bytes() for name in scenario.journals
                      if (path := world.path(name) / "lock.mdb").exists()}

    def file_system(self):
        """The files as they were, and durable, when the recording began."""
        return FileSystem(self.world.root, self.start)

    def save(self, seed):
        """Keeps what `--replay` needs beside the trace."""
        kept = {"scenario": self.scenario.name, "seed": seed, "start": self.start,
                "journal_of": self.world.journal_of, "lines": self.world.lines,
                "locks": self.locks, "root": str(self.world.root),
                "ports": [server.port for server in self.world.servers]}
        (self.world.directory / "recording").write_bytes(pickle.dumps(kept))
        return self.world.directory

    @classmethod
    def load(cls, directory, tools, scenarios):
        kept = pickle.loads((directory / "recording").read_bytes())
        self = cls.__new__(cls)
        kind = next(kind for kind in scenarios if kind.__name__.lower() == kept["scenario"])
        self.scenario = kind(kept["seed"])
        self.world = World.__new__(World)
        vars(self.world).update(
            tools=tools, directory=directory, root=pathlib.Path(kept["root"]),
            trace=directory / "trace", is_recording=False, fault=None, nosync=False, is_tolerant=False,
            journal_of=kept["journal_of"], process_of={}, results=[], lines=kept["lines"], servers=[])
        self.start, self.locks = kept["start"], kept["locks"]
        for port in kept["ports"]:
            # The devices know their server by its port.
            self.scenario.server = Server(self.world, "server", port)
        self.events = trace.read(self.world.trace)
        self.seed = kept["seed"]
        return self
