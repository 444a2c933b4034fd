"""The description of the control API: valid, complete, and with examples that work."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sinch_voice_async.sandbox import Sandbox
from tests.sandbox.caller import Caller

from .conftest import Panel


async def document(panel: Panel) -> dict[str, Any]:
    """Return the OpenAPI document."""
    told: dict[str, Any] = await panel.get("/openapi.json")
    return told


async def test_it_is_valid(panel: Panel) -> None:
    """As a validator of its own sees it."""
    validator = pytest.importorskip(
        "openapi_spec_validator", reason="openapi-spec-validator is not installed: the group `test` brings it"
    )
    validator.validate(await document(panel))


async def test_it_has_every_endpoint(panel: Panel) -> None:
    """Those of the list, with path parameters, bodies and answers, each with a name of its own."""
    told = await document(panel)
    listed = {(each["method"].lower(), each["path"]) for each in (await panel.get("/"))["endpoints"]}
    assert listed == {(method, path) for path, methods in told["paths"].items() for method in methods}
    operations = [operation for methods in told["paths"].values() for operation in methods.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    assert all(operation["summary"].endswith(".") for operation in operations)


async def test_each_example_is_accepted(sandbox: Sandbox, panel: Panel) -> None:
    """With the status that the document promises."""
    call_id = await Caller(sandbox, panel.http).placed()
    where = {"conferenceId": "room", "destination": {"type": "number", "endpoint": "+46700000009"}}
    answer = await Caller(sandbox, panel.http).callout("conferenceCallout", where)
    sandbox.clock.step(1)
    sandbox.account.callback_urls.primary = "http://127.0.0.1:1/"
    values = {
        "callId": call_id,
        "id": "r1",
        "event": "ice",
        "number": "+46700000001",
        "conferenceId": "room",
        "key": "tone.wav",
    }
    tried = 0
    for path, methods in (await document(panel))["paths"].items():
        for method, operation in methods.items():
            example = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
            if example is None or path.endswith("/reset"):
                continue
            mine = {**values, "callId": answer.json()["callId"]} if "conferences" in path else values
            target = path.removeprefix("/_sandbox/api").replace("{", "%(").replace("}", ")s") % mine
            response = await panel.do(method.upper(), target, example)
            assert str(response.status_code) in operation["responses"], (method, path, response.text)
            assert response.status_code < 300, (method, path, response.text)
            tried += 1
    assert tried > 15


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_example_in_javascript_runs() -> None:
    """Any language that speaks HTTP controls a sandbox."""
    example = Path(__file__).parents[3] / "examples" / "sandbox_control.mjs"
    with Sandbox(speed=0).serve() as sandbox:
        run = subprocess.run(["node", str(example), sandbox.url], capture_output=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr.decode()
    assert run.stdout.decode().strip() == "ANSWERED CALLEEHANGUP 2 [ 'Hello from JavaScript.' ]"
