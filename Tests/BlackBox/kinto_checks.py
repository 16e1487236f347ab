"""`kinto`, `kinto_pg`, `kinto_kill`: devices whose records a real Kinto server keeps, beside its own client."""

import os
import subprocess
import time

import histories
import oracle
from kinto_server import AUTHORIZATION, Kinto, Postgres
from tool import equal, require

COLLECTIONS = ("nodes", "ways")


def kinto(ctx):
    with Kinto(ctx.directory, settings="kinto.includes = kinto.plugins.flush\n") as server:
        figures = exchange(ctx, server, rounds=ctx.size(5, 120))
        return figures + restored(ctx, server, lambda: written_again(server))


def kinto_pg(ctx):
    with Kinto(ctx.directory, Postgres()) as server:
        figures = exchange(ctx, server, rounds=ctx.size(4, 120))
        return figures + purged(ctx, server) + restored(ctx, server, lambda: dumped(server))


def kinto_kill(ctx):
    """One device that is killed in most of its syncs, and nobody else: nothing is in conflict."""
    with Kinto(ctx.directory, Postgres() if ctx.full else None) as server:
        server.make("b", *COLLECTIONS)
        one = device(ctx, server, "a", *COLLECTIONS)
        made = histories.Generator(ctx.random, 30, collections=COLLECTIONS)
        made.keys = [(c, f"r{key.strip('é/')}") for c, key in made.keys]
        state, expected = oracle.State(), oracle.State()
        edits, kills, took = 0, 0, 1.0
        for _ in range(ctx.size(12, 500)):
            lines = [tame(line) for line in made.lines(state, ctx.random.randint(1, 20))]
            ctx.tool.append(one, lines)
            for line in lines:
                expected.apply(line)
            edits += len(lines)
            start = time.monotonic()
            child = ctx.tool.start("sync", one, stdout=subprocess.DEVNULL)
            try:
                # At any moment of a sync, as long as those that were let through took.
                child.wait(ctx.random.uniform(0, 1.2 * took))
                took = time.monotonic() - start
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                kills += 1
                # What waits grows meanwhile.
                took = min(1.05 * took, 10)
        ctx.tool.settle(one)
        ctx.tool.verify(one)
        for what, found in (("device", ctx.tool.export(one)), ("server", there(server).export())):
            different = oracle.difference(found, expected.export())
            require(different is None, f"the {what} has not what was written: {different}")
        decided = sum(entry["kind"] == "conflict" for entry in ctx.tool.log(one))
        equal(decided, 0, "decisions about conflicts of one device with itself")
        return f"{edits} edits, {kills} kills"


def device(ctx, server, name, *collections, bucket="b"):
    os.environ["KINTO_AUTH"] = AUTHORIZATION
    directory = ctx.tool.init(ctx.path(name), "--device", name)
    ctx.tool("remote", "add", directory, "kinto", "--kind", "kinto", "--url", server.url,
             "--bucket", bucket, "--auth-env", "KINTO_AUTH",
             *[option for c in collections for option in ("--collection", c)])
    return directory


def exchange(ctx, server, rounds):
    tool, random = ctx.tool, ctx.random
    server.make("b", *COLLECTIONS)
    pair = [device(ctx, server, name, *COLLECTIONS) for name in ("a", "b")]
    made = histories.Generator(random, 40, collections=COLLECTIONS)
    made.keys = [(c, f"r{key.strip('é/')}") for c, key in made.keys]
    edits, cut, foreign = 0, 0, 0
    for _ in range(rounds):
        children = []
        for one in pair:
            state = oracle.State.of_export(tool.export(one))
            lines = [tame(line) for line in made.lines(state, random.randint(1, 30))]
            tool.append(one, lines)
            edits += len(lines)
            children.append(tool.start("sync", one, stdout=subprocess.DEVNULL))
        # Both at once, beside a writer of Kinto's own client.
        for _ in range(random.randint(0, 3)):
            write(server, *random.choice(made.keys), random)
            foreign += 1
        for child in children:
            if random.random() < 0.4:
                time.sleep(random.uniform(0, 0.3))
                child.kill()
                cut += 1
            child.wait()
    tool.settle(*pair)
    agree(ctx, server, pair)
    poisoned(ctx, server, pair)
    anew(ctx, server, pair)
    for one in pair:
        tool.verify(one)
    return f"{edits} edits, {foreign} foreign, {cut} kills"


def write(server, collection, key, random):
    client = server.client(collection=collection)
    if random.random() < 0.4:
        client.delete_record(id=key, if_exists=True)
    else:
        client.update_record(id=key, data={"n": random.randint(0, 9), "s": "foreign"})


def tame(line):
    """What is no decimal of few digits would come back as another number (Kinto) or type (PostgreSQL)."""
    for part in ("fields", "set"):
        if part in line:
            line[part] = {name: plain(value) for name, value in line[part].items()}
    return line


def plain(value):
    if isinstance(value, float):
        return round(round(value % 100, 2) + 0.25, 2)
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


def there(server, bucket="b"):
    state = oracle.State()
    state.records = server.records(*COLLECTIONS, bucket=bucket)
    return state


def agree(ctx, server, pair):
    ctx.tool.compare(*pair)
    found = oracle.difference(ctx.tool.export(pair[0]), there(server).export())
    require(found is None, f"the device and the server differ: {found}")


