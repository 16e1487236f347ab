"""`sealed`: an encrypted journal, its keys by environment, `rekey` ended by SIGKILL."""

import base64
import os
import subprocess
import time

from tool import equal, require, to_ndjson


def new_key(random):
    return base64.b64encode(random.randbytes(32)).decode()


def needles(path, *texts):
    data = path.joinpath("data.mdb").read_bytes()
    return [text for text in texts if text.encode() in data]


def sealed(ctx):
    tool, random = ctx.tool, ctx.random
    saved = dict(os.environ)
    keys = {f"KEY_{number}": new_key(random) for number in range(4)}
    keys["KEY_HEX"] = base64.b64decode(keys["KEY_0"]).hex()
    os.environ.pop("JOURNAL_KEY", None)
    os.environ.update(keys)
    try:
        return run(ctx, tool, random)
    finally:
        os.environ.clear()
        os.environ.update(saved)


def run(ctx, tool, random):
    journal, plain = ctx.directory / "sealed", ctx.directory / "plain"
    tool.init(journal, "--encryption-key-env", "KEY_0")
    tool.init(plain)
    count = ctx.size(3_000, 60_000)
    lines = [{"op": "put", "collection": "notes", "id": f"n{n % 2_000}", "actor": "needle-actor",
              "fields": {"text": f"needle-{n}-" + "x" * random.randrange(200)}}
             for n in range(count)]
    tool.append(plain, lines)
    tool.append(journal, lines, "--key-env", "KEY_0")
    expected = tool.export(plain)
    equal(tool.export(journal, "--key-env", "KEY_HEX"), expected, "the export of both")
    equal(needles(journal, "needle"), [], "contents in the data file")
    equal(needles(plain, "needle"), ["needle"], "contents in the plain data file")
    refuse(tool, journal, plain)

    checkpoint = tool("checkpoint", journal).out
    current, kills = 0, 0
    for _ in range(ctx.size(2, 12)):
        new = (current + 1) % 4
        while True:
            child = tool.start("rekey", journal, "--key-env", f"KEY_{current}",
                               "--new-key-env", f"KEY_{new}")
            time.sleep(random.uniform(0.005, 0.25))
            if child.poll() is not None:
                equal(child.returncode, 0, "rekey's exit")
                break
            child.kill()
            child.wait()
            kills += 1
            both = ("--key-env", f"KEY_{current}", "--key-env", f"KEY_{new}")
            equal(tool.export(journal, *both), expected, "the export after a kill")
            if kills % 3 == 0:
                # Finished, as the message says, by running it again.
                tool("rekey", journal, *both[:2], "--new-key-env", f"KEY_{new}")
                break
        require(tool("verify", journal, "--json", "--key-env", f"KEY_{new}").json()["contents"],
                "verify has the key and does not check contents")
        equal(tool.export(journal, "--key-env", f"KEY_{new}"), expected, "the export under a new key")
        equal(tool("export", journal, "--key-env", f"KEY_{current}", codes=None).code, 2,
              "exit under the old key")
        equal(tool("checkpoint", journal).out, checkpoint, "the checkpoint after rekey")
        current = new
    current = beside(tool, journal, plain, current)
    expected = tool.export(plain)
    equal(tool.export(journal, "--key-env", f"KEY_{current}"), expected, "the export after both")
    tool("rekey", journal, "--key-env", f"KEY_{current}", "--decrypt")
    equal(tool.export(journal), expected, "the export without encryption")
    tool.verify(journal)
    return f"{count} lines, {kills} kills"


def beside(tool, journal, plain, current):
    """A process that has the journal open goes on under a key that another one brought in."""
    new = (current + 1) % 4
    lines = [{"op": "put", "collection": "later", "id": f"l{n}", "fields": {"n": n}}
             for n in range(40)]
    both = ("--key-env", f"KEY_{current}", "--key-env", f"KEY_{new}")
    appenders = [tool.start("append", journal, "-", "--ack", "--batch", 10, *options,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                 for options in (both, both[:2])]
    tool.append(plain, lines)
    for appender in appenders:
        # A batch is acknowledged when the one after it has been read.
        appender.stdin.write(to_ndjson(lines[:21]))
        appender.stdin.flush()
        require(appender.stdout.readline().startswith(b"acked "), "the first batch is not acked")
    tool("rekey", journal, "--key-env", f"KEY_{current}", "--new-key-env", f"KEY_{new}")
    results = []
    for appender in appenders:
        _, err = appender.communicate(to_ndjson(lines[21:]), timeout=120)
        results.append((appender.returncode, b"the right one" in err))
    equal(results, [(0, False), (2, True)], "appenders with both keys, and with the old one")
    return new


def refuse(tool, journal, plain):
    """What is missing or wrong is exit 2 with a message, and changes nothing."""
    line = '{"op":"put","collection":"notes","id":"x","fields":{}}\n'
    before = tool("checkpoint", journal).out
    for options, word in [((), "no key was given"), (("--key-env", "KEY_1"), "right one"),
                          (("--key-env", "NOT_SET"), "not set"), (("--key-env", "PATH"), "no key")]:
        for verb in (["get", journal, "notes", "n1"], ["append", journal], ["export", journal],
                     ["compact", journal], ["rekey", journal, "--new-key-env", "KEY_2"]):
            done = tool(*verb, *options, input=line, codes=(2,))
            require(word in done.err, f"{done.command} {options}: says {done.err}")
    equal(tool("get", plain, "notes", "n1", "--key-env", "KEY_1", codes=None).code, 2,
          "exit with a key nobody needs")
    os.environ["JOURNAL_KEY"] = os.environ["KEY_0"]
    tool("get", plain, "notes", "n1")
    tool("get", journal, "notes", "n1")
    del os.environ["JOURNAL_KEY"]
    report = tool("verify", journal, "--json").json()
    equal((report["ok"], report["contents"]), (True, False), "verify without the key")
    equal(tool("checkpoint", journal).out, before, "the checkpoint after refusals")
