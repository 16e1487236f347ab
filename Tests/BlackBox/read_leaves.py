#!/usr/bin/env python3
"""A stranger's check: `journal leaves DIR --json | read_leaves.py [SIZE]` prints size and root.

Nothing but SHA-256 and RFC 6962: a row with `leaf` is one entry, a row with `count` is the perfect
subtree that stands for 2^k trimmed entries. Compare with the second and third line of
`journal checkpoint DIR`. SIZE asks for the root that the journal had at that size.
"""

import base64
import hashlib
import json
import sys


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(rows, size=None):
    """(size, root) over the rows; raises ValueError where the rows do not make a tree."""
    stack, next_sequence = [], 1                    # stack of (leaves, hash), larger ones first
    for row in rows:
        if size is not None and next_sequence > size:
            break
        count, digest = row.get("count", 1), base64.b64decode(row["hash"], validate=True)
        if row["sequence"] != next_sequence:
            raise ValueError(f"row {row['sequence']} where {next_sequence} belongs")
        if "leaf" in row:
            leaf = base64.b64decode(row["leaf"], validate=True)
            if hashlib.sha256(b"\x00" + leaf).digest() != digest:
                raise ValueError(f"hash of sequence {next_sequence} is not its leaf's")
        elif count & (count - 1) or (next_sequence - 1) % count:
            raise ValueError(f"gap at {next_sequence} is no aligned subtree of {count}")
        next_sequence += count
        while stack and stack[-1][0] == count:      # two equal trees make one
            _, left = stack.pop()
            count, digest = count * 2, node(left, digest)
        stack.append((count, digest))
    if size not in (None, next_sequence - 1):
        raise ValueError(f"size {size} lies inside a gap or beyond the last row")
    root = stack.pop()[1] if stack else hashlib.sha256(b"").digest()
    while stack:
        root = node(stack.pop()[1], root)
    return next_sequence - 1, root


if __name__ == "__main__":
    asked = int(sys.argv[1]) if len(sys.argv) > 1 else None
    try:
        held = [json.loads(line) for line in sys.stdin.read().split("\n") if line]
        length, result = root_of(held, asked)
    except (ValueError, KeyError, TypeError) as error:
        sys.exit(f"not a sound list of leaves: {error}")
    print(length, base64.b64encode(result).decode())