def poisoned(ctx, server, pair):
    """A text no PostgreSQL stores is set aside, and nothing else is."""
    lines = [{"op": "create", "collection": "nodes", "id": f"n{n}",
              "fields": {"s": "a\0b" if n == 3 else "ab"}} for n in range(8)]
    ctx.tool.append(pair[0], lines)
    ctx.tool.sync(pair[0])
    stats = ctx.tool.stats(pair[0])
    equal((stats["pending"], stats["parked"]), (0, 1), "pending and parked beside a NUL character")
    arrived = {key for _, key in server.records("nodes") if key in {f"n{n}" for n in range(8)}}
    equal(arrived, {f"n{n}" for n in range(8) if n != 3}, "what arrived beside a NUL character")


def anew(ctx, server, pair):
    """A collection that is deleted and made again: what it had is gone here as well."""
    client = server.client()
    client.delete_collection(id="nodes")
    client.create_collection(id="nodes")
    for n in range(3):
        server.client(collection="nodes").create_record(id=f"later{n}", data={"n": n})
    for one in pair:
        ctx.tool("sync", one, "--confirm-deletions")
        shown = {key for (collection, key) in oracle.State.of_export(ctx.tool.export(one)).records
                 if collection == "nodes" and key != "n3"}
        equal(shown, {f"later{n}" for n in range(3)}, "the collection that was made anew")


def written_again(server):
    """A backup of the bucket; what puts it back writes each record with the timestamp it had."""
    collection = server.client("r").get_collection(id="restored")["data"]
    client = server.client("r", "restored")
    records = client.get_records()

    def put_back():
        client.session.request("post", "/__flush__")
        server.client("r").create_bucket()
        server.client("r").create_collection(
            id="restored", data={"last_modified": collection["last_modified"]}, safe=False)
        for record in sorted(records, key=lambda record: record["last_modified"]):
            client.update_record(id=record["id"], data=record, safe=False)
    return put_back


def dumped(server):
    """A backup of the whole database."""
    postgres = server.postgres
    file = f"{postgres.directory}/dump.sql"
    where = ("-h", "127.0.0.1", "-p", str(postgres.port), "-U", "postgres")
    postgres.call("pg_dump", *where, "--clean", "--if-exists", "-f", file, "postgres")
    return lambda: postgres.call("psql", *where, "-q", "-v", "ON_ERROR_STOP=1", "-1", "-f", file,
                                 "postgres")


def restored(ctx, server, back_up):
    """The server goes back to a backup: what waits is delivered, and what it had acknowledged again."""
    pair = [device(ctx, server, name, "restored", bucket="r") for name in ("r1", "r2")]
    server.make("r", "restored")
    client = server.client("r", "restored")
    for n in range(6):
        client.create_record(id=f"r{n}", data={"n": n})
    one, other = pair
    ctx.tool.settle(*pair)
    put_back = back_up()
    ctx.tool.append(one, [{"op": "update", "collection": "restored", "id": "r0", "set": {"n": 10}},
                          {"op": "delete", "collection": "restored", "id": "r1"},
                          {"op": "create", "collection": "restored", "id": "one", "fields": {"n": 1}}])
    client.create_record(id="late", data={"n": 1})
    client.create_record(id="foreign", data={"n": 1})
    ctx.tool.settle(*pair)
    ctx.tool.append(other, [{"op": "update", "collection": "restored", "id": "r0", "set": {"m": 1}}])
    ctx.tool.settle(*pair)
    # Waits while it happens, on both.
    ctx.tool.append(one, [{"op": "create", "collection": "restored", "id": "mine", "fields": {"n": 1}},
                          {"op": "update", "collection": "restored", "id": "r2", "set": {"m": 2}}])
    ctx.tool.append(other, [{"op": "update", "collection": "restored", "id": "r2", "set": {"k": 3}},
                            {"op": "put", "collection": "restored", "id": "late", "fields": {"put": 1}}])
    put_back()
    # What somebody writes first hides that the list's timestamp went back.
    client.create_record(id="first", data={"n": 1})
    ctx.tool.settle(*pair)
    expected = {f"r{n}": {"n": n} for n in range(6) if n != 1} | {
        "r0": {"n": 10, "m": 1}, "r2": {"n": 2, "m": 2, "k": 3}, "one": {"n": 1},
        "mine": {"n": 1}, "late": {"put": 1}, "first": {"n": 1}}
    found = {key: fields for (_, key), fields in server.records("restored", bucket="r").items()}
    equal(found, expected, "the records after a backup was restored")
    for one in pair:
        shown = {key: fields for (_, key), fields in
                 oracle.State.of_export(ctx.tool.export(one)).records.items()}
        equal(shown, expected, "the device's records after a backup was restored")
        ctx.tool.verify(one)
    return ", restored"


def purged(ctx, server):
    """Tombstones are purged before a device has seen them: the list's timestamp goes back."""
    one = device(ctx, server, "c", *COLLECTIONS)
    client = server.client(collection="ways")
    for n in range(6):
        client.update_record(id=f"p{n}", data={"n": n})
    ctx.tool.sync(one)
    client.delete_record(id="p5")
    ctx.tool.sync(one)
    for n in range(3):
        client.delete_record(id=f"p{n}")
    server.call("purge-deleted", "record", "*", "0")
    ctx.tool.sync(one)
    found = oracle.difference(ctx.tool.export(one), there(server).export())
    require(found is None, f"the device and the server differ after a purge: {found}")
    return ", purged"
