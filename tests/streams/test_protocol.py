"""The protocol without I/O: lenient in reading, canonical in writing, and never surprised."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinch_voice_async.errors import InvalidRequestError
from sinch_voice_async.streams import (
    Answered,
    Audio,
    Cleared,
    Connected,
    Heartbeat,
    Ignored,
    StreamProtocol,
    StreamRequest,
)
from sinch_voice_async.streams.protocol import MOST_TEXT

PUBLISHED = {
    "command": "connect",
    "version": 1,
    "callId": "call-1",
    "applicationKey": "key",
    "codec": "PCM",
    "sampleRate": 16_000,
    "callHeaders": {"customer": "7"},
}
REQUEST = StreamRequest(
    call_id="call-1",
    application_key="key",
    sample_rate=16_000,
    codec="PCM",
    version=1,
    call_headers={"customer": "7"},
)

texts = st.text(min_size=1, max_size=20).filter(lambda text: text.encode("utf-8", "replace").decode() == text)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def connected(message: dict[str, Any]) -> StreamRequest:
    """Return what a server reads from a first message."""
    event = StreamProtocol().read(json.dumps(message))
    assert isinstance(event, Connected), event
    return event.request


def test_a_call_from_beginning_to_end() -> None:
    """Both sides, each fed with what the other sends."""
    platform, server = StreamProtocol("platform"), StreamProtocol()
    message = platform.connect(REQUEST)
    assert json.loads(message) == PUBLISHED
    assert server.read(message) == Connected(REQUEST)
    assert platform.read(server.answer()) == Answered("answer")
    assert (platform.state, server.state) == ("answered", "answered")
    assert server.read(b"\x01\x02") == Audio(b"\x01\x02")
    assert platform.read(b"\x01\x02\x03\x04") == Audio(b"\x01\x02\x03\x04")
    assert platform.read(server.clear()) == Cleared()
    assert platform.read(server.heartbeat()) == Heartbeat()
    assert repr(Audio(b"12")) == "Audio(pcm=<2 bytes>)"


@pytest.mark.parametrize("verdict", ["busy", "reject"])
def test_a_server_refuses(verdict: Any) -> None:
    """And nothing is sent afterwards."""
    platform, server = StreamProtocol("platform"), StreamProtocol()
    server.read(platform.connect(REQUEST))
    message = server.busy() if verdict == "busy" else server.reject()
    assert json.loads(message) == {"command": verdict}
    assert platform.read(message) == Answered(verdict)
    assert platform.state == server.state == "refused"
    assert isinstance(platform.read(b"12"), Ignored)
    assert platform.read(message) == Ignored(f"{verdict} in state refused")


@pytest.mark.parametrize(
    ("spelled", "field", "value"),
    [
        ({"CallId": "x"}, "call_id", "x"),
        ({"callid": "x"}, "call_id", "x"),
        ({"callId": 5}, "call_id", "5"),
        ({"applicationId": "x"}, "application_key", "x"),
        ({"APPLICATIONKEY": "x"}, "application_key", "x"),
        ({"samplerate": "24000"}, "sample_rate", 24_000),
        ({"sampleRate": 44_100}, "sample_rate", 44_100),
        ({"version": "1"}, "version", 1),
        ({"headers": {"a": "b"}}, "call_headers", {"a": "b"}),
        ({"Headers": {"a": "b"}}, "call_headers", {"a": "b"}),
        ({"callHeaders": [{"key": "a", "value": "b"}]}, "call_headers", {"a": "b"}),
        ({"callHeaders": [{"Key": "a", "Value": 1}]}, "call_headers", {"a": "1"}),
        ({"callHeaders": {}, "headers": {"a": ""}}, "call_headers", {"a": ""}),
        ({"command": "CONNECT"}, "call_id", "call-1"),
        ({"Command": " connect "}, "call_id", "call-1"),
    ],
)
def test_every_published_spelling_is_read(spelled: dict[str, Any], field: str, value: object) -> None:
    """The AsyncAPI document, the tutorials and servers in the field disagree on names."""
    message = {"command": "connect", **({} if "callid" in {each.lower() for each in spelled} else {"callId": "call-1"})}
    if "Command" in spelled:
        del message["command"]
    assert getattr(connected({**message, **spelled}), field) == value


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        ("sampleRate", True),
        ("sampleRate", 7),
        ("sampleRate", 10**30),
        ("sampleRate", "fast"),
        ("version", {}),
        ("version", "9" * 10),
        ("codec", []),
        ("codec", ""),
        ("applicationKey", True),
        ("callHeaders", "a=b"),
        ("callHeaders", [1]),
        ("callHeaders", {"a": None}),
        ("callHeaders", [{"key": "a"}]),
        ("callHeaders", [{"value": "a"}]),
        ("traceId", "new"),
    ],
)
def test_an_odd_field_never_costs_the_call(name: str, odd: object) -> None:
    """It stays as it came, in ``extra``."""
    request = connected({**PUBLISHED, name: odd})
    assert request.call_id == "call-1"
    assert request.extra == {name: odd}
    assert "customer" in repr(request) or name == "callHeaders"
    assert "7" not in repr(request).replace("call_id", "").partition("call_headers")[2]


def test_one_odd_header_does_not_cost_the_others() -> None:
    """They are read, and all of them stay in ``extra`` too; of two with one name the last counts."""
    headers = [{"key": "a", "value": "b"}, {"key": "c"}, {"key": "a", "value": "d"}]
    request = connected({**PUBLISHED, "callHeaders": headers})
    assert request.call_headers == {"a": "d"}
    assert request.extra == {"callHeaders": headers}
    assert connected({**PUBLISHED, "callHeaders": headers[::2]}).extra == {}


def test_half_a_surrogate_pair_can_be_logged() -> None:
    """It is replaced: neither a log nor another message could hold it."""
    event = StreamProtocol().read('{"command": "connect", "callId": "a\\ud800b"}')
    assert isinstance(event, Connected)
    assert event.request.call_id == "a?b"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 50_000, "not JSON"),
        ('{"a": NaN}', "not JSON"),
        ('{"a": ' + "1" * 5_000 + "}", "not JSON"),
        ("[]", "not an object"),
        ("{}", "without a command"),
        ('{"command": 5}', "without a command"),
        ('{"command": "connect"}', "without the id"),
        ('{"command": "connect", "callId": ""}', "without the id"),
        ('{"command": "answer"}', "'answer'"),
        ('{"command": "dance\\n"}', "'dance'"),
        ("x" * (MOST_TEXT + 1), "65537 characters"),
        (b"12", "before the answer"),
    ],
)
def test_what_cannot_be_read_is_ignored(message: str | bytes, reason: str) -> None:
    """With a reason, and without an exception."""
    protocol = StreamProtocol()
    event = protocol.read(message)
    assert isinstance(event, Ignored)
    assert reason in event.reason
    assert protocol.state == "waiting"


def test_a_second_connect_is_ignored() -> None:
    """It changes neither the state nor the call."""
    protocol = StreamProtocol()
    protocol.read(json.dumps(PUBLISHED))
    protocol.answer()
    assert protocol.read(json.dumps(PUBLISHED)) == Ignored("a second connect")
    assert protocol.state == "answered"


@given(pieces=st.lists(st.binary(max_size=9), max_size=20))
def test_samples_are_whole_however_they_come(pieces: list[bytes]) -> None:
    """No byte is lost or moved; half a sample waits for its other half."""
    protocol = StreamProtocol()
    out = [protocol.whole_samples(piece) for piece in pieces]
    assert all(len(each) % 2 == 0 for each in out)
    sent, whole = b"".join(pieces), b"".join(out)
    assert sent.startswith(whole)
    assert len(sent) - len(whole) in (0, 1)


@given(
    st.builds(
        StreamRequest,
        call_id=texts,
        application_key=texts,
        sample_rate=st.sampled_from([8_000, 16_000, 24_000, 44_100, 48_000, 96_000]),
        codec=st.just("PCM"),
        version=st.integers(1, 9),
        call_headers=st.dictionaries(texts, st.just("") | texts, max_size=3),
    )
)
def test_what_is_written_is_read(request: StreamRequest) -> None:
    """Each request survives its way to the server."""
    assert StreamProtocol().read(StreamProtocol("platform").connect(request)) == Connected(request)


@given(json_values | st.fixed_dictionaries({"command": st.sampled_from(["connect", "clear"]), "callId": json_values}))
def test_no_message_raises(value: Any) -> None:
    """Any JSON at all, on either side, in any state."""
    text = json.dumps(value)
    for protocol in (StreamProtocol(), StreamProtocol("platform")):
        for _ in range(2):
            assert protocol.read(text) is not None


def test_a_server_says_only_what_it_may() -> None:
    """Mistakes of a program are told to it, with the state."""
    server, platform = StreamProtocol(), StreamProtocol("platform")
    for wrong in (server.answer, server.clear, server.heartbeat):
        with pytest.raises(InvalidRequestError, match="'waiting'"):
            wrong()
    with pytest.raises(InvalidRequestError, match="by the server"):
        platform.answer()
    with pytest.raises(InvalidRequestError, match="by the platform"):
        server.connect(REQUEST)
    server.read(json.dumps(PUBLISHED))
    with pytest.raises(InvalidRequestError, match="one of answer"):
        server.reply("maybe")  # type: ignore[arg-type]
    with pytest.raises(InvalidRequestError, match="side must be"):
        StreamProtocol("both")  # type: ignore[arg-type]


def test_defaults_of_a_request() -> None:
    """What a platform does not say is filled in where the protocol requires it."""
    message = json.loads(StreamProtocol("platform").connect(StreamRequest(call_id="1", extra={"more": 1})))
    assert message == {
        "command": "connect",
        "version": 1,
        "callId": "1",
        "applicationKey": "",
        "codec": "PCM",
        "sampleRate": 8_000,
        "callHeaders": {},
        "more": 1,
    }
