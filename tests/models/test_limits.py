"""Every documented limit of the REST requests: the edge is allowed, one past it is refused by the name of the field."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinch_voice_async._wire.rest_codec import encode
from sinch_voice_async.errors import InvalidRequestError
from sinch_voice_async.models import limits
from sinch_voice_async.models.callouts import ConferenceCallout, CustomCallout, TtsCallout
from sinch_voice_async.models.calls import ConferenceCommand, ConferenceDtmfOptions
from sinch_voice_async.models.configuration import AssignNumbers, CallbackUrls, UnassignNumber
from sinch_voice_async.models.destinations import Destination
from sinch_voice_async.models.svaml.actions import ConnectPstn, Continue, Hangup, RunMenu
from sinch_voice_async.svaml import Svaml  # which registers it

SOMEBODY = "+46700000001"


def _tts(**fields: Any) -> TtsCallout:
    return TtsCallout(**{"destination": SOMEBODY, **fields})


def _conference(**fields: Any) -> ConferenceCallout:
    return ConferenceCallout(**{"destination": SOMEBODY, "conference_id": "room", **fields})


def _custom(**fields: Any) -> CustomCallout:
    return CustomCallout(**fields)


@pytest.mark.parametrize(
    ("build", "field", "value"),
    [
        (_tts, "destination", "12345"),
        (_tts, "destination", "+123456789012345"),
        (_tts, "destination", Destination.username("bo")),
        (_tts, "destination", Destination(type="did", endpoint="anything")),
        (_tts, "dtmf", "ww1234#w#"),
        (_tts, "dtmf", ""),
        (_tts, "custom", ""),
        (_conference, "greeting", ""),
        (_tts, "custom", "x" * 1024),
        (_tts, "custom", "ö" * 512),
        (_tts, "cli", "private"),
        (_tts, "cli", "Sinch <+46700000000>"),
        (_tts, "text", "x" * 601),
        (_conference, "conference_id", "x" * 64),
        (_conference, "max_duration", 0),
        (_conference, "max_duration", 14_400),
        (_conference, "conference_dtmf_options", ConferenceDtmfOptions(max_digits=0, timeout_mills=0)),
        (_custom, "destination", None),
        (_custom, "ice", "https://example.com/ice"),
        (_custom, "ice", ' {"action": {"name": "hangup"}}'),
        (_custom, "ice", Svaml(action=ConnectPstn(SOMEBODY))),
        (_custom, "ace", Svaml(action=Continue())),
        (_custom, "dice", Svaml(action=Hangup())),
    ],
)
def test_the_edge_is_allowed(build: Callable[..., object], field: str, value: object) -> None:
    """What the platform documents as allowed can be said."""
    model = build(**{field: value})
    expected = Destination.number(value) if field == "destination" and isinstance(value, str) else value
    assert getattr(model, field) == expected


@pytest.mark.parametrize(
    ("build", "field", "value"),
    [
        (_tts, "destination", "1234"),
        (_tts, "destination", "+1234567890123456"),
        (_tts, "destination", "+46 70 000 00 0x"),
        (_tts, "destination", "+46700000001\n"),
        (_tts, "destination", "٤٦٧٠٠٠٠٠"),
        (_tts, "destination", 46700000001),
        (_tts, "destination", None),
        (_tts, "destination", Destination(type="number", endpoint="bo")),
        (_tts, "destination", Destination(type="sip", endpoint="")),
        (_tts, "dtmf", "12*"),
        (_tts, "dtmf", 12),
        (_tts, "custom", "x" * 1025),
        (_tts, "custom", "ö" * 512 + "x"),
        (_tts, "custom", {"a": 1}),
        (_tts, "cli", ""),
        (_tts, "cli", "+467\r\nX: 1"),
        (_tts, "cli", 46700000000),
        (_tts, "text", 1),
        (_tts, "text", ""),
        (_tts, "prompts", ""),
        (_tts, "locale", ""),
        (_tts, "domain", ""),
        (_tts, "prompts", ["#tts[a]"]),
        (_tts, "locale", 1),
        (_tts, "domain", 1),
        (_tts, "enable_ace", "yes"),
        (_tts, "enable_dice", 1),
        (_tts, "enable_pie", 0),
        (_conference, "conference_id", ""),
        (_conference, "conference_id", "x" * 65),
        (_conference, "conference_id", None),
        (_conference, "greeting", b"hello"),
        (_conference, "max_duration", -1),
        (_conference, "max_duration", 14_401),
        (_conference, "max_duration", True),
        (_conference, "max_duration", 1.0),
        (_conference, "moh_class", 1),
        (_conference, "moh_class", ""),
        (_conference, "locale", ""),
        (_conference, "domain", ""),
        (_conference, "conference_dtmf_options", {"mode": "detect"}),
        (_custom, "destination", "1234"),
        (_custom, "ice", "example.com/ice"),
        (_custom, "ace", ""),
        (_custom, "pie", 1),
        (_custom, "ice", Svaml(action=Continue())),
        (_custom, "ace", Svaml(action=ConnectPstn(SOMEBODY))),
        (_custom, "dice", Svaml(action=Continue())),
        (ConferenceDtmfOptions, "max_digits", -1),
        (ConferenceDtmfOptions, "timeout_mills", "3000"),
        (ConferenceDtmfOptions, "mode", 1),
        (ConferenceCommand, "command", 1),
        (lambda **fields: ConferenceCommand(command="onhold", **fields), "moh", ""),
        (CallbackUrls, "primary", 1),
        (UnassignNumber, "number", "four"),
        (UnassignNumber, "number", 46700000001),
    ],
)
def test_one_past_the_edge_is_refused(build: Callable[..., object], field: str, value: object) -> None:
    """One clear error that names the field, and repeats nothing of what it held."""
    with pytest.raises(InvalidRequestError, match=field) as refusal:
        build(**{field: value})
    assert refusal.value.field == field
    assert refusal.value.outcome == "unsent"
    assert isinstance(refusal.value, ValueError)
    assert len(str(value)) < 4 or not isinstance(value, str) or value not in str(refusal.value)


@pytest.mark.parametrize("constructor", [Destination.number, Destination.username, Destination.sip])
@pytest.mark.parametrize("endpoint", ["", "a\nb", " x y ", None, 1])
def test_a_destination_says_what_it_cannot_reach(constructor: Callable[[Any], Destination], endpoint: object) -> None:
    """No constructor takes an empty endpoint, control characters or anything but text."""
    if constructor == Destination.username and endpoint == " x y ":
        assert constructor(endpoint).endpoint == endpoint
        return
    with pytest.raises(InvalidRequestError) as refusal:
        constructor(endpoint)
    assert refusal.value.field == "endpoint"


@pytest.mark.parametrize("inline", [Svaml(action=ConnectPstn(SOMEBODY)), '\n{"action": {"name": "hangup"}}'])
@pytest.mark.parametrize("beside", [{"destination": SOMEBODY}, {"cli": "+46700000000"}])
def test_inline_ice_and_a_destination(inline: Any, beside: dict[str, Any]) -> None:
    """What stands beside an inline ICE answer is sent: every SDK of the vendor sends it."""
    sent = json.loads(encode(CustomCallout(ice=inline, **beside)))["customCallout"]
    assert sent.keys() == {"ice", *beside}


@pytest.mark.parametrize("numbers", [[SOMEBODY], (SOMEBODY,) * 100, iter([SOMEBODY])])
def test_numbers_to_assign(numbers: Any) -> None:
    """One to a hundred, from anything that can be iterated."""
    assert set(AssignNumbers(numbers=numbers).numbers) == {SOMEBODY}


@pytest.mark.parametrize(
    ("numbers", "field"),
    [
        ([], "numbers"),
        ([SOMEBODY] * 101, "numbers"),
        (SOMEBODY, "numbers"),
        (None, "numbers"),
        ([SOMEBODY, "four"], "numbers[1]"),
        ([46700000001], "numbers[0]"),
    ],
)
def test_numbers_that_cannot_be_assigned(numbers: Any, field: str) -> None:
    """None, too many, a lone text, or one that is no number: named with its place."""
    with pytest.raises(InvalidRequestError) as refusal:
        AssignNumbers(numbers=numbers)
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("text", "prompts", "field"),
    [
        ("x" * 600, None, None),
        (None, f"#tts[{'x' * 600}];file;#tts[{'y' * 600}]", None),
        (None, f"#href[https://example.com/{'x' * 700}]", None),
        ("x" * 601, None, "text"),
        (None, f"#tts[a];#tts[{'x' * 601}]", "prompts"),
        (None, f"#tts[{'x' * 300}\n{'x' * 301}]", "prompts"),
    ],
)
def test_the_length_of_what_is_spoken(text: str | None, prompts: str | None, field: str | None) -> None:
    """Six hundred characters of a text, and of each spoken part of prompts."""
    limits.check_text_length(text, prompts, None)
    if field is None:
        limits.check_text_length(text, prompts, 600)
        return
    with pytest.raises(InvalidRequestError, match="600") as refusal:
        limits.check_text_length(text, prompts, 600)
    assert refusal.value.field == field


@given(st.lists(st.sampled_from(["#tts[", "]", ";", "\n", "a", "];", "#", "#ssml[", "["]), max_size=30).map("".join))
def test_spoken_parts_are_those_of_the_plain_pattern(prompts: str) -> None:
    """A part ends at the first bracket before a semicolon or the end, as a regular expression would say slowly."""
    pattern = re.compile(r"#tts\[(.*?)\](?=;|\Z)", re.DOTALL)
    assert [*limits._spoken_parts(prompts)] == pattern.findall(prompts)


def test_callback_headers_are_sent_as_given() -> None:
    """Names keep their case, at every edge of what is allowed."""
    headers = {"X-CB-a": "", "x-cb-" + "b" * 27: " ~" * 64, "X-CB-1": "1", "X-CB-2": "2", "X-CB-3": "3"}
    pairs = limits.callback_headers(headers)
    assert pairs == tuple((name.encode(), value.encode()) for name, value in headers.items())


@pytest.mark.parametrize(
    "headers",
    [
        {"X-CC-a": "1"},
        {"X-CB-": "1"},
        {"X-CB-" + "b" * 28: "1"},
        {"X-CB-a b": "1"},
        {"X-CB-a\n": "1"},
        {"X-CB-é": "1"},
        {b"X-CB-a": "1"},
        {"X-CB-a": "x" * 129},
        {"X-CB-a": "a\r\nb"},
        {"X-CB-a": "\x7f"},
        {"X-CB-a": "é"},
        {"X-CB-a": 1},
        {f"X-CB-{n}": "1" for n in range(6)},
        [("X-CB-a", "1")],
    ],
)
def test_callback_headers_that_cannot_be_sent(headers: Any) -> None:
    """A name, a length, a character or a number that the platform does not take is refused before anything is sent."""
    with pytest.raises(InvalidRequestError) as refusal:
        limits.callback_headers(headers)
    assert refusal.value.field == "callback_headers"


def test_a_broken_menu_is_refused_where_it_is_given() -> None:
    """An inline answer is checked as a whole: this one was read from elsewhere and leads nowhere."""
    from sinch_voice_async import svaml

    broken = svaml.loads('{"action": {"name": "runMenu", "menus": [{"id": "sub"}]}}')
    assert isinstance(broken.action, RunMenu)
    with pytest.raises(InvalidRequestError) as refusal:
        CustomCallout(ace=broken)
    assert refusal.value.field == "ace"
