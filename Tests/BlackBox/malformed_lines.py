"""Lines that `append` must refuse, by the reasons that the command's page lists."""

import json

MIB = 1 << 20


def put(identifier, fields=None, **more):
    return {"op": "put", "collection": "notes", "id": identifier, "fields": fields or {}, **more}


def raw(fields, identifier="x"):
    """A put whose fields are given as text."""
    return '{"op":"put","collection":"notes","id":"%s","fields":%s}' % (identifier, fields)


def nested(depth, opening='{"a":', closing="}", core="1"):
    return opening * depth + core + closing * depth


BROKEN = {
    "no JSON": "hello", "cut short": '{"op":"put"', "an array": "[]", "a string": '"put"',
    "a number": "7", "null": "null", "empty object": "{}", "two values": raw("{}") + " {}",
    "single quotes": "{'op':'put'}", "trailing comma": raw('{"a":1,}'),
    "comment": raw("{}") + " // x",
    "NaN": raw('{"a":NaN}'), "Infinity": raw('{"a":Infinity}'), "leading zero": raw('{"a":01}'),
    "plus sign": raw('{"a":+1}'), "bare point": raw('{"a":1.}'), "bare fraction": raw('{"a":.5}'),
    "hex": raw('{"a":0x10}'), "bare exponent": raw('{"a":1e}'), "bad literal": raw('{"a":True}'),
    "control character": raw('{"a":"\x01"}'), "tab in a string": raw('{"a":"\t"}'),
    "bad escape": raw('{"a":"\\x41"}'), "short escape": raw('{"a":"\\u12"}'),
    "lone surrogate": raw('{"a":"\\ud800"}'), "lone low surrogate": raw('{"a":"\\udc00x"}'),
    "swapped surrogates": raw('{"a":"\\ude00\\ud83d"}'),
    "integer too large": raw('{"a":18446744073709551616}'),
    "integer too small": raw('{"a":-9223372036854775809}'),
    "double too large": raw('{"a":1e999}'), "endless integer": raw('{"a":%s}' % ("9" * 5000)),
    "not UTF-8": raw('{"a":"\udcff"}'), "cut UTF-8": raw('{"a":"\udce2\udc82"}'),
    "overlong UTF-8": raw('{"a":"\udcc0\udcaf"}'),
    "UTF-8 surrogate": raw('{"a":"\udced\udca0\udc80"}'),
    "byte order mark": "\ufeff" + raw("{}"), "NUL": "\0",
}

MEMBERS = {
    "unknown member": put("x") | {"colour": 1}, "put with set": put("x") | {"set": {}},
    "unknown op": put("x") | {"op": "upsert"}, "op in capitals": put("x") | {"op": "PUT"},
    "no op": {"collection": "notes", "id": "x", "fields": {}},
    "no collection": {"op": "put", "id": "x", "fields": {}},
    "put without id": {"op": "put", "collection": "notes", "fields": {}},
    "update without id": {"op": "update", "collection": "notes", "set": {"a": 1}},
    "delete without id": {"op": "delete", "collection": "notes"},
    "put without fields": {"op": "put", "collection": "notes", "id": "x"},
    "create without fields": {"op": "create", "collection": "notes", "id": "x"},
}

WRONG_TYPES = {
    f"{name} is {json.dumps(value)}": put("x") | {name: value}
    for name, values in {
        "op": [1, None, ["put"]], "collection": [1, None, {}], "id": [65843, None, ["x"], True],
        "fields": [None, [], "x", 1], "actor": [1, {}, None],
        "at": [0, "yesterday", "2024-02-30T00:00:00Z", "2024-01-01", "2024-01-01T25:00:00Z"],
        "entry": [1, "", "x", "65843", "123e4567-e89b-12d3-a456-42661417400",
                  "g23e4567-e89b-12d3-a456-426614174000"],
    }.items() for value in values
} | {
    f"{name} is {json.dumps(value)}":
        {"op": "update", "collection": "notes", "id": "kept", name: value}
    for name, values in {"set": [None, [], "x"], "unset": ["a", {}, [1], [None], None]}.items()
    for value in values
}

