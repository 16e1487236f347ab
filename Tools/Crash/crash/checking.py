"""The processes that open, verify and continue journals with the real library."""

import collections
import json
import os
import re
import select
import subprocess

from world import Failure

OUTSTANDING = 4
SECONDS = 60

# Doubles from 2^53 to 10^16, which Python writes without an exponent and Swift with one.
BETWEEN = re.compile(r'"(?:[^"\\]|\\.)*"|(?<![\d.])(\d)(\d{15})\.0(?!\d)')


def spelled(text):
    """An export with its numbers as the library writes them."""

    def exponent(match):
        token = match.group()
        if token[0] == '"' or int(match[1] + match[2]) <= 2**53:
            return token
        digits = match[2].rstrip("0")
        return f"{match[1]}{'.' if digits else ''}{digits}e+15"

    return BETWEEN.sub(exponent, text)


def digest(text):
    """FNV-1a of an export, as the checker computes it."""
    value = 0xCBF29CE484222325
    for byte in spelled(text).encode():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:x}"


class Checker:
    def __init__(self, binary, environment):
        self.binary, self.environment = str(binary), environment
        self.waiting = collections.deque()  # (line, what to do with the answer)
        self.restarts = 0
        self.start()

    def start(self):
        self.child = subprocess.Popen([self.binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, env=self.environment)
        self.buffer = b""

    def ask(self, directory, receive, thorough=False):
        line = f"{'!' if thorough else ''}{directory}\n".encode()
        self.waiting.append((line, receive))
        self.send(line)

    def send(self, line):
        try:
            self.child.stdin.write(line)
            self.child.stdin.flush()
        except BrokenPipeError:
            pass  # the death shows when the answer is read

    def take(self):
        """Waits for the oldest answer and hands it on."""
        line, receive = self.waiting.popleft()
        text, reason = self.read_line()
        if text:
            return receive(json.loads(text))
        self.child.kill()
        _, errors = self.child.communicate()
        self.restarts += 1
        self.start()
        for again, _ in self.waiting:
            self.send(again)
        receive({"ok": False, "step": "run",
                 "error": f"{reason}: exit {self.child.returncode} {errors.decode()[-600:]}"})

    def read_line(self):
        while b"\n" not in self.buffer:
            ready, _, _ = select.select([self.child.stdout], [], [], SECONDS)
            if not ready:
                return None, "the library hangs"
            part = os.read(self.child.stdout.fileno(), 1 << 16)
            if not part:
                return None, "the process died"
            self.buffer += part
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line, None

    def close(self):
        while self.waiting:
            self.take()
        self.child.stdin.close()
        self.child.wait()
        self.child.stdout.close()
        self.child.stderr.close()


class Pool:
    """`boots`: the machine was started again since whatever happened."""

    def __init__(self, tools, boots=False):
        environment = dict(os.environ)
        if boots:
            boot = tools.build / "boot-id"
            boot.write_text("00000000-0000-4000-8000-000000000000\n")
            environment |= {"LD_PRELOAD": tools.shim, "CRASH_BOOT_ID": str(boot)}
        self.checkers = [Checker(tools.checker, environment) for _ in range(tools.workers)]

    def ask(self, directory, receive, thorough=False):
        checker = min(self.checkers, key=lambda checker: len(checker.waiting))
        while len(checker.waiting) >= OUTSTANDING:
            checker.take()
        checker.ask(directory, receive, thorough)

    def check(self, directory, thorough=True):
        """One directory, at once."""
        checker, answers = self.checkers[0], []
        checker.ask(directory, answers.append, thorough)
        while not answers:
            checker.take()
        return answers[0]

    def drain(self):
        for checker in self.checkers:
            while checker.waiting:
                checker.take()

    def close(self):
        for checker in self.checkers:
            checker.close()


def demand(answer, what):
    if not answer.get("ok"):
        raise Failure(f"{what}: {answer.get('step')}: {answer.get('error')}")
