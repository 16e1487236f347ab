"""`partial`: devices that take some of the records, with filters that change, beside one that takes all."""

import json

from tool import Server, equal, require

TEAMS = ("red", "blue", "green")


def rows(export):
    return {(row["collection"], row["id"]): row["fields"]
            for row in map(json.loads, export.splitlines())}


class Part:
    """What a device is to have, told from the records of one that has all."""

    def __init__(self, teams):
        self.choose(teams)

    def choose(self, teams):
        self.teams = teams

    def of(self, everything):
        return {name: fields for name, fields in everything.items()
                if name[0] != "tasks" or self.teams is None or fields.get("team") in self.teams}

    def options(self):
        if self.teams is None:
            return []
        return ["--filter", f"tasks: team in {json.dumps(list(self.teams))}"]


def partial(ctx):
    tool, random = ctx.tool, ctx.random
    server = Server(tool, ctx.path("server"))
    whole = tool.device(ctx.path("whole"), server.url)
    parts = {}
    for name, teams in (("one", ("red",)), ("two", ("red", "blue")), ("none", ())):
        device, part = ctx.path(name), Part(teams)
        tool("init", device)
        tool("remote", "add", device, "server", "--kind", "journal", "--url", server.url,
             *part.options())
        parts[device] = part
    shown = tool("remote", "list", next(iter(parts)), "--json").json()
    equal(shown["filters"], {"tasks": ['team in ["red"]']}, "the filter that was declared")
    records = [f"t{number}" for number in range(40)]
    tool.append(whole, [{"op": "put", "collection": "tasks", "id": record,
                         "fields": {"team": random.choice(TEAMS), "n": 0}} for record in records]
                + [{"op": "put", "collection": "notes", "id": "n", "fields": {"free": True}}])
    edits, rounds, moved = 0, ctx.size(4, 40), 0
    for turn in range(rounds):
        for device in (whole, *parts):
            have = [key for collection, key in rows(tool.export(device)) if collection == "tasks"]
            lines = []
            for record in random.sample(have, min(len(have), random.randint(0, 4))):
                if random.random() < 0.2:
                    lines.append({"op": "delete", "collection": "tasks", "id": record})
                else:
                    lines.append({"op": "update", "collection": "tasks", "id": record,
                                  "set": {"team": random.choice(TEAMS), device.name: turn}})
            if random.random() < 0.5:
                lines.append({"op": "put", "collection": "tasks", "id": f"{device.name}{turn}",
                              "fields": {"team": random.choice(TEAMS)}})
            tool.append(device, lines)
            edits += len(lines)
        for device, part in parts.items():
            if random.random() < 0.3:
                part.choose(random.choice([None, (), ("red",), ("green", "blue"), TEAMS]))
                tool("remote", "filter", device, "server", *part.options())
                moved += 1
        for device in random.sample([whole, *parts], 4):
            tool.sync(device)
        tool.settle(whole, *parts)
        everything = rows(tool.export(whole))
        for device, part in parts.items():
            equal(rows(tool.export(device)), part.of(everything), f"{device.name}, round {turn}")
    for device in (whole, *parts, server.directory):
        tool.verify(device)
    told = [row for device in parts for row in tool.log(device) if row["kind"] == "remote change"]
    gone = sum(row.get("state") == "withdrawn" for row in told)
    require(gone > 0, "no record was withdrawn")
    tool("remote", "filter", whole, "server", "--filter", "tasks team", codes=(64,))
    tool("remote", "filter", whole, "nobody", codes=(64,))
    server.stop()
    return f"{edits} edits, {moved} filters changed, {gone} records withdrawn"
