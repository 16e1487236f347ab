"""`conformance`: the suite for remotes, asked of a real Kinto and of `journal serve` over HTTP."""

import os
import pathlib
import subprocess

from kinto_server import AUTHORIZATION, Kinto
from tool import Server, require, shorten

# One for each subject: a case takes one or two.
ACCOUNTS = 200


def conformance(ctx):
    """The suite is in the project's tests, which are built beside the command."""
    program = pathlib.Path(ctx.tool.binary).parent / "swift-sync-journalPackageTests.xctest"
    require(program.is_file(), f"no {program}: build the tests beside the command, by "
            "`swift build --build-tests`")
    tokens = ctx.path("tokens")
    tokens.write_text("".join(f"account-{n} token-{n}\n" for n in range(1, ACCOUNTS + 1)))
    server = Server(ctx.tool, ctx.path("server"), "--tokens", tokens)
    with Kinto(ctx.directory) as kinto:
        done = subprocess.run(
            [program, "--testing-library", "swift-testing", "--filter",
             "The conformance suite over HTTP"],
            env=dict(os.environ, JOURNAL_KINTO_URL=kinto.url, JOURNAL_KINTO_AUTH=AUTHORIZATION,
                     JOURNAL_SERVER_URL=server.url), capture_output=True, text=True, timeout=300)
    said = done.stdout + done.stderr
    require(done.returncode == 0, f"exit {done.returncode}: {shorten(said[-3000:], 3200)}")
    for name in ("in a Kinto server", "in our own server"):
        require(f"finds nothing {name}` passed" in said.replace("()", "").replace('"', "`"),
                f"the suite did not run {name}: {shorten(said[-1500:], 1600)}")
    server.stop()
    return "Kinto, journal serve"
