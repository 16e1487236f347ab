"""`queueing`: edits a server refuses are listed, retried and discarded, and hold up nobody."""

import plain
from tool import equal, require


class Refusing(plain.Backend):
    """A backend that does not take some records for now."""

    def __init__(self):
        super().__init__()
        self.refused = set()

    def answer(self, method, names, query, given):
        if method in ("PUT", "PATCH", "DELETE") and names[-1] in self.refused:
            return 422, {"error": "not this one"}
        return super().answer(method, names, query, given)


def queueing(ctx):
    backend = Refusing()
    try:
        return refused(ctx, ctx.tool, backend)
    finally:
        backend.stop()


def refused(ctx, tool, backend):
    device = ctx.path("device")
    tool.init(device)
    tool("remote", "add", device, "plain", "--kind", "rest", "--url", backend.url,
         "--collection", "c", "--version-field", "stamp", "--deleted-field", "gone",
         "--since-parameter", "modified_since", "--creates", "put")
    lines = [{"op": "create", "collection": "c", "id": f"r{n}", "fields": {"n": n}}
             for n in range(1000)]
    tool.append(device, lines)
    backend.refused = {"r0"}
    done = tool.sync(device)
    equal((done["accepted"], done["refused"], done["parked"], done["pending"]),
          (999, 1, 1, 0), "what the sync says")
    equal(len(backend.lines()), 999, "records on the server")

    # Updates of a record that was never made are set aside with it.
    tool("append", device, "-", codes=(64,),
         input='{"op":"update","collection":"c","id":"r0","set":{"n":1}}\n')
    parked = tool("parked", device, "--json").rows()
    equal([(p["record"], p["code"], p["status"]) for p in parked],
          [("r0", "http-422", "parked")], "what is parked")
    require("not this one" in parked[0]["message"], "the server's words are kept")
    sequence = parked[0]["sequence"]
    equal(tool.stats(device)["parked"], 1, "stats count it")
    equal(tool("get", device, "c", "r0", codes=(1,)).code, 1, "it is not shown")

    # Usage: not an edit, not parked, no number, beyond the last one.
    for arguments in ((), ("1",), (str(sequence + 1),), ("x",), ("999999",), ("-1",)):
        tool("retry", device, *arguments, codes=(64,))
    for arguments in ((), ("1",), (str(sequence + 1),), ("x",), ("999999",)):
        tool("discard", device, *arguments, codes=(64,))
    equal(len(tool("parked", device, "--json").rows()), 1, "nothing was decided")

    # Retried in vain, then with success.
    again = tool("retry", device, str(sequence), "--json").json()
    equal(again, {"retried": [sequence]}, "what retry says")
    equal(tool.sync(device)["parked"], 1, "refused once more")
    backend.refused = set()
    tool("retry", device, str(sequence))
    equal(tool.stats(device)["parked"], 0, "nothing is parked")
    tool.sync(device)
    equal(backend.lines()["c", "r0"], {"n": 0}, "it has arrived")

    # Discarded: gone from what is shown, never sent again, still in the log.
    backend.refused = {"bad"}
    tool.append(device, [{"op": "create", "collection": "c", "id": "bad", "fields": {"n": 1}}])
    tool.sync(device)
    sequence = tool("parked", device, "--json").rows()[0]["sequence"]
    given_up = tool("discard", device, str(sequence), "--reason", "a slip", "--json").json()
    equal(given_up, {"discarded": [sequence]}, "what discard says")
    backend.refused = set()
    tool.sync(device)
    require(("c", "bad") not in backend.lines(), "a discarded edit was sent")
    log = tool.log(device)
    equal([e["status"] for e in log if e["sequence"] == sequence], ["discarded"], "its status")
    entry = [e for e in log if e["kind"] == "discarded"][0]
    equal((entry["reason"], entry["entries"]),
          ("a slip", [{"first": sequence, "last": sequence}]), "the entry")
    tool("discard", device, str(sequence), codes=(64,))
    tool.verify(device)
    tool("replay", device)
    return "1,002 edits, 2 refused"
