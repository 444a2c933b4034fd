"""Events from JSON: every published callback, every observed form, and nothing that is none."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinch_voice_async._wire.codec import encode
from sinch_voice_async._wire.documents import decode_event
from sinch_voice_async._wire.registry import plan_of
from sinch_voice_async.errors import DecodeError
from sinch_voice_async.models.calls import Price
from sinch_voice_async.models.destinations import Destination
from sinch_voice_async.models.events import (
    AmdResult,
    AnsweredCall,
    Cookie,
    DisconnectedCall,
    Event,
    IncomingCall,
    MenuResult,
    Notification,
    PromptInput,
)
from sinch_voice_async.models.svaml.actions import CallHeader
from tests.wire import svaml_documents

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "events.json").read_text(encoding="utf-8"))

EVENT_FIELDS = "timestamp userRate to cookies amd menuResult debit from custom"

PUBLISHED: list[Event] = [
    AnsweredCall(
        call_id="822aa4b7-05b4-4d83-87c7-1f835ee0b6f6_257",
        timestamp=datetime(2014, 9, 24, 10, 59, 41, tzinfo=UTC),
        version=1,
    ),
    IncomingCall(
        call_id="3b0a7ccd-05e1-4728-bafd-023b77c47784",
        call_resource_url="https://calling-euc1.api.sinch.com/calling/v1/calls/id/3b0a7ccd-05e1-4728-bafd-023b77c47784",
        timestamp=datetime(2022, 3, 21, 13, 13, 59, tzinfo=UTC),
        version=1,
        user_rate=Price(currency_id="USD", amount=Decimal("0.03")),
        cli="31639136121",
        to=Destination(type="did", endpoint="+3197121281500"),
        domain="pstn",
        application_key="3b216e8d-e385-4ff9-ae80-5d11897006b0",
        origination_type="PSTN",
    ),
    IncomingCall(
        call_id="241b8ab35e0e83814c4e775a66cf50db@193.45.63.102",
        timestamp=datetime(2015, 8, 6, 13, 55, 39, tzinfo=UTC),
        version=1,
        user_rate=Price(currency_id="USD", amount=Decimal(0)),
        cli="46708168731",
        to=Destination(type="did", endpoint="+462010000188"),
        domain="pstn",
        application_key="94983f76-12c8-4cb9-9515-4785c7b49ca8",
        origination_type="PSTN",
        duration=0,
    ),
    AnsweredCall(
        call_id="822aa4b7-05b4-4d83-87c7-1f835ee0b6f6_257",
        timestamp=datetime(2014, 9, 24, 10, 59, 41, tzinfo=UTC),
        version=1,
    ),
    DisconnectedCall(
        call_id="3b0a7ccd-05e1-4728-bafd-023b77c47784",
        timestamp=datetime(2022, 3, 21, 13, 14, 19, tzinfo=UTC),
        reason="GENERALERROR",
        result="FAILED",
        version=1,
        debit=Price(currency_id="USD", amount=Decimal(0)),
        user_rate=Price(currency_id="USD", amount=Decimal("0.368")),
        to=Destination(type="did", endpoint="3197121281500"),
        application_key="3b216e8d-e274-4ff9-ae80-5d11897006b0",
        from_="31639136121",
    ),
    PromptInput(
        call_id="3b0a7ccd-05e1-4728-bafd-023b77c47784",
        timestamp=datetime(2022, 3, 21, 13, 14, 19, tzinfo=UTC),
        menu_result=MenuResult(menu_id="sub", type="sequence", value="3576", input_method="dtmf"),
        version=1,
        application_key="3b216e8d-e274-4ff9-ae80-5d11897006b0",
    ),
    PromptInput(
        call_id="callId",
        timestamp=datetime(2023, 12, 29, 15, 7, 22, tzinfo=UTC),
        menu_result=MenuResult(
            menu_id="confirm", type="sequence", value="6789", input_method="dtmf", add_to_context=()
        ),
        version=1,
        application_key="appKey",
    ),
    Notification(call_id="da2d576b-d35a-476a-93cc-09e083fe8729", version=1, type="recording_finished"),
    Notification(
        call_id="da2d576b-d35a-476a-93cc-09e083fe8729",
        version=1,
        type="recording_available",
        destination="path/to/my/recording.mp3",
    ),
    Notification(
        call_id="da2d576b-d35a-476a-93cc-09e083fe8729",
        version=1,
        type="amd",
        amd=AmdResult(status="machine", reason="longgreeting", duration=3),
    ),
    Notification(
        call_id="da2d576b-d35a-476a-93cc-09e083fe8729",
        version=1,
        type="amd_beep",
        amd=AmdResult(status="machine", reason="beep", duration=8),
    ),
    Notification(
        call_id="01234567-89ab-cdef-fedc-ba9876543210",
        version=1,
        type="transcription_available",
        destination=(
            "https://www.sinch.com/calling/v1/recording/201801010000_01234567-89ab-cdef-fedc-ba9876543210"
            "_01234567-89ab-cdef-fedc-ba9876543210-transcript.json"
        ),
    ),
]


def event(**fields: Any) -> Any:
    """An event, decoded; ``callid`` where no other spelling is given."""
    if not {"callid", "callId", "CallId"} & fields.keys():
        fields["callid"] = "1"
    return decode_event(json.dumps(fields).encode())


def test_no_published_event_is_forgotten() -> None:
    """The vectors are what the documents show, one expected value for each."""
    assert len(VECTORS) == len(PUBLISHED) == 12


@pytest.mark.parametrize(
    ("vector", "expected"), list(zip(VECTORS, PUBLISHED, strict=True)), ids=lambda value: type(value).__name__
)
def test_a_published_event_has_every_field_where_it_belongs(vector: dict[str, Any], expected: Event) -> None:
    """Nothing of a known event is left in ``extra``."""
    assert decode_event(json.dumps(vector["event"]).encode()) == expected


def test_the_call_id_is_read_in_every_spelling() -> None:
    """The schema says callid, the examples callId."""
    for spelling in ("callid", "callId", "CallId"):
        assert event(event="ace", **{spelling: "42"}) == AnsweredCall(call_id="42")


def test_the_kind_of_event_is_read_in_any_casing() -> None:
    """DiCE is how the documents' prose writes it."""
    assert event(event="DiCE") == DisconnectedCall(call_id="1")
    assert event(Event="Notify") == Notification(call_id="1")


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ('"text"', "text"),
        ('{"a": [1, 0.1850, true], "b": "å"}', '{"a":[1,0.1850,true],"b":"å"}'),
        ("[]", "[]"),
        ("7", "7"),
        ("null", None),
    ],
)
def test_custom_that_is_no_text_is_read_as_its_json(sent: str, read: str | None) -> None:
    """What the customer once gave does not cost the call."""
    assert decode_event(f'{{"event":"ice","callid":"1","custom":{sent}}}'.encode()).custom == read


