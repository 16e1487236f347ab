"""`proofs`: roots recomputed from leaves, checkpoints verified with another library."""

import base64
import hashlib
import subprocess
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

import histories
import oracle
from read_leaves import node, root_of
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


def check_inclusion(proof, rows, sequence):
    """RFC 9162 §2.1.3.2 on whatever the proof calls its list of hashes."""
    lists = [v for v in proof.values() if isinstance(v, list)]
    require(len(lists) == 1 and "size" in proof, f"prove: {sorted(proof)}")
    leaf = next(base64.b64decode(r["hash"]) for r in rows if r["sequence"] == sequence)
    index, last, digest = sequence - 1, proof["size"] - 1, leaf
    for step in map(base64.b64decode, lists[0]):
        require(last > 0, "prove: more hashes than levels")
        if index & 1 or index == last:
            digest = node(step, digest)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            digest = node(digest, step)
        index, last = index >> 1, last >> 1
    equal(last, 0, "prove: levels left over")
    equal(digest, root_at(rows, proof["size"])[1], f"root by the proof of {sequence}")


def check_consistency(proof, rows):
    """RFC 9162 §2.1.4.2, against roots recomputed from the leaves."""
    old, new = proof["from"], proof["size"]
    steps = [base64.b64decode(step) for step in proof["proof"]]
    old_root, new_root = root_at(rows, old)[1], root_at(rows, new)[1]
    if old & (old - 1) == 0:
        steps.insert(0, old_root)
    index, last = old - 1, new - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    first = second = steps.pop(0) if old < new else old_root
    for step in steps if old < new else []:
        require(last > 0, "prove --from: more hashes than levels")
        if index & 1 or index == last:
            first, second = node(step, first), node(step, second)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            second = node(second, step)
        index, last = index >> 1, last >> 1
    require(old == new or last == 0, "prove --from: levels left over")
    equal((first, second), (old_root, new_root), f"roots by the proof from {old}")


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
    for sequence in {1, len(rows), *random.sample(range(1, len(rows) + 1), 10)}:
        check_inclusion(tool("prove", journal, sequence, "--json").json(), rows, sequence)
    for start in {1, len(rows), *random.sample(range(1, len(rows) + 1), 10)}:
        check_consistency(tool("prove", journal, "--from", start, "--json").json(), rows)
    tool("prove", journal, len(rows) + 1, codes=(64,))

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
        tool("verify", journal, "--checkpoint", write(ctx, note), "--key", vkey)
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


def write(ctx, note):
    path = ctx.path("note")
    path.write_text(note)
    return path


def tamper(ctx):
    """Histories the device's owner makes anew, each sound by itself: one note from outside tells."""
    tool, random = ctx.tool, ctx.random
    rounds = ctx.size(2, 20)
    for number in range(rounds):
        young = tool.init(ctx.path(f"young-{number}"))
        tool.append(young, [{"op": "put", "collection": "c", "id": "first", "fields": {}}])
        count = random.randint(3, 40)
        lines = [{"op": "put", "collection": "c", "id": f"k{i % 7}", "fields": {"n": i}}
                 for i in range(count)]
        true = ctx.copy(young, f"true-{number}")
        tool.append(true, lines)
        note, vkey = tool("checkpoint", true).out, tool("key", true).out.strip()
        at = random.randrange(count - 1)
        changed = {
            "altered": lines[:at] + [lines[at] | {"fields": {"n": -1}}] + lines[at + 1:],
            "removed": lines[:at] + lines[at + 1:],
            "inserted": lines[:at] + [lines[at]] + lines[at:],
            "reordered": lines[:at] + [lines[at + 1], lines[at]] + lines[at + 2:],
            "cut": lines[:at],
            "forked": lines[:at] + [line | {"actor": "m"} for line in lines[at:]] + lines,
            "rolled back": [],
        }
        for kind, others in changed.items():
            other = ctx.copy(young, f"{kind}-{number}")
            if others:
                tool.append(other, others)
            tool.verify(other)
            done = tool("verify", other, "--checkpoint", write(ctx, note), "--key", vkey, "--json",
                        codes=(1,))
            require(done.json()["problems"], f"{kind}: exit 1 without a problem")
            # The archive of a changed history tells as well.
            pack = ctx.path(f"{kind}-{number}.pack")
            tool("pack", other, pack)
            tool("verify", pack, "--checkpoint", write(ctx, note), "--key", vkey, codes=(1, 4))
        tool.append(true, lines)
        tool("compact", true)
        tool("verify", true, "--checkpoint", write(ctx, note), "--key", vkey)
        bad_notes(ctx, true, young, note, vkey)
    return f"{rounds} x 7 kinds of tampering, each found by one note"


def bad_notes(ctx, journal, young, note, vkey):
    """Notes that are not what they claim are findings; what is no note or key is misuse."""
    tool = ctx.tool
    size = note.split("\n")[1]
    letter = "E" if note[-3] == "A" else "A"
    for other in (note.replace(f"\n{size}\n", f"\n{int(size) - 1}\n", 1),
                  f"{note[:-3]}{letter}=\n"):
        tool("verify", journal, "--checkpoint", write(ctx, other), "--key", vkey, codes=(1,))
    stranger = tool.init(ctx.path(f"stranger-{ctx.random.random()}"))
    tool("verify", journal, "--checkpoint", write(ctx, note), "--key",
         tool("key", stranger).out.strip(), codes=(1,))
    tool("verify", journal, "--checkpoint", write(ctx, tool("checkpoint", stranger).out), "--key",
         tool("key", stranger).out.strip(), codes=(1,))
    tool("verify", journal, "--checkpoint", write(ctx, note), "--key", "no+key", codes=(64,))
    tool("verify", journal, "--checkpoint", ctx.path("absent"), "--key", vkey, codes=(64,))
    tool("verify", journal, "--key", vkey, codes=(64,))
