"""`proofs`: roots recomputed from leaves, checkpoints verified with another library."""

import base64
import hashlib
import subprocess
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

import histories
import oracle
from read_leaves import root_of
from reading import same_export
from tool import PROJECT, Failure, equal, require


def open_note(note, vkey):
    """(size, root) of a C2SP checkpoint whose signature by `vkey` is good."""
    name, key_id, encoded = vkey.strip().split("+", 2)
    key = base64.b64decode(encoded, validate=True)
    equal((len(key), key[0]), (33, 1), "verifier key: length and algorithm")
    expected = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
    equal(key_id, expected.hex(), "verifier key: key id")
    text, separator, signatures = note.partition("\n\n")
    require(separator, f"note without a blank line: {note!r}")
    text += "\n"
    good = False
    for line in signatures.removesuffix("\n").split("\n"):
        dash, signer, encoded = line.split(" ")
        equal(dash, "—", "signature line starts with")
        signature = base64.b64decode(encoded, validate=True)
        if signer == name and signature[:4] == expected:
            try:
                Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[4:], text.encode())
            except InvalidSignature:
                raise Failure(f"bad signature on {note!r}")
            good = True
    require(good, f"no signature by {vkey.strip()!r} on {note!r}")
    origin, size, root, *extensions = text.removesuffix("\n").split("\n")
    require(origin and str(int(size)) == size, f"checkpoint text {text!r}")
    return int(size), base64.b64decode(root, validate=True)


def checked_root(ctx, journal):
    """(size, root) of the journal's checkpoint, after comparing it with its leaves."""
    size, root = open_note(ctx.tool("checkpoint", journal).out, ctx.tool("key", journal).out)
    rows = ctx.tool("leaves", journal, "--json").rows()
    equal(root_at(rows, size), (size, root), "root recomputed from leaves, signed root")
    report = ctx.tool.verify(journal)
    held, whole = root_at(rows, report["size"])
    equal(base64.b64decode(report["root"]), whole, f"root of verify at size {held}")
    return size, root


def root_at(rows, size=None):
    try:
        return root_of(rows, size)
    except ValueError as error:
        raise Failure(f"leaves: {error}")


def proofs(ctx):
    tool, random = ctx.tool, ctx.random
    journal = tool.init(ctx.path("journal"), "--local")
    made, state = histories.Generator(random, 100), oracle.State()
    roots = {}
    for _ in range(ctx.size(8, 40)):
        tool.append(journal, made.lines(state, random.randint(1, ctx.size(100, 1500))))
        size, root = checked_root(ctx, journal)
        equal(roots.setdefault(size, root), root, f"the same size {size} twice")
    rows = tool("leaves", journal, "--json").rows()
    for size, root in roots.items():
        equal(root_at(rows, size)[1], root, f"earlier root of size {size}")
    first = random.randint(2, len(rows))
    equal(tool("leaves", journal, "--json", "--from", first).rows(), rows[first - 1:],
          "leaves --from")

    vkey = tool("key", journal).out.strip()
    note = tool("checkpoint", journal).out
    before, verified = tool.export(journal), tool.verify(journal)
    report = tool("compact", journal, "--json").json()
    require(report["trimmed"] > 0, "compact of a local journal trimmed nothing")
    same_export(tool.export(journal), before, "export after compact")
    trimmed_rows = tool("leaves", journal, "--json").rows()
    require(any("count" in row for row in trimmed_rows), "no gap rows after compact")
    equal((report["size"], report["root"]), (verified["size"], verified["root"]),
          "size and root that compact names, that verify named before")
    equal(root_at(trimmed_rows, report["size"])[1], base64.b64decode(report["root"]),
          "root of the size before compact, recomputed after it")
    checked_root(ctx, journal)
    still = [size for size in roots if computable(trimmed_rows, size)]
    for size in still:
        equal(root_of(trimmed_rows, size)[1], roots[size], f"root of size {size} after compact")
    size, root = open_note(note, vkey)
    if computable(trimmed_rows, size):
        equal(root_of(trimmed_rows, size)[1], root, "signed root, after compact")
    tool.append(journal, made.lines(state, 50))
    size, root = checked_root(ctx, journal)
    script = PROJECT / "Tests/BlackBox/read_leaves.py"
    done = subprocess.run([sys.executable, script, str(size)], capture_output=True, text=True,
                          input=tool("leaves", journal, "--json").out)
    equal(done.stdout, f"{size} {base64.b64encode(root).decode()}\n", "read_leaves.py prints")
    return (f"{len(roots)} signed roots, {report['trimmed']} entries trimmed, "
            f"{len(still)} earlier roots still computable")


def computable(rows, size):
    """Sizes that end inside a gap have no root any more."""
    try:
        return root_of(rows, size)[0] == size
    except ValueError:
        return False
