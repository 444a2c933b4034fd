"""Laws: whatever arrives, the answer is one that the documents know."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinch_voice_async.sandbox.account import look_up
from sinch_voice_async.sandbox.authentication import Arrival, authenticate
from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.exchange.documents import check_svaml, read_callout
from sinch_voice_async.sandbox.exchange.recordings import ToneFile
from sinch_voice_async.sandbox.requests import RefusalError, read_object
from sinch_voice_async.sandbox.routes import requested_span
from tests.sandbox.shapes import JSON


@given(JSON)
def test_any_json_is_a_callout_or_refused(value: Any) -> None:
    """Never another exception, whatever shape it has."""
    try:
        read_callout(read_object(json.dumps(value).encode()), max_text_length=600)
    except RefusalError as refusal:
        assert refusal.code in {40001, 40002, 40003}


@given(st.sampled_from(["ttsCallout", "customCallout", "conferenceCallout"]), JSON)
def test_any_json_inside_the_envelope_is_a_callout_or_refused(method: str, value: Any) -> None:
    """The same, one level further in."""
    try:
        read_callout(read_object(json.dumps({"method": method, method: value}).encode()), max_text_length=600)
    except RefusalError as refusal:
        assert refusal.code in {40001, 40002}


@given(JSON, st.sampled_from(["ice", "ace", "pie", "dice", "call"]))
def test_any_json_is_svaml_or_refused(value: Any, event: str) -> None:
    """As a document, and as an action."""
    for document in (value, {"action": value}, {"instructions": [value]}):
        try:
            check_svaml(read_object(json.dumps(document).encode()), event)
        except RefusalError as refusal:
            assert refusal.code in {40001, 40002, 40003}


@given(st.binary(max_size=64))
def test_any_bytes_are_json_or_refused(body: bytes) -> None:
    """A body is not trusted to be text."""
    try:
        read_object(body)
    except RefusalError as refusal:
        assert refusal.code == 40003


@given(
    st.text(max_size=80) | st.from_regex(r"(?i)(application|basic) [ -~]{0,60}", fullmatch=True), st.text(max_size=40)
)
def test_nobody_gets_in_by_chance(authorization: str, timestamp: str) -> None:
    """Any header is refused with a documented code."""
    arrival = Arrival("GET", "/", {"authorization": authorization, "x-timestamp": timestamp}, b"")
    with pytest.raises(RefusalError) as caught:
        authenticate(arrival, key="key", secret="c2VjcmV0", now=Clock().wall())
    assert caught.value.code in {40100, 40101, 40102, 40107, 40108, 40301}


@given(st.text(max_size=30))
def test_any_text_is_a_number_or_refused(text: str) -> None:
    """What is found is in E.164."""
    try:
        assert look_up(text).normalized_number[1:].isascii()
    except RefusalError as refusal:
        assert refusal.code == 40001


@given(st.text(max_size=30) | st.from_regex(r"bytes=[0-9]{0,3}-[0-9]{0,3}", fullmatch=True), st.integers(0, 300))
def test_any_range_stays_within_the_file(asked: str, size: int) -> None:
    """RFC 9110, section 14: 200, 206 or 416, and never a byte beyond the end."""
    span = requested_span({"range": asked}, size=size, validators=("tag", "date"))
    assert 0 <= span.start <= span.stop <= size
    assert span.status in {200, 206, 416}
    assert (span.stop > span.start) or span.status == 416 or size == 0


@given(st.integers(0, 50_000), st.integers(0, 60_000), st.integers(0, 60_000))
def test_every_part_of_a_tone_is_the_part_of_the_whole(samples: int, one: int, two: int) -> None:
    """Reading in pieces gives the same bytes."""
    tone = ToneFile(samples, 440)
    start, stop = sorted((min(one, tone.size), min(two, tone.size)))
    assert tone.read(start, stop) == tone.read(0, tone.size)[start:stop]
