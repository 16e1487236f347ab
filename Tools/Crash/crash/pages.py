"""What a data file says, read by docs/format alone."""

import ctypes
import struct
import uuid
from dataclasses import dataclass

META, ENTRIES, RECORDS = 1, 2, 5
KINDS = {1: "opened", 2: "declared", 3: "create", 4: "update", 5: "put", 6: "delete", 7: "sent",
         8: "accepted", 9: "refused", 10: "retried", 11: "parked", 12: "discarded",
         13: "remote change", 14: "cursor", 16: "conflict", 19: "trimmed", 20: "erased",
         21: "device changed"}
EDITS = {3: "create", 4: "update", 5: "put", 6: "delete"}


class Unreadable(Exception):
    """A file that is not as docs/format says."""


class Summary(ctypes.Structure):
    _fields_ = [("transaction", ctypes.c_uint64), ("digest", ctypes.c_uint64),
                ("rows", ctypes.c_uint64), ("pages", ctypes.c_uint64),
                ("problem", ctypes.c_char * 160)]


@dataclass
class Entry:
    sequence: int
    kind: int
    id: str
    group: int
    time: int
    body: dict
    raw: bytes


class Reader:
    def __init__(self, library):
        self.call = ctypes.CDLL(str(library)).read_journal
        self.call.restype = ctypes.c_int64
        self.call.argtypes = [ctypes.c_char_p, ctypes.c_uint64, ctypes.c_char_p, ctypes.c_uint64,
                              ctypes.c_void_p]

    def summary(self, content):
        """Digest of all rows of the newest commit; every page, row and checksum is looked at."""
        found = Summary()
        if self.call(content, len(content), None, 0, ctypes.byref(found)) < 0:
            raise Unreadable(found.problem.decode("utf-8", "replace"))
        return found

    def rows(self, content):
        """{table: {key: payload}} of the newest commit."""
        found = Summary()
        out = ctypes.create_string_buffer(2 * len(content) + 1024)
        count = self.call(content, len(content), out, len(out), ctypes.byref(found))
        if count < 0:
            raise Unreadable(found.problem.decode("utf-8", "replace"))
        data, at, tables = out.raw[:count], 0, {}
        while at < count:
            table, key, value = struct.unpack_from("=III", data, at)
            at += 12
            rows = tables.setdefault(table, {})
            rows[data[at:at + key]] = data[at + key:at + key + value]
            at += key + value
        return tables


def entries(rows):
    """The entries held, in order; of an unknown shape an error."""
    found = []
    for key, value in rows.get(ENTRIES, {}).items():
        version, kind = value[0], value[1]
        if version != 1 or len(key) != 8 or value[74] != 0:
            raise Unreadable(f"entry {key.hex()} is of version {version}, encoding {value[74]}")
        body, end = item(value, 97)
        if end != len(value):
            raise Unreadable(f"bytes follow the body of entry {key.hex()}")
        group, time = struct.unpack_from(">QQ", value, 24)
        found.append(Entry(int.from_bytes(key), kind, str(uuid.UUID(bytes=value[8:24])), group,
                           time, body, value))
    return found


def accepted(entry):
    """The sequences an `accepted` entry names: by steps, negative for absorbed edits, or in full."""
    if entry.kind != 8:
        return []
    if 33 in entry.body:
        return [line[0] for line in entry.body[33]]
    lines, sequences = entry.body[54], [0]
    if not lines or len(lines) % 3 or 0 in lines[::3]:
        raise Unreadable(f"entry {entry.sequence} has {len(lines)} numbers for accepted edits")
    for step in lines[::3]:
        sequences.append(sequences[-1] + abs(step))
    return sequences[1:]


def last_sequence(rows):
    return struct.unpack_from(">Q", rows[META][b"head"], 16)[0]


def item(data, at):
    """One CBOR item: (value, where it ends)."""
    major, short = data[at] >> 5, data[at] & 31
    at += 1
    if major == 7:
        if short in (20, 21, 22):
            return {20: False, 21: True, 22: None}[short], at
        size, form = {25: (2, ">e"), 26: (4, ">f"), 27: (8, ">d")}[short]
        return struct.unpack(form, data[at:at + size])[0], at + size
    if short < 24:
        number = short
    else:
        size = {24: 1, 25: 2, 26: 4, 27: 8}[short]
        number = int.from_bytes(data[at:at + size])
        at += size
    match major:
        case 0:
            return number, at
        case 1:
            return -1 - number, at
        case 2:
            return data[at:at + number], at + number
        case 3:
            return data[at:at + number].decode(), at + number
        case 4:
            array = []
            for _ in range(number):
                value, at = item(data, at)
                array.append(value)
            return array, at
        case 5:
            members = {}
            for _ in range(number):
                key, at = item(data, at)
                members[key], at = item(data, at)
            return members, at
    return item(data, at)
