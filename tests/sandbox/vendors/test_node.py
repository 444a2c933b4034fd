"""The vendor's library for Node, ``@sinch/voice``, unchanged but for the host."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sinch_voice_async.sandbox import Sandbox

PROGRAM = Path(__file__).with_name("every_operation.js")
NODE = shutil.which("node")
MODULES = os.environ.get("SINCH_NODE_MODULES", "")

if NODE is None or not (Path(MODULES) / "@sinch" / "voice").is_dir():
    pytest.skip(
        "the vendor's library is not installed: `nox -s vendors` brings it, where there are node and npm",
        allow_module_level=True,
    )


@pytest.fixture(scope="module")
def answers() -> list[list[Any]]:
    """What the library gave for each operation, in a sandbox in which nobody hangs up by themselves."""
    with Sandbox(speed=0).serve() as sandbox:
        account = sandbox.account
        run = subprocess.run(
            [str(NODE), str(PROGRAM), sandbox.url, account.application_key, account.application_secret],
            env={**os.environ, "NODE_PATH": MODULES},
            capture_output=True,
            timeout=60,
            check=False,
        )
    assert run.returncode == 0, run.stderr.decode() + run.stdout.decode()
    # Of the call that there is none of, it writes to its log.
    return [*json.loads(run.stdout.decode().splitlines()[-1])]


def given(answers: list[list[Any]], operation: str) -> Any:
    """Return the answer to an operation's last use."""
    return dict(answers)[operation]


def test_every_operation_succeeds(answers: list[list[Any]]) -> None:
    """Callouts, calls, conferences and numbers; nothing but the unknown call fails."""
    assert given(answers, "get")["status"] == "ONGOING"
    assert (given(answers, "final")["status"], given(answers, "final")["reason"]) == ("FINAL", "MANAGERHANGUP")
    assert given(answers, "nope") == 404
    assert given(answers, "query")["number"]["normalizedNumber"] == "+46730170101"


def test_its_conference_is_the_sandboxs(answers: list[list[Any]]) -> None:
    """Two callouts and a custom one are in it, the first muted and held, then kicked; its name needs encoding."""
    first, custom, second = (given(answers, each)["callId"] for each in ("conference", "custom", "call"))
    there = [(each["id"], each["muted"], each["onhold"]) for each in given(answers, "participants")["participants"]]
    assert there == [(first, True, True), (custom, False, False), (second, False, False)]
    assert [each["id"] for each in given(answers, "left")["participants"]] == [custom, second]


def test_its_application_is_the_sandboxs(answers: list[list[Any]]) -> None:
    """One number of two is still assigned, and both callback URLs are read as they were set."""
    assigned = {each["number"]: "applicationkey" in each for each in given(answers, "numbers")["numbers"]}
    assert assigned == {"+14151112223333": True, "+14151112223334": False}
    assert given(answers, "urls") == {"url": {"primary": "https://one.example", "fallback": "https://two.example"}}
