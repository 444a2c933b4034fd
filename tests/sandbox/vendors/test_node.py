"""The vendor's library for Node, ``@sinch/voice``, unchanged but for the host."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sinch_voice_async.sandbox import Sandbox
from tests.sandbox.applications import served
from tests.sandbox.exchange.scripts import place

HERE = Path(__file__).parent
NODE = shutil.which("node")
MODULES = os.environ.get("SINCH_NODE_MODULES", "")
ANSWERS: dict[str, Any] = {
    "ice": {"action": {"name": "connectPstn", "number": "+46700000001", "cli": "+46700000000"}},
    "ace": {
        "instructions": [{"name": "startRecording", "options": {"destinationUrl": "s3://bucket/"}}],
        "action": {"name": "runMenu", "menus": [{"id": "main", "options": [{"dtmf": "1", "action": "return(yes)"}]}]},
    },
    "pie": {"action": {"name": "hangup"}},
}

if NODE is None or not (Path(MODULES) / "@sinch" / "voice").is_dir():
    pytest.skip(
        "the vendor's library is not installed: `nox -s vendors` brings it, where there are node and npm",
        allow_module_level=True,
    )


def ran(program: str, *arguments: str, told: object = None) -> list[list[Any]]:
    """Run one of the programs beside this file, and return what it printed."""
    run = subprocess.run(
        [str(NODE), str(HERE / program), *arguments],
        env={**os.environ, "NODE_PATH": MODULES},
        input=json.dumps(told).encode(),
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr.decode() + run.stdout.decode()
    # Of the call that there is none of, the library writes to its log.
    return [*json.loads(run.stdout.decode().splitlines()[-1])]


@pytest.fixture(scope="module")
def answers() -> list[list[Any]]:
    """What the library gave for each operation, in a sandbox in which nobody hangs up by themselves."""
    with Sandbox(speed=0).serve() as sandbox:
        account = sandbox.account
        return ran("every_operation.js", sandbox.url, account.application_key, account.application_secret)


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


def test_it_accepts_the_callbacks_of_the_sandbox() -> None:
    """Of every kind; and none whose body was changed on the way."""
    came: list[dict[str, Any]] = []

    async def take(request: Request) -> Response:
        body = (await request.body()).decode()
        came.append({"headers": dict(request.headers), "body": body, "path": request.url.path})
        return JSONResponse(ANSWERS[event]) if (event := json.loads(body)["event"]) in ANSWERS else Response()

    sandbox = Sandbox(speed=100)
    sandbox.phone("+46700000001").answers(after=1).presses("1").hangs_up(after=20)
    with served(Starlette(routes=[Route("/{path:path}", take, methods=["POST"])])) as url:
        sandbox.account.callback_urls.primary = url
        place(sandbox, destination=None, custom="Hallå 😀 </script>").until_final_sync(300)
        sandbox.close()
    account = sandbox.account
    told = ran("check_callbacks.js", account.application_key, account.application_secret, told=came)
    # Once a call is over, its recording may be told of or not before the sandbox is closed.
    assert told[:5] == [[event, True, True, False] for event in ("ice", "ace", "pie", "notify", "dice")]
