"""`kill` and `kill2`: `append --ack` ended by SIGKILL at random moments."""

import subprocess
import threading
import time

import histories
import oracle
from reading import check_entry, same_export
from tool import equal, require, to_ndjson


class Appender:
    """One `append --ack` process, fed through a pipe that stays open."""

    def __init__(self, ctx, journal, lines, batch, close=False):
        self.lines, self.data, self.close = lines, to_ndjson(lines), close
        self.child = ctx.tool.start("append", journal, "-", "--ack", "--batch", batch,
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE)
        self.output = b""
        self.first = threading.Event()
        self.threads = [threading.Thread(target=work, daemon=True)
                        for work in (self.feed, self.read)]
        for thread in self.threads:
            thread.start()

    def feed(self):
        try:
            self.child.stdin.write(self.data)
            self.child.stdin.flush()
            if self.close:
                self.child.stdin.close()
        except BrokenPipeError:
            pass

    def read(self):
        while chunk := self.child.stdout.read1(65536):
            self.output += chunk
            if b"\n" in self.output:
                self.first.set()
        self.first.set()

    def kill_after(self, random):
        """Sleeps a random moment, often counted from the first answer, and kills."""
        if random.random() < 0.6:
            self.first.wait(30)
            time.sleep(random.uniform(0, 0.08))
        else:
            time.sleep(random.uniform(0, 0.15))
        early = self.child.poll()
        require(early is None, f"append ended before it was killed: exit {early}")
        self.child.kill()
        self.finish()

    def finish(self):
        code = self.child.wait(120)
        for thread in self.threads:
            thread.join(30)
        for pipe in (self.child.stdin, self.child.stdout, self.child.stderr):
            try:
                pipe.close()
            except BrokenPipeError:
                pass
        return code

    def acked(self):
        """Sequences acknowledged on whole lines."""
        answers = []
        for line in self.output.decode().split("\n")[:-1]:
            word, number = line.split(" ")
            equal(word, "acked", "append --ack prints")
            answers.append(int(number))
        require(answers == sorted(set(answers)), f"acknowledged sequences do not rise: {answers}")
        return answers


def kill(ctx):
    tool, random = ctx.tool, ctx.random
    rounds = ctx.size(15, 200)
    journal = tool.init(ctx.path("journal"))
    made = histories.Generator(random, 300)
    state, last, acked_rounds = oracle.State(), 1, 0
    for number in range(rounds):
        lines = made.lines(state.copy(), 2000)
        appender = Appender(ctx, journal, lines, batch=random.choice([1, 7, 50, 200]))
        appender.kill_after(random)
        acked = appender.acked()
        acked_rounds += bool(acked)
        now = tool.stats(journal)["lastSequence"]
        require(now >= max(acked, default=last),
                f"round {number}: acked {max(acked, default=0)}, lastSequence {now}")
        added = tool.log(journal, "--from", last + 1)
        equal([e["sequence"] for e in added], list(range(last + 1, now + 1)),
              f"round {number}: new sequences")
        for entry, line in zip(added, lines):
            check_entry(entry, line)
            state.apply(line)
        last = now
        same_export(tool.export(journal), state.export(), f"round {number}: export")
        tool.verify(journal)
    equal([e["sequence"] for e in tool.log(journal)], list(range(1, last + 1)), "all sequences")
    return f"{rounds} kills, {acked_rounds} after an answer, {last:,} entries kept"


def kill2(ctx):
    tool, random = ctx.tool, ctx.random
    rounds = ctx.size(10, 200)
    journal = tool.init(ctx.path("journal"))
    made = [histories.Generator(random, 150, prefix=f"{side}-", entries=True) for side in "ab"]
    states, last, both = [oracle.State(), oracle.State()], 1, 0
    for number in range(rounds):
        where = f"round {number}"
        # Now and then one of the two is left to end by itself, beside the other's kill.
        spared = random.choice([None, None, 0, 1])
        lines = [m.lines(s.copy(), 300 if spared == side else 1500)
                 for side, (m, s) in enumerate(zip(made, states))]
        appenders = [Appender(ctx, journal, mine, random.choice([5, 50, 200]), spared == side)
                     for side, mine in enumerate(lines)]
        order = random.sample([0, 1], 2)
        for side in order:
            if side != spared:
                appenders[side].kill_after(random)
        if spared is not None:
            equal(appenders[spared].finish(), 0, f"{where}: exit of the append that was not killed")
        now = tool.stats(journal)["lastSequence"]
        added = tool.log(journal, "--from", last + 1)
        equal([e["sequence"] for e in added], list(range(last + 1, now + 1)),
              f"{where}: new sequences")
        owner = {line["entry"]: side for side in (0, 1) for line in lines[side]}
        position = [0, 0]
        for entry in added:
            side = owner.get(entry["entry"])
            require(side is not None, f"{where}: entry {entry['sequence']} is nobody's")
            # Each process's entries are a prefix of its lines, in their order.
            line = lines[side][position[side]]
            check_entry(entry, line)
            states[side].apply(line)
            position[side] += 1
        both += all(position)
        for side, appender in enumerate(appenders):
            for sequence in appender.acked():
                require(last < sequence <= now, f"{where}: acked {sequence}, lastSequence {now}")
                equal(owner[added[sequence - last - 1]["entry"]], side,
                      f"{where}: the process whose entry is {sequence}")
        if spared is not None:
            equal(position[spared], len(lines[spared]), f"{where}: lines of the one not killed")
        last = now
        merged = oracle.State()
        merged.records = states[0].records | states[1].records
        same_export(tool.export(journal), merged.export(), f"{where}: export")
        tool.verify(journal)
    return f"{rounds} rounds, {both} with entries of both, {last:,} entries kept"
