"""A callback for a test is signed as the platform signs it."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

import sinch_voice_async.testing
from sinch_voice_async import svaml
from sinch_voice_async.credentials import Credentials
from sinch_voice_async.errors import InvalidRequestError
from sinch_voice_async.testing import signed_callback
from sinch_voice_async.webhooks import DisconnectedCall, event_from_http

CREDENTIALS = Credentials("669E367E-6BBA-48AB-AF15-266871C28135", "BeIukql3pTKJ8RGL5zo0DA==")


def test_published_signature_is_reproduced() -> None:
    """Authentication, Callback signed request: the example, but for the milliseconds that its timestamp leaves out."""
    body = b'{"event":"ace","callid":"822aa4b7-05b4-4d83-87c7-1f835ee0b6f6_257"}'
    moment = datetime(2014, 9, 24, 10, 59, 41, tzinfo=UTC)
    headers, sent = signed_callback(body, CREDENTIALS, "/sinch/callback/ace", now=moment)
    assert sent == body
    assert headers["x-timestamp"] == "2014-09-24T10:59:41.000Z"
    assert headers["content-type"] == "application/json"
    assert headers["authorization"].startswith("application 669E367E-6BBA-48AB-AF15-266871C28135:")
    assert signed_callback(body, CREDENTIALS, "/sinch/callback/ace", now=moment.timestamp()) == (headers, body)


@pytest.mark.parametrize(
    "event",
    [
        DisconnectedCall(call_id="1", result="ANSWERED"),
        {"event": "dice", "callid": "1", "result": "ANSWERED"},
        b'{"event":"dice","callid":"1","result":"ANSWERED"}',
    ],
    ids=["model", "mapping", "bytes"],
)
def test_event_may_be_a_model_a_mapping_or_bytes(event: Any) -> None:
    """Each comes out as the same event."""
    headers, body = signed_callback(event, CREDENTIALS, "/sinch")
    found = event_from_http("POST", "/sinch", headers, body, credentials=CREDENTIALS)
    assert found == DisconnectedCall(call_id="1", result="ANSWERED")
    assert json.loads(body)["event"] == "dice"


def test_everything_that_is_signed_may_differ() -> None:
    """Another method, another content type: for tests of what must be refused."""
    headers, body = signed_callback(b"{}", CREDENTIALS, "/", method="PUT", content_type="text/plain")
    assert headers["content-type"] == "text/plain"
    assert headers["authorization"] != signed_callback(body, CREDENTIALS, "/")[0]["authorization"]


def test_module_has_what_it_says() -> None:
    """It imports late, and still says plainly what it has not."""
    assert sinch_voice_async.testing.__all__ == ["StreamPeer", "serve_app", "signed_callback", "stream_peer"]
    with pytest.raises(AttributeError, match="no attribute 'unsigned_callback'"):
        _ = sinch_voice_async.testing.unsigned_callback  # type: ignore[attr-defined]  # that it is not there is the point


def test_plugin_brings_nothing_of_its_own() -> None:
    """It is loaded in every run of pytest: beyond the package itself, it imports pytest alone."""
    program = (
        "import sys, pytest, sinch_voice_async; before = set(sys.modules);"
        "import sinch_voice_async.testing.pytest_plugin;"
        "print(*sorted(set(sys.modules) - before))"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert printed.split() == ["sinch_voice_async.testing", "sinch_voice_async.testing.pytest_plugin"]


@pytest.mark.parametrize("now", [True, "now", float("nan"), -1, datetime(2026, 1, 1)])  # noqa: DTZ001
def test_a_time_that_is_none_is_refused(now: Any) -> None:
    """A naive time, a flag and a text are no moment."""
    with pytest.raises(InvalidRequestError, match="now must be"):
        signed_callback(b"{}", CREDENTIALS, now=now)


@pytest.mark.parametrize("event", [5, None, "ice", ["ice"], svaml.Svaml()])
def test_what_is_no_event_is_refused(event: Any) -> None:
    """The platform sends only objects that are events."""
    with pytest.raises(InvalidRequestError, match="event must be an event, its JSON object or bytes, not"):
        signed_callback(event, CREDENTIALS)


@pytest.mark.parametrize("event", [{"event": object()}, {"event": "ice", "x": {1}}, {"event": "\ud800"}, object()])
def test_an_event_that_json_cannot_hold_is_refused(event: Any) -> None:
    """With the error of this library."""
    with pytest.raises(InvalidRequestError):
        signed_callback(event, CREDENTIALS)
