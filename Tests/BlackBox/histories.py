"""Random legal changes: every operation, awkward keys, awkward values."""

import json
import struct
import uuid

STRINGS = ["", "é", "e\u0301", "/", "\\", '"', "a b", "\u0001", "\n\t\r\b\f", "\u007f", "😀",
           "日本", "\u2028", "\uffff", "\U0010ffff", "ß", "null", "1.0", "x" * 100]
NUMBERS = [0, 1, -1, 23, 24, 255, 256, 2**31, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 2**63,
           2**64 - 1, 1.0, -0.0, 0.0, 0.1, 1e15, 2.0**53, 2.0**53 + 2, 9.3e15, -9.9e15, 1e16,
           1.5e16, 1e17, 1e22, 1e-4, 1e-5, 5e-324, 0.5, 65504.0, 1.7976931348623157e308,
           2.2250738585072014e-308, 3.4028234663852886e38, 1 / 3, 100.0]
NAMES = ["name", "lat", "n", "s", "flag", "tags", "list", "é", "e\u0301", "z" * 128, "a.b", "😀",
         "\uffff", "A", "aa", "b"]
COLLECTIONS = ["nodes", "ways", "r é l", "e\u0301"]


def value(random, depth=0):
    choice = random.random()
    if choice < 0.25:
        return random.choice(STRINGS)
    if choice < 0.4:
        return random.choice(NUMBERS)
    if choice < 0.5:
        return random.randint(-(2**63), 2**64 - 1) >> random.randint(0, 63)
    if choice < 0.62:
        return double(random)
    if choice < 0.75:
        return random.choice([None, True, False])
    if depth > 3:
        return "deep"
    if choice < 0.87:
        return [value(random, depth + 1) for _ in range(random.randint(0, 4))]
    return {random.choice(NAMES): value(random, depth + 1) for _ in range(random.randint(0, 4))}


def double(random):
    if random.random() < 0.5:
        return round(random.uniform(-180, 180), random.randint(0, 7))
    while True:
        number = struct.unpack(">d", random.randbytes(8))[0]
        if number - number == 0:
            return number


def fields(random):
    """Some members; `n` is always a number and `s` always a string, so queries can ask them."""
    out = {"n": random.choice([random.randint(0, 50), random.randint(0, 100) / 2]),
           "s": random.choice(STRINGS)}
    for name in random.sample(NAMES, random.randint(0, 4)):
        if name not in out:
            out[name] = value(random)
    return out


class Generator:
    """Makes lines that are legal on a state, and applies each to it."""

    def __init__(self, random, records, collections=COLLECTIONS, prefix="", entries=False):
        self.random, self.entries = random, entries
        self.keys = [(collections[n % len(collections)],
                      prefix + random.choice(["", "é", "/"]) + str(n)) for n in range(records)]

    def line(self, state):
        random = self.random
        collection, identifier = random.choice(self.keys)
        held = state.records.get((collection, identifier))
        # Deleting seldom enough that most records exist most of the time.
        op = random.choice(["create", "create", "put"] if held is None else
                           ["update", "update", "update", "put", "delete"])
        line = {"op": op, "collection": collection, "id": identifier}
        if op in ("create", "put"):
            line["fields"] = fields(random)
        elif op == "update":
            line["set"] = fields(random)
            if random.random() < 0.3:
                del line["set"]["n"]
            unset = [n for n in random.sample(NAMES, 2) if n not in line["set"]]
            if unset and random.random() < 0.5:
                line["unset"] = unset
        if random.random() < 0.3:
            line["actor"] = random.choice(["ann", "bo", "Zoë"])
        if random.random() < 0.2:
            line["at"] = f"2024-0{random.randint(1, 9)}-1{random.randint(0, 9)}T20:12:55Z"
        if self.entries:
            line["entry"] = str(uuid.UUID(int=random.getrandbits(128), version=4))
        state.apply(line)
        return line

    def lines(self, state, count):
        return [self.line(state) for _ in range(count)]


def spelled(random, line):
    """One line of input; members in any order, other characters escaped or not."""
    members = list(line.items())
    random.shuffle(members)
    text = json.dumps(dict(members), ensure_ascii=random.random() < 0.3,
                      separators=random.choice([None, (",", ":")]))
    return text.encode() + b"\n"
