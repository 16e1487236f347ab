"""The independent fold: what a journal must show, computed from `append` lines with a dict."""

import json
import re

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?')


def canonical(value):
    """JSON text: keys sorted by bytes (Python's code point order is UTF-8's), no spaces."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"),
                      allow_nan=False)


def digits(number):
    """Significant digits of a decimal number's text."""
    return re.split("[eE]", number)[0].lstrip("-").replace(".", "").strip("0") or "0"


def normal(line):
    """The line with doubles spelled as Python does (`1e16`, `1e+16`), if theirs is shortest too.

    A double that is not shortest, or an integer, stays as it is, so that a difference shows.
    """

    def spell(match):
        token = match.group()
        idle_zero = re.search(r"\.\d+0(?!\d)", token)
        if token[0] == '"' or not re.search("[.eE]", token) or idle_zero:
            return token
        ours = repr(float(token))
        return ours if digits(ours) == digits(token) else token

    return TOKEN.sub(spell, line)


def difference(actual, expected):
    """The first line in which two exports differ, or None."""
    if actual == expected:
        return None
    ours, theirs = expected.split("\n"), actual.split("\n")
    for number, (want, got) in enumerate(zip(ours, theirs), 1):
        if want != got and want != normal(got):
            return f"line {number}: expected {want[:300]!r}, got {got[:300]!r}"
    if len(ours) != len(theirs):
        return f"expected {len(ours) - 1} lines, got {len(theirs) - 1}"
    return None


class State:
    """Visible records after some changes. The fold's table, also for what is not legal locally."""

    def __init__(self, lines=()):
        self.records = {}
        for line in lines:
            self.apply(line)

    def copy(self):
        other = State()
        other.records = dict(self.records)
        return other

    @staticmethod
    def of_export(text):
        state = State()
        for line in text.split("\n"):
            if line:
                row = json.loads(line)
                state.records[row["collection"], row["id"]] = row["fields"]
        return state

    def apply(self, line):
        key = (line["collection"], line["id"])
        held = self.records.get(key)
        match line["op"]:
            case "put":
                self.records[key] = line["fields"]
            case "create":
                self.records[key] = line["fields"] if held is None else held | line["fields"]
            case "update" if held is not None:
                changed = held | line.get("set", {})
                for name in line.get("unset", ()):
                    changed.pop(name, None)
                self.records[key] = changed
            case "delete":
                self.records.pop(key, None)

    def rows(self, collection=None):
        """(collection, id, fields) in export's order."""
        keys = sorted(self.records, key=lambda key: (key[0].encode(), key[1].encode()))
        return [(c, i, self.records[c, i]) for c, i in keys if collection in (None, c)]

    def export(self, collection=None):
        return "".join(canonical({"collection": c, "fields": f, "id": i}) + "\n"
                       for c, i, f in self.rows(collection))

    def changed_by(self, other):
        return sorted(k for k in self.records.keys() | other.records.keys()
                      if self.records.get(k) != other.records.get(k))


KINDS = {"number": (int, float), "string": str, "array": list, "object": dict}


def kind(value):
    if value is None or isinstance(value, bool):
        return "null" if value is None else "bool"
    return next(name for name, types in KINDS.items() if isinstance(value, types))


def same(left, right):
    """Equality of the query language: 1 = 1.0, but true is not 1."""
    if kind(left) != kind(right):
        return False
    match kind(left):
        case "array":
            return len(left) == len(right) and all(map(same, left, right))
        case "object":
            return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
        case _:
            return left == right


def holds(fields, name, operator, value):
    """Does one `--where` hold? Only pairs of types that the command's page defines are asked."""
    if name not in fields:
        return operator == "!="
    field = fields[name]
    match operator:
        case "=":
            return same(field, value)
        case "!=":
            return not same(field, value)
        case "in":
            return any(same(field, element) for element in value)
        case "contains" if isinstance(field, str):
            return isinstance(value, str) and value in field
        case "contains":
            return isinstance(field, list) and any(same(element, value) for element in field)
    if kind(field) != kind(value) or kind(field) not in ("number", "string"):
        return False
    if isinstance(field, str):
        field, value = field.encode(), value.encode()
    return {"<": field < value, "<=": field <= value, ">": field > value,
            ">=": field >= value}[operator]


def sort_key(fields, name):
    """missing < null < false < true < numbers < strings; arrays and objects are not asked."""
    if name not in fields:
        return (0,)
    value = fields[name]
    match kind(value):
        case "null":
            return (1,)
        case "bool":
            return (3,) if value else (2,)
        case "number":
            return (4, value)
        case "string":
            return (5, value.encode())
    raise ValueError(f"no order for {value!r}")


def query(state, collection, wheres, sort=None, offset=0, limit=None):
    """Rows (id, fields) that the query must answer; `sort` is (field, descending)."""
    rows = [(i, f) for _, i, f in state.rows(collection) if all(holds(f, *w) for w in wheres)]
    if sort:
        # Python's sort is stable in both directions: ties stay in the order of their ids.
        rows.sort(key=lambda row: sort_key(row[1], sort[0]), reverse=sort[1])
    return rows[offset:None if limit is None else offset + limit]
