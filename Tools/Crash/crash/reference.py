"""What a recording says the journals held at each of its moments, and what was promised by then."""

import json
from dataclasses import dataclass, field

import pages
import trace
from checking import digest
from pages import Unreadable
from scenarios import expected_export
from world import Failure, oracle, require

DATA = "data.mdb"


@dataclass
class State:
    """One commit."""

    digest: int
    last: int
    entries: list
    export: str | None  # the digest of what `export` must print; None until it is known


@dataclass
class History:
    """One journal over a recording. Index 0 stands for the journal that is not there."""

    states: list = field(default_factory=lambda: [None])
    current: list = field(default_factory=list)  # after each event: index of its newest commit
    floor: list = field(default_factory=list)  # after each event: the oldest that may be left
    first: dict = field(default_factory=dict)  # digest: index
    view: int = 0  # index of the commit that running programs see now
    synced: int = 0  # the commit the last sync of the data file found


class Reference:
    """A recording followed once with everything kept: no crash."""

    def __init__(self, scenario, world, start, events):
        self.scenario, self.world = scenario, world
        self.reader = world.tools.reader
        self.events = events
        self.histories = {name: History() for name in scenario.journals}
        self.pending = []  # after each event: whether there is anything to lose
        self.faulted = [None]  # after each event: the process whose failed commit has no mark yet
        self.delivered = {}  # server index to device index, for Sync
        fs = start
        for name in self.histories:
            self.look(fs, name)
        self.note(fs, None)
        for number, event in enumerate(events):
            fs.apply(event)
            self.faulted.append(self.faulted_after(fs, event))
            if self.may_commit(event):
                for name in self.histories:
                    self.look(fs, name)
            self.note(fs, event)
        self.check_end(fs)
        self.check_delivery()

    @staticmethod
    def may_commit(event):
        if event.kind == trace.WRITE:
            return event.offset < 2 * 65536
        return event.kind not in (trace.SYNC, trace.OUTPUT, trace.MARK, trace.FAULT)

    def faulted_after(self, fs, event):
        """A commit that fails is marked as such right away; a power cut in between is not survived
        in every case, as docs/crash-testing.md says."""
        before = self.faulted[-1]
        if event.kind == trace.FAULT:
            return event.process
        marks = [fs.find(f"{name}/failed-commit", "durable") for name in self.histories]
        is_marked = any(mark and not mark.is_pending for mark in marks)
        return before if before == event.process and not is_marked else None

    def look(self, fs, name):
        """Adds the newest commit of a journal when it is a new one."""
        history = self.histories[name]
        node = fs.find(f"{name}/{DATA}")
        if node is None:
            require(len(history.states) == 1, f"{name} is gone in the middle of the recording")
            return
        content = bytes(node.current)
        try:
            found = self.reader.summary(content)
        except Unreadable as problem:
            if history.states[-1] is None:
                raise Failure(f"{name} stands in its place before it is whole: {problem}")
            raise Failure(f"{name} is unreadable without a crash: {problem}")
        if found.digest in history.first:
            # The newest again, or a commit that failed was taken back.
            history.view = history.first[found.digest]
            return
        rows = self.reader.rows(content)
        entries = pages.entries(rows)
        state = State(found.digest, pages.last_sequence(rows), entries, None)
        before = history.states[history.view]
        self.check_entries(name, before, state)
        state.export = self.export_of(entries, before)
        history.view = history.first[found.digest] = len(history.states)
        history.states.append(state)

    def check_entries(self, name, before, state):
        where = f"{name}, sequence {state.last}"
        sequences = [entry.sequence for entry in state.entries]
        require(sequences == sorted(set(sequences)), f"{where}: entries are not in order")
        require(state.last == sequences[-1], f"{where}: the last entry is {sequences[-1]}")
        times = [entry.time for entry in state.entries]
        require(times == sorted(times), f"{where}: recording time goes back")
        if self.scenario.rewrites:
            return
        require(sequences == list(range(1, state.last + 1)), f"{where}: there is a gap")
        if before:
            require([e.raw for e in state.entries[:before.last]] == [e.raw for e in before.entries],
                    f"{where}: history was rewritten")

    def export_of(self, entries, before):
        if entries[0].sequence != 1 or self.scenario.rewrites and before:
            return None
        text = expected_export(entries, self.world.lines)
        only_edits = all(entry.kind in (1, 2, 3, 4, 5, 6) for entry in entries)
        return digest(text) if text is not None and only_edits else None

    def note(self, fs, event):
        self.pending.append(fs.is_pending)
        for name, history in self.histories.items():
            history.current.append(len(history.states) - 1)
            floor = history.floor[-1] if history.floor else history.view
            if event and event.kind == trace.OUTPUT:
                self.check_answer(name, history, event)
            if event and event.kind in self.promises:
                if self.world.journal_of.get(event.process) == name:
                    # The command has answered: what it did so far has to stay.
                    floor = history.view
            if event and event.kind == trace.SYNC and self.scenario.is_relaxed:
                floor = max(floor, self.snapshot_floor(fs, name, history, event))
            history.floor.append(floor)

    @property
    def promises(self):
        """The events after which all commits so far have to stay."""
        return (trace.MARK,) if self.scenario.is_relaxed else (trace.OUTPUT, trace.MARK)

    def snapshot_floor(self, fs, name, history, event):
        """A synced snapshot keeps what the data file held when that was last synced."""
        node = fs.nodes.get(event.inode)
        if node is fs.find(f"{name}/{DATA}"):
            history.synced = history.view
        return history.synced if node is fs.find(f"{name}/snapshot") else 0

    def check_answer(self, name, history, event):
        """`acked N` may be printed once N is committed."""
        if self.world.journal_of.get(event.process) != name:
            return
        for line in event.first.decode("utf-8", "replace").split("\n"):
            if line.startswith("acked "):
                state = history.states[history.view]
                last = state.last if state else 0
                require(int(line.split(" ")[1]) <= last,
                        f"{name}: `{line}` while the newest commit ends at {last}")

    def check_delivery(self):
        """What a device holds for accepted has to outlive the server's power cut."""
        device, server = self.histories.get("journal"), self.histories.get("server")
        if not device or not server:
            return
        have = [set() if state is None else {entry.id for entry in state.entries}
                for state in server.states]
        own = [set() if state is None else self.accepted(state) for state in device.states]
        for moment, (at, floor) in enumerate(zip(device.current, server.floor)):
            needed = own[at]
            while not needed <= have[floor]:
                floor += 1
                require(floor <= server.current[moment],
                        f"event {moment}: the device holds for accepted what the server has not")
            server.floor[moment] = floor
        for moment in range(1, len(server.floor)):
            server.floor[moment] = max(server.floor[moment], server.floor[moment - 1])
        self.check_cursors(device, server.states[server.view])

    def check_cursors(self, device, server):
        """A cursor stands for changes that are here: everything up to it that others made."""
        own = {entry.id for entry in device.states[device.view].entries}
        made = {(entry.time, entry.sequence) for entry in server.entries
                if entry.kind in pages.EDITS and entry.id not in own}
        for state in filter(None, device.states):
            cursors = [entry for entry in state.entries if entry.kind == 14]
            if not cursors:
                continue
            through = tuple(cursors[-1].body[38])
            here = {tuple(entry.body[14]) for entry in state.entries if entry.kind == 13}
            missing = {version for version in made if version <= through} - here
            require(not missing, f"sequence {state.last}: the cursor is through {through}, "
                    f"{len(missing)} changes up to it are not here")

    @staticmethod
    def accepted(state):
        ids = {entry.sequence: entry.id for entry in state.entries}
        edits = [edit for entry in state.entries for edit in pages.accepted(entry)]
        return {ids[edit] for edit in edits if edit in ids}

    def check_end(self, fs):
        """The model and the disk, the reader and the command agree."""
        stands = {}
        for path in self.world.root.rglob("*"):
            stands[str(path.relative_to(self.world.root))] = (
                None if path.is_dir() else path.read_bytes())
        now = fs.now()
        # LMDB writes its lock file through memory, which no recorder of calls sees.
        for path in stands.keys() | now.keys():
            require(path in stands and path in now, f"the recorder missed a change of {path}")
            if stands[path] is not None and not path.endswith("lock.mdb"):
                require(stands[path] == now[path].whole, f"the recorder missed a write to {path}")
        for name, history in self.histories.items():
            self.check_command(name, history.states[history.view])

    def check_command(self, name, state):
        if state is None:
            return
        text = self.world.run(name, "export", self.world.path(name)).out
        printed = digest(text)
        require(state.export in (None, printed),
                f"{name}: `export` prints other records than the lines say")
        state.export = printed
        log = [json.loads(line) for line in
               self.world.run(name, "log", self.world.path(name), "--json").out.split("\n")[:-1]]
        require([row["sequence"] for row in log] == [entry.sequence for entry in state.entries],
                f"{name}: `log` prints other sequences than the file holds")
        for row, entry in zip(log, state.entries):
            where = f"{name}, entry {entry.sequence}"
            require(row["entry"] == entry.id, f"{where}: `log` names entry {row['entry']}")
            if entry.kind not in pages.EDITS:
                continue
            require(row["kind"] == pages.EDITS[entry.kind], f"{where}: `log` says {row['kind']}")
            for member, key in [("collection", 1), ("record", 2), ("fields", 7), ("set", 8)]:
                ours, theirs = entry.body.get(key), row.get(member)
                require(oracle.canonical(ours) == oracle.canonical(theirs),
                        f"{where}: {member} is {theirs}, the file holds {ours}")
            line = self.world.lines.get(entry.id)
            if line:
                for member, key in [("collection", 1), ("id", 2), ("fields", 7), ("set", 8)]:
                    require(oracle.canonical(line.get(member)) ==
                            oracle.canonical(entry.body.get(key)),
                            f"{where}: {member} is not what its line said")