DUPLICATES = {
    "duplicate op": '{"op":"put",' + raw("{}")[1:],
    "duplicate id": raw("{}")[:-1] + ',"id":"y"}',
    "duplicate field": raw('{"a":1,"a":1}'),
    "duplicate field, escaped": raw('{"a":1,"\\u0061":2}'),
    "duplicate field, deep": raw('{"a":[{"b":{"c":1,"d":2,"c":3}}]}'),
    "duplicate set": '{"op":"update","collection":"notes","id":"kept","set":{"a":1},"set":{"b":1}}',
}

DEPTHS = {
    "objects 33 deep": raw(nested(33)),
    "arrays 33 deep": raw('{"a":%s}' % nested(32, "[", "]")),
    "arrays 100,000 deep": raw('{"a":%s}' % nested(100_000, "[", "]")),
    "brackets that never close": '{"op":"put","fields":' + "[" * 200_000,
    "objects that never close": '{"a":' * 200_000,
}

LIMITS = {
    "empty id": put(""), "id of 129 bytes": put("x" * 129), "id of 65 × 2 bytes": put("é" * 65),
    "empty collection": put("x") | {"collection": ""},
    "collection of 129 bytes": put("x") | {"collection": "c" * 129},
    "empty field name": put("x", {"": 1}), "field name of 129 bytes": put("x", {"n" * 129: 1}),
    "field name of 65 × 2 bytes": put("x", {"é" * 65: 1}),
    "entry over 1 MiB": put("x", {"a": "a" * MIB}),
    "entry over 1 MiB in pieces": put("x", {f"f{n}": "a" * 1000 for n in range(1100)}),
    "record over 1 MiB - 16 KiB": put("x", {"a": "a" * (MIB - 8192)}),
    "line of 20 MiB": put("x", {"a": "a" * 20 * MIB}),
}

STATES = {
    "create of an existing record": put("kept") | {"op": "create"},
    "create of one made in this batch": put("earlier") | {"op": "create"},
    "update of a missing record":
        {"op": "update", "collection": "notes", "id": "none", "set": {"a": 1}},
    "update in another collection":
        {"op": "update", "collection": "no", "id": "kept", "set": {"a": 1}},
    "delete of a missing record": {"op": "delete", "collection": "notes", "id": "none"},
    "é is not e + accent": {"op": "delete", "collection": "notes", "id": "cafe\u0301"},
    "a field in set and unset": {"op": "update", "collection": "notes", "id": "kept",
                                 "set": {"a": 1, "b": 2}, "unset": ["c", "a"]},
}

# These are fine, and close to what is not.
LEGAL = {
    "objects 32 deep": raw(nested(32), "deep"),
    "arrays 31 below the fields": raw('{"a":%s}' % nested(31, "[", "]"), "arrays"),
    "id of 128 bytes": put("x" * 128), "id of 64 × 2 bytes": put("é" * 64),
    "field name of 128 bytes": put("name", {"n" * 128: None}),
    "the integers' ends": raw('{"a":18446744073709551615,"b":-9223372036854775808,"c":0}', "ends"),
    "minus zero as integer": raw('{"a":-0}', "zero"),
    "surrogate pair": raw('{"a":"\\ud83d\\ude00"}', "pair"),
    "escapes": raw('{"a":"\\u0000\\/\\b\\f\\n\\r\\t\\"\\\\"}', "escapes"),
    "spaces": " \t" + raw(' { "a" : [ 1 , 2 ] } ', "spaces") + " \r",
    "unset of an absent field":
        {"op": "update", "collection": "notes", "id": "kept", "unset": ["zz"]},
    "an update that changes nothing":
        {"op": "update", "collection": "notes", "id": "kept", "set": {}},
    "900 KiB": put("large", {"a": "a" * 900 * 1024}),
}

REFUSED = BROKEN | MEMBERS | WRONG_TYPES | DUPLICATES | DEPTHS | LIMITS | STATES


def line_bytes(line):
    """Input bytes of a line given as dict or text; lone surrogates stand for bad bytes."""
    text = line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)
    return text.encode("utf-8", "surrogateescape") + b"\n"