@pytest.mark.parametrize("price", [{}, {"amount": None}, {"currencyId": "USD", "Amount": None}, None])
def test_price_without_an_amount_is_none(price: object) -> None:
    """A call that was not charged for has a price without one."""
    assert event(event="dice", debit=price, userRate=price) == DisconnectedCall(call_id="1")
    assert event(event="dice", debit={"AMOUNT": 1}) == DisconnectedCall(call_id="1", debit=Price(amount=Decimal(1)))


def test_what_older_documents_add_is_read() -> None:
    """Cookies, the user, capitalised types, call headers, and fields that have no place of their own."""
    ice = event(
        event="ice",
        cookies=[{"key": "step", "value": "menu"}],
        user="bob",
        to={"type": "Username", "endpoint": "bob"},
        domain="PSTN",
        rdnis="",
        callHeaders=[{"key": "foo", "value": "bar"}],
        conferenceId="room",
        custom='{"foo":"x"}',
        reference="r",
        delayed=False,
    )
    assert ice == IncomingCall(
        call_id="1",
        cookies=(Cookie(key="step", value="menu"),),
        user="bob",
        to=Destination(type="username", endpoint="bob"),
        domain="pstn",
        rdnis="",
        call_headers=(CallHeader("foo", "bar"),),
        conference_id="room",
        custom='{"foo":"x"}',
        extra={"reference": "r", "delayed": False},
    )
    pie = event(event="pie", menuResult={"menuId": "main", "type": "InvalidInput"})
    assert pie.menu_result == MenuResult(menu_id="main", type="invalidinput")
    assert event(event="dice", **{"from": "private"}, duration=12).from_ == "private"


def test_a_calling_error_is_a_notification() -> None:
    """The platform's word for what went wrong with the SVAML of a call."""
    notification = event(event="notify", type="callingerror", errorCode="40001", errorMsg="Illegal SVAML", user="bob")
    assert notification == Notification(
        call_id="1", type="callingerror", error_code=40001, error_message="Illegal SVAML", user="bob"
    )


def test_unknown_values_are_kept_as_they_came() -> None:
    """An enumeration that grows does not break anybody."""
    assert event(event="notify", type="Weather").type == "Weather"
    assert event(event="dice", reason="METEOR", result="Answered").reason == "METEOR"
    assert event(event="dice", result="Answered").result == "ANSWERED"
    assert event(event="ace", amd={"status": "inprogress", "reason": "N/A"}).amd == AmdResult(
        status="inprogress", reason="n/a"
    )


