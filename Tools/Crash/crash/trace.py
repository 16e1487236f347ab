"""The recorder's trace: what happened below the root, in order."""

import os
import struct
from dataclasses import dataclass

WRITE, TRUNCATE, SYNC, CREATE, MAKE_DIRECTORY, RENAME, UNLINK, REMOVE_DIRECTORY, LINK, OUTPUT, \
    MARK, FAULT = range(1, 13)
NAMES = ["", "write", "truncate", "sync", "create", "mkdir", "rename", "unlink", "rmdir", "link",
         "output", "mark", "fault"]
DURABLE, FAILED = 1, 2
HEADER = struct.Struct("=IIIIIIQq")


@dataclass(slots=True)
class Event:
    kind: int
    flags: int
    process: int
    inode: int
    offset: int
    first: bytes
    second: bytes

    def __str__(self):
        what = f"{NAMES[self.kind]} by {self.process}"
        if self.kind in (WRITE, TRUNCATE, SYNC):
            what += f" inode {self.inode}"
        if self.kind in (WRITE, TRUNCATE):
            what += f" at {self.offset}"
        if self.kind == WRITE:
            durable = ", durable" if self.flags & DURABLE else ""
            return f"{what}: {len(self.first)} bytes{durable}"
        return f"{what} {os.fsdecode(self.first)} {os.fsdecode(self.second)}".strip()


def read(path):
    data = path.read_bytes()
    events, at = [], 0
    while at < len(data):
        kind, flags, process, first, second, _, inode, offset = HEADER.unpack_from(data, at)
        at += HEADER.size
        events.append(Event(kind, flags, process, inode, offset, data[at:at + first],
                            data[at + first:at + first + second]))
        at += first + second
    return events


def mark(path, process, text):
    """Adds a mark: the process with this id has ended well."""
    text = text.encode()
    with open(path, "ab", buffering=0) as file:
        file.write(HEADER.pack(MARK, 0, process, len(text), 0, 0, 0, 0) + text)
