"""What the middleware does with every request: the path as it came, the date, the size, and a line in the log."""

import logging
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
import pytest

from sinch_voice_async.sandbox import Sandbox

from .caller import Caller, error


async def test_unsigned_requests_are_refused(caller: Caller) -> None:
    """There is no public endpoint."""
    response = await caller.http.get(f"{caller.sandbox.url}/v1/configuration/numbers")
    assert error(response) == (401, 40100)


async def test_the_signed_path_is_the_one_on_the_wire(remote: Caller) -> None:
    """Percent-encoding is neither undone nor redone, and the query is not signed."""
    encoded = await remote.send("GET", "/calling/v1/conferences/id/a%2Fb%20c+d?page=1")
    assert error(encoded) == (404, 40400)
    assert "'a/b c+d'" in encoded.json()["message"]


async def test_a_wrong_signature_is_explained(remote: Caller) -> None:
    """The answer carries the string to sign, ready to be compared."""
    request = remote.request("POST", "/calling/v1/callouts", b"{}")
    request.headers["content-type"] = "text/plain"
    response = await remote.http.send(request)
    assert error(response) == (401, 40102)
    assert response.json()["stringToSign"].splitlines()[2] == "text/plain"


async def test_answers_are_dated_by_the_sandboxs_clock(remote: Caller) -> None:
    """A wrong clock shows in the Date header, and makes honest signatures expire."""
    remote.sandbox.clock.offset = 600.0
    response = await remote.send("GET", "/v1/configuration/numbers")
    assert error(response) == (401, 40105)
    ahead = parsedate_to_datetime(response.headers["date"]) - datetime.now(UTC)
    assert timedelta(minutes=9) < ahead < timedelta(minutes=11)


async def test_a_body_beyond_a_megabyte_is_refused(remote: Caller) -> None:
    """Nobody can fill the memory."""
    response = await remote.send("POST", "/calling/v1/callouts", b" " * 1_100_000)
    assert error(response) == (413, 40003)


async def test_unknown_paths_and_methods_are_refused_with_the_platforms_error_object(caller: Caller) -> None:
    """A typing mistake in a path never looks like success."""
    assert error(await caller.send("GET", "/calling/v2/calls")) == (404, 40400)
    assert error(await caller.send("PUT", "/calling/v1/callouts")) == (405, 40500)


async def test_a_failure_of_the_sandbox_itself_is_50000(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client gets the documented code, and whoever runs the server gets the exception."""
    monkeypatch.setattr(type(caller.sandbox.numbers), "__iter__", None)
    transport = httpx.ASGITransport(caller.sandbox.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, trust_env=False) as http:
        response = await http.send(caller.request("GET", "/v1/configuration/numbers"))
    assert error(response) == (500, 50000)


async def test_each_request_is_a_line_in_the_log(caller: Caller, caplog: pytest.LogCaptureFixture) -> None:
    """A person can follow what happens; texts, numbers and secrets are not in it."""
    caplog.set_level(logging.INFO, "sinch_voice_async.sandbox")
    call_id = await caller.placed(text="The canary sings")
    await caller.send("GET", "/v1/calling/query/number/+46700000001")
    await caller.http.get(caller.sandbox.url)
    await caller.send("GET", "/calling/v1/conferences/id/a%0Ab")
    logged = [record.getMessage() for record in caplog.records]
    lines = [line for line in logged if not line.startswith("call ")]
    assert "POST" in lines[0]
    assert f"ttsCallout -> call {call_id}" in lines[0]
    assert "/number/***01" in lines[1]
    assert "401  40100" in lines[2]
    assert "\n" not in lines[3]
    for secret in ("canary", "4670000", caller.sandbox.account.application_secret):
        assert secret not in "".join(logged)


async def test_what_is_not_http_goes_to_the_application(sandbox: Sandbox) -> None:
    """A server that insists on a lifespan gets one."""
    sent: list[str] = []

    async def receive() -> dict[str, str]:
        return {"type": "lifespan.shutdown" if sent else "lifespan.startup"}

    async def send(message: object) -> None:
        assert isinstance(message, dict)
        sent.append(message["type"])

    await sandbox.app({"type": "lifespan", "asgi": {}}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