def test_times_without_a_zone_are_utc() -> None:
    """Seen in answers of the platform, and with seven digits of a second."""
    expected = datetime(2014, 6, 2, 15, 39, 31, 272923, tzinfo=UTC)
    assert event(event="ace", timestamp="2014-06-02T15:39:31.2729234").timestamp == expected
    assert event(event="ace", timestamp="2014-06-02T17:39:31.272923+02:00").timestamp == expected


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", "$"),
        (b"<html>", "$"),
        (b"\xff", "$"),
        (b"[]", "$"),
        (b"{}", "$.event"),
        (b'{"event": "ringing", "callid": "1"}', "$.event"),
        (b'{"Event": ["ace"], "callid": "1"}', "$.event"),
        (b'{"event": "ace"}', "$.callid"),
        (b'{"event": "ace", "callid": null}', "$.callid"),
        (b'{"event": "ace", "callid": ["a"], "timestamp": "yesterday"}', "$.callid"),
    ],
)
def test_what_is_no_event_is_refused_with_the_path(body: bytes, path: str) -> None:
    """One exception, which says where the body stops being an event."""
    with pytest.raises(DecodeError) as refusal:
        decode_event(body)
    assert refusal.value.path == path
    assert "the body is not an event" in str(refusal.value)


KINDS: dict[str, Any] = {
    "ice": IncomingCall,
    "ace": AnsweredCall,
    "dice": DisconnectedCall,
    "pie": PromptInput,
    "notify": Notification,
}
ODD = [[], {"x": 1}, [1, "a"], True, 2.5, "soon", "", {"type": [], "key": 1, "amount": "x"}, [{"key": "a"}, None]]
FIELDS = [
    (kind, field.name, plan_of(cls).wires[field.name])
    for kind, cls in KINDS.items()
    for field in attrs.fields(cls)
    if field.name not in ("call_id", "extra")
]


@pytest.mark.parametrize(("kind", "name", "wire"), FIELDS, ids=str)
def test_an_optional_field_of_a_wrong_shape_does_not_lose_the_event(kind: str, name: str, wire: str) -> None:
    """Whatever the field holds, the event is there with its other fields, and what cannot be read stands in extra."""
    for value in ODD:
        found: Any = event(event=kind, reference="r", **{wire: value})
        assert isinstance(found, KINDS[kind])
        assert (found.call_id, found.extra["reference"]) == ("1", "r")
        if getattr(found, name) is None and name not in ("debit", "user_rate"):
            assert found.extra[wire] == value
        assert json.loads(encode(found))["callid"] == "1"


@given(st.lists(st.tuples(st.sampled_from(FIELDS), svaml_documents.json_values(st.text())), max_size=5))
def test_an_event_with_an_id_is_always_an_event(odd: list[tuple[tuple[str, str, str], Any]]) -> None:
    """Any JSON in any optional fields gives an event, which can be shown and written."""
    for kind in KINDS:
        fields = {wire: value for (_, _, wire), value in odd}
        found = event(event=kind, **fields)
        assert found.call_id == "1"
        assert repr(found)
        encode(found)


def test_bytes_that_are_not_text_do_not_lose_the_event() -> None:
    """A name in another encoding is read with replacement characters."""
    found = decode_event(b'{"event": "ice", "callid": "1", "user": "J\xf6rg"}')
    assert (found.call_id, found.user) == ("1", "J\ufffdrg")


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_captured_is_written_again(kind: str) -> None:
    """Nothing is added to an event that is read and written; an empty list that came is written, and no other."""
    sent = {"event": kind, "callid": "1", "timestamp": "2026-01-02T03:04:05Z", "version": 1}
    assert json.loads(encode(decode_event(json.dumps(sent).encode()))) == sent
    sent["cookies"] = []
    assert json.loads(encode(decode_event(json.dumps(sent).encode()))) == sent


def test_where_an_answered_call_is_managed() -> None:
    """ACE has the address of its call as ICE has it."""
    address = "https://calling-euc1.api.sinch.com/calling/v1/calls/id/1"
    assert event(event="ace", callResourceUrl=address) == AnsweredCall(call_id="1", call_resource_url=address)


def test_an_event_of_an_unknown_kind_is_none() -> None:
    """Nobody could say what may answer it."""
    with pytest.raises(DecodeError, match="event"):
        event(event="ringing")


@given(svaml_documents.json_values(svaml_documents.hostile_keys()))
def test_arbitrary_json_is_an_event_or_a_decode_error(value: Any) -> None:
    """No other exception, whatever the shape."""
    try:
        decode_event(json.dumps(value).encode())
    except DecodeError as error:
        assert error.path.startswith("$")


@given(
    st.sampled_from(["ice", "ace", "dice", "pie", "notify"]),
    st.dictionaries(
        st.sampled_from([*EVENT_FIELDS.split(), "callHeaders", "type"]),
        svaml_documents.json_values(svaml_documents.hostile_keys()),
        max_size=3,
    ),
)
def test_an_event_with_arbitrary_optional_fields_is_an_event(kind: str, fields: dict[str, Any]) -> None:
    """Whatever comes where an optional field should be, the call id can be read and the call can be answered."""
    assert event(event=kind, **fields).call_id == event(event=kind).call_id
