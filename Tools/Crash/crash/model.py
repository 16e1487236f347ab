"""A file system that forgets: what may be on disk after a power cut at one point of a trace.

Content: since a file's last sync every 512-byte sector written may be there in any of its versions
or in none, whatever the order of the writes. A sector is never torn; LMDB's commit rests on that.
Names: of the changes to a directory since its last sync a prefix is there. Syncing a file says
nothing about its name.
"""

import os
from dataclasses import dataclass

import trace

SECTOR = 512
PAGE = 65536  # a multiple of any page of LMDB's


@dataclass(frozen=True)
class Content:
    """A file's bytes; from where they end up to `size` it is a hole."""

    data: bytes
    size: int

    @property
    def whole(self):
        return self.data.ljust(self.size, b"\0")


class File:
    def __init__(self, data=b""):
        # Data files are mostly holes: what is not there costs nothing.
        used = len(data.rstrip(b"\0"))
        self.current, self.size = bytearray(data[:-(-used // PAGE) * PAGE]), len(data)
        self.durable, self.durable_size = bytearray(self.current), len(data)
        self.versions = {}  # sector: its contents since the last sync, oldest first
        self.order = []  # (sector, place in its list) as written
        self.sizes = []  # since the last sync
        self.doubtful = set()  # sectors a failed sync may have given up

    @property
    def is_pending(self):
        return bool(self.versions or self.sizes)

    @property
    def now(self):
        return Content(bytes(self.current), self.size)

    def write(self, offset, data, durable):
        end = offset + len(data)
        if end > len(self.current):
            self.current.extend(bytes(end - len(self.current)))
        self.current[offset:end] = data
        for sector in range(offset // SECTOR, (end - 1) // SECTOR + 1):
            self.touch(sector, durable)
        if end > self.size:
            self.size = end
            if not durable:
                self.sizes.append(end)
        if durable and self.durable_size < end:
            self.durable_size = end
            self.sizes = [size for size in self.sizes if size > end]

    def touch(self, sector, durable):
        content = bytes(self.current[sector * SECTOR:(sector + 1) * SECTOR]).ljust(SECTOR, b"\0")
        self.doubtful.discard(sector)
        if durable:
            put(self.durable, sector, content)
            self.versions.pop(sector, None)
        else:
            versions = self.versions.setdefault(sector, [])
            self.order.append((sector, len(versions)))
            versions.append(content)

    def truncate(self, size):
        before = len(self.current)
        if size < before:
            del self.current[size:]
            for sector in range(size // SECTOR, -(-before // SECTOR)):
                self.touch(sector, durable=False)
        self.size = size
        self.sizes.append(size)

    def sync(self):
        # A system may call pages clean when writing them failed; a later sync passes them over.
        doubtful = {sector: self.versions[sector] for sector in self.doubtful
                    if sector in self.versions}
        before, self.durable = self.durable, bytearray(self.current)
        for sector in doubtful:
            put(self.durable, sector,
                before[sector * SECTOR:(sector + 1) * SECTOR].ljust(SECTOR, b"\0"))
        self.durable_size = self.size
        self.versions, self.sizes = doubtful, []
        self.order = [(sector, place) for sector, places in doubtful.items()
                      for place in range(len(places))]

    def fail_sync(self):
        self.doubtful |= self.versions.keys()

    def after_crash(self, random):
        """Content after a power cut now, one of those that are possible."""
        if not self.is_pending:
            return Content(bytes(self.durable), self.durable_size)
        image = bytearray(self.durable)
        size = random.choice([self.durable_size, *self.sizes])
        way = random.random()
        if way < 0.05:
            kept = {}
        elif way < 0.15:
            kept = {sector: len(v) - 1 for sector, v in self.versions.items()}
            size = self.size
        elif way < 0.3:
            # In order, up to any sector of any write.
            kept = dict(self.order[:random.randint(0, len(self.order))])
        elif way < 0.45:
            # The last ones first.
            kept = dict(self.order[random.randint(0, len(self.order)):])
        elif way < 0.6:
            # Whole pages or nothing of them.
            share, pages = random.random(), {}
            kept = {sector: len(v) - 1 for sector, v in self.versions.items()
                    if pages.setdefault(sector // 8, random.random() < share)}
        else:
            share = random.choice([0.02, 0.1, 0.5, 0.5, 0.9, 0.98])
            kept = {sector: len(v) - 1 if len(v) == 1 else random.randrange(len(v))
                    for sector, v in self.versions.items() if random.random() < share}
        for sector, place in kept.items():
            # A durable write made this sector's earlier versions history.
            if versions := self.versions.get(sector):
                put(image, sector, versions[min(place, len(versions) - 1)])
                size = max(size, min((sector + 1) * SECTOR, self.size))
        del image[size:]
        return Content(bytes(image), size)


def put(image, sector, content):
    start = sector * SECTOR
    if start > len(image):
        image.extend(bytes(start - len(image)))
    image[start:start + SECTOR] = content


class Directory:
    def __init__(self):
        self.current, self.durable = {}, {}
        self.pending = []  # changes since the last sync, oldest first

    @property
    def is_pending(self):
        return bool(self.pending)


class Change:
    """One change of names, all or none: [(directory, name, node or None)]."""

    def __init__(self, parts):
        self.parts = parts


def snapshot(root):
    """The tree at `root`: (path, inode, content or None for a directory), parents first."""
    paths = [root, *sorted(root.rglob("*"))]
    return [("" if path == root else str(path.relative_to(root)), path.stat().st_ino,
             None if path.is_dir() else path.read_bytes()) for path in paths]


class FileSystem:
    def __init__(self, root, snapshot):
        """Takes a snapshot of the tree at `root` for durable."""
        self.root_path = os.fspath(root)
        self.nodes = {}  # by inode; a number may be used again
        self.directories = []
        for path, inode, content in snapshot:
            node = self.make_directory() if content is None else File(content)
            self.nodes[inode] = node
            if not path:
                self.root = node
                continue
            parent, name = self.place(os.path.join(self.root_path, path))
            parent.current[name] = parent.durable[name] = node

    def make_directory(self):
        self.directories.append(Directory())
        return self.directories[-1]

    def place(self, path):
        """(directory, name) of an absolute path below the root."""
        names = os.path.relpath(os.fsdecode(path), self.root_path).split("/")
        directory = self.root
        for name in names[:-1]:
            directory = directory.current[name]
        return directory, names[-1]

    def change(self, parts):
        change = Change(parts)
        for directory, name, node in parts:
            set_name(directory.current, name, node)
        for directory in {id(part[0]): part[0] for part in parts}.values():
            directory.pending.append(change)

    def apply(self, event):
        match event.kind:
            case trace.WRITE:
                self.nodes[event.inode].write(
                    event.offset, event.first, event.flags & trace.DURABLE)
            case trace.TRUNCATE:
                self.nodes[event.inode].truncate(event.offset)
            case trace.SYNC:
                node = self.nodes[event.inode]
                if event.flags & trace.FAILED:
                    if isinstance(node, File):
                        node.fail_sync()
                else:
                    node.sync() if isinstance(node, File) else self.sync_names(node)
            case trace.CREATE | trace.MAKE_DIRECTORY:
                node = File() if event.kind == trace.CREATE else self.make_directory()
                self.nodes[event.inode] = node
                self.change([(*self.place(event.first), node)])
            case trace.RENAME:
                if event.flags:
                    raise ValueError("a rename with flags is not modelled")
                source, name = self.place(event.first)
                node = source.current[name]
                self.change([(source, name, None), (*self.place(event.second), node)])
            case trace.LINK:
                source, name = self.place(event.first)
                self.change([(*self.place(event.second), source.current[name])])
            case trace.UNLINK | trace.REMOVE_DIRECTORY:
                self.change([(*self.place(event.first), None)])

    def sync_names(self, directory):
        for change in directory.pending:
            for where, name, node in change.parts:
                set_name(where.durable, name, node)
                if where is not directory:
                    where.pending.remove(change)
        directory.pending = []

    @property
    def is_pending(self):
        return (any(directory.pending for directory in self.directories)
                or any(node.is_pending for node in reachable(self.root)))

    def find(self, path, names="current"):
        """The node at a path relative to the root, or None."""
        node = self.root
        for name in path.split("/"):
            node = getattr(node, names).get(name) if isinstance(node, Directory) else None
        return node

    def after_crash(self, random):
        """{path: content, or None for a directory} after a power cut now."""
        kept = {}
        for node in self.directories:
            if node.pending:
                count = random.choice([0, len(node.pending), random.randint(0, len(node.pending))])
                for place, change in enumerate(node.pending):
                    kept[change] = kept.get(change, True) and place < count
        names = {id(node): dict(node.durable) for node in self.directories}
        for change in (change for change, is_kept in kept.items() if is_kept):
            for where, name, node in change.parts:
                set_name(names[id(where)], name, node)
        return self.tree(lambda node: names[id(node)], lambda file: file.after_crash(random))

    def now(self):
        """{path: content} as running programs see it."""
        return self.tree(lambda node: node.current, lambda file: file.now)

    def tree(self, names, content):
        found = {}

        def visit(directory, prefix):
            for name, node in sorted(names(directory).items()):
                if isinstance(node, Directory):
                    found[prefix + name] = None
                    visit(node, f"{prefix}{name}/")
                else:
                    found[prefix + name] = content(node)

        visit(self.root, "")
        return found


def set_name(names, name, node):
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node


def reachable(directory):
    yield directory
    for node in directory.current.values():
        if isinstance(node, Directory):
            yield from reachable(node)
        else:
            yield node
