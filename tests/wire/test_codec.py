"""The codec: tolerant of every observed form, exact in what it keeps, and one error with a path for the rest."""

import contextlib
import dataclasses
import json
import pickle
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import attrs
import pytest

from sinch_voice_async._wire import codec, documents
from sinch_voice_async._wire.rest_codec import decode, encode, encode_json
from sinch_voice_async.errors import DecodeError, InvalidRequestError
from sinch_voice_async.models.callouts import CalloutReceipt, CustomCallout, TtsCallout
from sinch_voice_async.models.calls import Call, Conference, ConferenceCommand, Participant, Price
from sinch_voice_async.models.configuration import ApplicationNumber, ApplicationNumbers, NumberQuery
from sinch_voice_async.models.destinations import Destination
from sinch_voice_async.models.events import Event
from sinch_voice_async.models.recordings import Recording
from sinch_voice_async.models.svaml.actions import Hangup
from sinch_voice_async.models.svaml.document import Svaml
from sinch_voice_async.models.svaml.fields import Action

# Loaded with what needs them, which here are the tests.
REGISTERED = documents

CALL = {
    "from": {"type": "number", "endpoint": "+46700000000"},
    "to": {"type": "Number", "endpoint": "+46700000001"},
    "domain": "pstn",
    "callId": "4398599d1ba84ef3bde0a82dfb61abed",
    "duration": 14,
    "status": "FINAL",
    "result": "ANSWERED",
    "reason": "MANAGERHANGUP",
    "timestamp": "2022-03-21T13:13:59",
    "custom": "{}",
    "userRate": {"currencyId": None, "amount": 0.0368},
    "debit": {"currencyId": "USD", "amount": 0.1850},
}


def _call(**fields: Any) -> Call:
    return decode(json.dumps({"callId": "id"} | fields).encode(), Call)


def test_a_call_as_the_platform_sends_it() -> None:
    """Capitalised types, no zone, no currency and a custom object as text, all in one answer."""
    assert decode(json.dumps(CALL).encode(), Call) == Call(
        call_id="4398599d1ba84ef3bde0a82dfb61abed",
        from_=Destination(type="number", endpoint="+46700000000"),
        to=Destination(type="number", endpoint="+46700000001"),
        domain="pstn",
        duration=14,
        status="FINAL",
        result="ANSWERED",
        reason="MANAGERHANGUP",
        timestamp=datetime(2022, 3, 21, 13, 13, 59, tzinfo=UTC),
        custom="{}",
        user_rate=Price(amount=Decimal("0.0368")),
        debit=Price(currency_id="USD", amount=Decimal("0.185")),
    )


@pytest.mark.parametrize("spelling", ["callId", "callid", "CallId", "CALLID"])
def test_a_field_is_found_in_any_casing(spelling: str) -> None:
    """The documents spell the id of a call in three ways."""
    assert decode(f'{{"{spelling}": "abc"}}'.encode(), CalloutReceipt) == CalloutReceipt(call_id="abc")


@pytest.mark.parametrize("spelling", ["id", "callId", "callid", "ID"])
def test_the_leg_of_a_participant(spelling: str) -> None:
    """The reference says id, its prose callId."""
    body = f'{{"participants": [{{"{spelling}": "abc", "onHold": true}}]}}'.encode()
    assert decode(body, Conference).participants == (Participant(call_id="abc", on_hold=True),)


@pytest.mark.parametrize("spelling", ["applicationkey", "applicationKey", "ApplicationKey"])
def test_the_key_of_a_number(spelling: str) -> None:
    """Configuration spells it in lower case, events in camelCase."""
    body = f'{{"numbers": [{{"number": "+46700000001", "{spelling}": "key"}}]}}'.encode()
    (number,) = decode(body, ApplicationNumbers).numbers
    assert number == ApplicationNumber(number="+46700000001", application_key="key")


@pytest.mark.parametrize("spelling", ["number", "numberItem", "numberitem"])
def test_the_answer_of_a_number_query(spelling: str) -> None:
    """The schema says number, its example numberItem."""
    assert decode(f'{{"{spelling}": {{"countryId": "SE"}}}}'.encode(), NumberQuery).number.country_id == "SE"


def test_the_canonical_spelling_wins() -> None:
    """Where two spellings of a field come, the documented one is the field, and the other is kept beside it."""
    receipt = decode(b'{"callid": "other", "callId": "abc"}', CalloutReceipt)
    assert receipt == CalloutReceipt(call_id="abc", extra={"callid": "other"})
    assert decode(encode(receipt), CalloutReceipt) == receipt


def test_null_is_absent() -> None:
    """A null where something may be missing is missing, whatever its spelling."""
    assert _call(to=None, Duration=None, domain=None, extraField=None) == Call(call_id="id", extra={"extraField": None})


def test_a_byte_order_mark_is_skipped() -> None:
    """Servers of one family put it before their JSON."""
    assert decode(b'\xef\xbb\xbf{"callId": "abc"}', CalloutReceipt).call_id == "abc"


@pytest.mark.parametrize(
    ("field", "sent", "read"),
    [
        ("duration", "14", 14),
        ("duration", "-1", -1),
        ("duration", 14.0, 14),
        ("duration", 10**400, 10**400),
        ("call_id", 12, "12"),
        ("domain", "PSTN", "pstn"),
        ("domain", "satellite", "satellite"),
        ("status", "final", "FINAL"),
        ("status", 7, "7"),
        ("reason", "SolarFlare", "SolarFlare"),
        ("custom", {"a": [0.5, {"b": 0.1}]}, {"a": [0.5, {"b": 0.1}]}),
        ("custom", "text", "text"),
    ],
)
def test_values_are_read_tolerantly(field: str, sent: object, read: object) -> None:
    """Numbers come as strings and strings as numbers; enumerations in any casing, and with values nobody knew."""
    wire = {"call_id": "callId"}.get(field, field)
    value = getattr(_call(**{wire: sent}), field)
    assert value == read
    assert type(value) is type(read)


@pytest.mark.parametrize("sent", [True, "true", "True", False, "false", "False"])
def test_booleans_may_be_strings(sent: object) -> None:
    """An example of the platform's own documents has one."""
    body = json.dumps({"participants": [{"id": "a", "muted": sent}]}).encode()
    assert decode(body, Conference).participants[0].muted is (sent in (True, "true", "True"))


@pytest.mark.parametrize(("text", "amount"), [("0.1850", "0.1850"), ('"0.03"', "0.03"), ("0", "0"), ("1e400", "1e400")])
def test_money_is_exact(text: str, amount: str) -> None:
    """No amount goes through a float, and none becomes infinite."""
    body = f'{{"callId": "id", "debit": {{"amount": {text}}}}}'.encode()
    call = decode(body, Call)
    assert call.debit is not None
    assert str(call.debit.amount) == str(Decimal(amount))
    assert decode(encode(call), Call) == call


def test_unknown_fields_are_kept() -> None:
    """What a later platform adds is in ``extra`` as plain JSON, and goes out again exactly as it came."""
    body = b'{"callId":"id","to":{"type":"number","endpoint":"+46700000001","region":"se"},"score":0.9,"huge":1E+400}'
    call = decode(body, Call)
    assert call.extra == {"score": 0.9, "huge": Decimal("1E+400")}
    assert call.to is not None
    assert call.to.extra == {"region": "se"}
    assert json.loads(encode(call), parse_float=str) == json.loads(body, parse_float=str)


@pytest.mark.parametrize("number", ["0.10000000000000000000001", "0.09999999999999999999999", "1E+400"])
def test_an_unknown_number_is_exact(number: str) -> None:
    """A float is made of it only where that loses nothing."""
    (recording,) = decode(f'[{{"key": "a", "headers": {{"n": {number}}}}}]'.encode(), list[Recording])
    assert recording.headers == {"n": Decimal(number)}


@pytest.mark.parametrize("count", ["9E+17", "9e0", "-3.0"])
def test_a_whole_number_may_be_written_with_an_exponent(count: str) -> None:
    """JSON does not tell 100 from 1E+2."""
    call = decode(f'{{"callId": "a", "duration": {count}}}'.encode(), Call)
    assert call.duration == int(Decimal(count))
    assert type(call.duration) is int


def test_unknown_fields_cannot_replace_known_ones() -> None:
    """A field of the model is written from the model."""
    assert encode(CalloutReceipt(call_id="a", extra={"callId": "b", "c": 1})) == b'{"callId":"a","c":1}'


def test_a_request_without_extra_drops_what_it_does_not_know() -> None:
    """A model that only goes to the platform has nowhere to keep it."""
    assert decode(b'{"command": "mute", "loud": true}', ConferenceCommand) == ConferenceCommand(command="mute")


def test_none_is_left_out_and_false_is_sent() -> None:
    """An argument that was not given is not in the JSON; False and 0 are."""
    callout = TtsCallout(destination="+46700000001", custom="", enable_ace=False)
    assert json.loads(encode(callout))["ttsCallout"] == {
        "destination": {"type": "number", "endpoint": "+46700000001"},
        "custom": "",
        "enableAce": False,
    }


def test_what_was_read_is_written_canonically() -> None:
    """Times in UTC with a Z, enumerations and unknown objects as they are."""
    call = decode(json.dumps(CALL | {"custom": {"a": 1}}).encode(), Call)
    written = json.loads(encode(call))
    assert written["timestamp"] == "2022-03-21T13:13:59Z"
    assert (written["status"], written["custom"], written["to"]["type"]) == ("FINAL", {"a": 1}, "number")
    assert (
        json.loads(encode(TtsCallout(destination="1234567", text="a", domain="pstn")))["ttsCallout"]["domain"] == "pstn"
    )
    (recording,) = decode(b'[{"key": "a", "headers": {"b": "c"}}]', list[Recording])
    assert json.loads(encode(recording))["headers"] == {"b": "c"}


def test_json_is_compact_utf8() -> None:
    """No escapes and no spaces: what is signed is what is sent, and short."""
    body = encode(TtsCallout(destination="+46700000001", text="Smörgåsbord 🎉"))
    assert '"text":"Smörgåsbord 🎉"'.encode() in body
    assert b": " not in body


def test_svaml_goes_inline_as_a_string() -> None:
    """The platform wants the SVAML of a custom callout as JSON in a string."""
    callout = CustomCallout(ice=Svaml(action=Hangup()), ace="https://example.com/ace")
    fields = json.loads(encode(callout))["customCallout"]
    assert json.loads(fields["ice"]) == {"action": {"name": "hangup"}}
    assert fields["ace"] == "https://example.com/ace"
    assert decode(encode(callout), CustomCallout).ice == '{"action":{"name":"hangup"}}'


def test_a_callout_is_read_without_its_envelope_too() -> None:
    """The fields alone are enough to say what a callout is."""
    body = b'{"destination": {"type": "number", "endpoint": "+46700000001"}, "text": "Hi"}'
    assert decode(body, TtsCallout) == TtsCallout(destination="+46700000001", text="Hi")


@pytest.mark.parametrize(
    ("body", "type_", "path"),
    [
        (
            {"participants": [{"id": "a"}, {"id": "b"}, {"id": "c", "duration": "x"}]},
            Conference,
            "$.participants[2].duration",
        ),
        ({"participants": {"id": "a"}}, Conference, "$.participants"),
        ({"participants": [[]]}, Conference, "$.participants[0]"),
        ({"participants": [{"callId": []}]}, Conference, "$.participants[0].id"),
        ({"participants": [{"id": "a", "muted": 1}]}, Conference, "$.participants[0].muted"),
        ({}, CalloutReceipt, "$.callId"),
        ({"callId": None}, CalloutReceipt, "$.callId"),
        ({"callId": ["a"]}, CalloutReceipt, "$.callId"),
        ([], CalloutReceipt, "$"),
        (None, CalloutReceipt, "$"),
        ("login", CalloutReceipt, "$"),
        ({"callId": "a", "to": "b"}, Call, "$.to"),
        ({"callId": "a", "to": {"endpoint": {}}}, Call, "$.to.endpoint"),
        ({"callId": "a", "to": {"type": []}}, Call, "$.to.type"),
        ({"callId": "a", "custom": []}, Call, "$.custom"),
        ({"callId": "a", "duration": True}, Call, "$.duration"),
        ({"callId": "a", "duration": 1.5}, Call, "$.duration"),
        ({"callId": "a", "duration": -1.5}, Call, "$.duration"),
        ({"callId": "a", "duration": "¹"}, Call, "$.duration"),
        ({"callId": "a", "timestamp": "soon"}, Call, "$.timestamp"),
        ({"callId": "a", "debit": {"amount": "cheap"}}, Call, "$.debit.amount"),
        ({"callId": "a", "debit": {"amount": "NaN"}}, Call, "$.debit.amount"),
        ({"callId": "a", "debit": {"amount": []}}, Call, "$.debit.amount"),
        ([{"key": "a"}, {"key": "b", "headers": []}], list[Recording], "$[1].headers"),
        ({"recordings": []}, list[Recording], "$"),
        ({"ttsCallout": {"destination": {"endpoint": 1.5}}}, TtsCallout, "$.ttsCallout.destination.endpoint"),
        (
            {
                "ttsCallout": {
                    "destination": {"type": "number", "endpoint": "+46700000001"},
                    "maxDuration": 1,
                    "dtmf": "*",
                }
            },
            TtsCallout,
            "$.ttsCallout.dtmf",
        ),
    ],
)
def test_what_is_not_the_model_is_refused_with_the_path(body: object, type_: type, path: str) -> None:
    """The error says where the answer stops being what the model says."""
    with pytest.raises(DecodeError) as refusal:
        decode(json.dumps(body).encode(), type_, strict=True)
    assert refusal.value.path == path


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  ",
        b"<html><body>Please log in</body></html>",
        b'{"callId": "a"',
        b'{"callId": "\xff"}',
        b'{"callId": NaN}',
        b'{"callId": ' + b"1" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    """A login page, a cut or garbled body, or one made to hurt: one clear error at the root."""
    with pytest.raises(DecodeError) as refusal:
        decode(body, CalloutReceipt)
    assert refusal.value.path == ("$.callId" if b"1111" in body or b"NaN" in body else "$")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "it is empty"),
        (b" \r\n", "it is empty"),
        (b'{"a": "\xe9"}', "it is not UTF-8: byte 7 is 0xe9"),
        (b"<html>", "it is not JSON: Expecting value at character 0"),
        (b'{"callId": "a"', "it is not JSON: Expecting ',' delimiter at character 14"),
        (b'{"callId": NaN}', "a string is expected"),
        (b'{"callId": ' + b"1" * 5000 + b"}", "a string is expected"),
    ],
)
def test_it_is_said_why_it_is_no_json(body: bytes, reason: str) -> None:
    """Where it stops being JSON, and nothing of what stands there."""
    with pytest.raises(DecodeError, match=f"{re.escape(reason)}$"):
        decode(body, CalloutReceipt)


@pytest.mark.parametrize("depth", [700, 2_000])
@pytest.mark.parametrize("body", ['{"callId":"a","x":%s}', '{"callId":"a","to":{"endpoint":"b","x":%s}}'])
def test_deep_nesting_does_no_harm(body: str, depth: int) -> None:
    """However deep an unknown field goes, and wherever Python gives up, there is a model or the one error."""
    with contextlib.suppress(DecodeError):
        decode((body % ("[" * depth + "]" * depth)).encode(), Call)


@pytest.mark.parametrize(
    ("body", "type_", "path", "reason"),
    [
        ({"action": []}, Svaml, "$.action", "an object is expected"),
        ({"action": {}}, Svaml, "$.action.name", "it is missing"),
        ({"action": {"name": []}}, Svaml, "$.action.name", "a string is expected"),
        (
            {"action": {"Name": "HANGUP"}, "instructions": [{"name": "say"}]},
            Svaml,
            "$.instructions[0].text",
            "it is missing",
        ),
        ({"event": "earthquake", "callid": "a"}, Event, "$.event", "it is none of ice, ace, dice, pie, notify"),
        ({"Event": "ICE"}, Event, "$.callid", "it is missing"),
    ],
)
def test_a_tagged_union_is_refused_with_the_path(body: object, type_: type, path: str, reason: str) -> None:
    """The path goes through what the tag says a part is."""
    with pytest.raises(DecodeError, match=f": {reason}$") as refusal:
        decode(json.dumps(body).encode(), type_, strict=True)
    assert refusal.value.path == path


def test_the_tag_is_found_among_other_fields() -> None:
    """In any casing, before and behind what nobody knows; a field that is called as the action is one of those."""
    action = decode(b'{"action": {"aaa": 1, "zzz": 3, "NAME": "HANGUP", "hangup": 2}}', Svaml).action
    assert action == Hangup(extra={"aaa": 1, "hangup": 2, "zzz": 3})


@pytest.mark.parametrize("count", ["1E+18", "-1E+18", "1E+999999999"])
def test_a_number_past_all_counting_is_refused_at_once(count: str) -> None:
    """1E+999999999 seconds would fill the memory as an int."""
    call = decode(f'{{"callId": "a", "duration": {count}}}'.encode(), Call)
    assert call.duration is None
    assert call.extra == {"duration": Decimal(count)}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"timestamp": 5}, "an ISO 8601 time is expected"),
        ({"timestamp": []}, "a string is expected"),
        ({"status": []}, "a string is expected"),
        ({"duration": []}, "a whole number is expected"),
        ({"duration": "soon"}, "a whole number is expected"),
        ({"to": {"type": True}}, "a string is expected"),
        ({"debit": {"amount": []}}, "a number is expected"),
        ({"debit": {"amount": "Infinity"}}, "a finite number is expected"),
        ({"to": []}, "an object is expected"),
    ],
)
def test_the_reason_says_what_is_expected(fields: dict[str, object], reason: str) -> None:
    """And not what some line of Python could not do with what came."""
    with pytest.raises(DecodeError, match=f": {reason}$"):
        decode(json.dumps({"callId": "id"} | fields).encode(), Call, strict=True)


def test_headers_are_an_object() -> None:
    """The reason stands there for a field of unknown fields too."""
    with pytest.raises(DecodeError, match=r"\$\[0\]\.headers: an object is expected$"):
        decode(b'[{"key": "a", "headers": []}]', list[Recording], strict=True)


def test_the_error_says_what_became_of_the_request() -> None:
    """The platform acted: the status and the number of attempts are there, and the outcome is accepted."""
    with pytest.raises(DecodeError) as refusal:
        decode(b"{}", CalloutReceipt, status=200, attempts=2)
    error = pickle.loads(pickle.dumps(refusal.value))
    assert (error.status, error.attempts, error.outcome, error.path) == (200, 2, "accepted", "$.callId")
    with pytest.raises(DecodeError) as refusal:
        decode(b"{}", CalloutReceipt)  # nobody was asked: no status and no attempt
    assert (refusal.value.status, refusal.value.attempts) == (None, 0)


@pytest.mark.parametrize(
    "body", [b'{"secret-token', b'{"callId": {"secret-token": 1}}', b'{"callId": [1], "b": "secret-token"}']
)
def test_the_error_holds_nothing_of_the_body(body: bytes) -> None:
    """Bodies hold numbers and texts of people: neither the message nor a chained error repeats them."""
    with pytest.raises(DecodeError) as refusal:
        decode(body, CalloutReceipt)
    assert "secret-token" not in str(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__context__ is None


def _circle() -> dict[str, Any]:
    circle: dict[str, Any] = {}
    circle["self"] = circle
    return circle


@pytest.mark.parametrize(
    "extra",
    [{"x": float("nan")}, {"x": Decimal("Infinity")}, {"x": object()}, {"x": b"bytes"}, {"x": "\ud800"}, _circle()],
    ids=["nan", "infinity", "object", "bytes", "surrogate", "circle"],
)
def test_what_json_cannot_say_is_refused(extra: dict[str, Any]) -> None:
    """Nothing half-written is sent, and the error names the field."""
    with pytest.raises(InvalidRequestError, match=r"^extra holds a value that JSON cannot hold") as refusal:
        encode(CalloutReceipt(call_id="a", extra=extra))
    assert refusal.value.field == "extra"


def test_a_lone_surrogate_is_refused_by_its_field() -> None:
    """A text that UTF-8 cannot hold is named when it is encoded."""
    with pytest.raises(InvalidRequestError) as refusal:
        encode(TtsCallout(destination="+46700000001", text="\ud800"))
    assert refusal.value.field == "text"


def test_plain_values_for_requests_of_your_own() -> None:
    """The escape hatch sends any JSON, numbers exact."""
    assert encode_json({"a": [1, Decimal("0.10"), None]}) == b'{"a":[1,0.10,null]}'


def test_plain_values_that_are_no_json() -> None:
    """What JSON cannot say is the caller's error, and no model's."""
    with pytest.raises(InvalidRequestError) as refusal:
        encode_json({"a": {1, 2}})
    assert refusal.value.field == "body"


def test_what_is_no_model_is_not_encoded() -> None:
    """There is no field to name."""
    with pytest.raises(InvalidRequestError, match=r"^object holds a value that JSON cannot hold") as refusal:
        encode(object())
    assert refusal.value.field is None


class Plain:
    """A class that nothing is known about."""


@attrs.frozen(kw_only=True)
class CallTransfer:
    """A model that is not registered."""

    call_id: str
    max_duration: int | None = None


@dataclasses.dataclass
class Transfer:
    """The same as a dataclass."""

    call_id: str


@attrs.frozen(kw_only=True)
class LongReceipt(CalloutReceipt):
    """A registered model with one field more."""

    note: str = ""


class NamedReceipt(CalloutReceipt):
    """A registered model under another name."""


UNKNOWN = [CallTransfer(call_id="1"), Transfer(call_id="1"), LongReceipt(call_id="1")]


@pytest.mark.parametrize("unknown", UNKNOWN, ids=lambda unknown: type(unknown).__name__)
@pytest.mark.parametrize("place", ["alone", "in a list", "in a mapping", "in a field"])
def test_a_class_that_is_not_registered_is_refused_by_name(unknown: object, place: str) -> None:
    """No class goes out in Python's spelling, wherever in a document it stands."""
    documents: dict[str, Any] = {"alone": unknown, "in a list": [1, unknown], "in a mapping": {"a": {"b": unknown}}}
    with pytest.raises(InvalidRequestError):
        if place == "in a field":
            encode(CalloutReceipt(call_id="1", extra={"x": unknown}))
        else:
            encode_json(documents[place])
    if place == "alone":
        with pytest.raises(InvalidRequestError, match=type(unknown).__name__):
            encode(unknown)


def test_an_action_that_is_not_registered_is_refused_by_name() -> None:
    """An action of your own is refused, where the document that holds it is known."""

    @attrs.frozen
    class Transfer(Action):
        number: str = ""

    with pytest.raises(InvalidRequestError, match="Transfer is not a model of this library"):
        encode(Svaml(action=Transfer("1")))
    with pytest.raises(InvalidRequestError, match="Transfer is not a model of this library"):
        encode_json([Svaml(action=Transfer("1"))])


def test_a_subclass_with_the_same_fields_is_encoded_as_its_base() -> None:
    """The name of a class does not matter, its fields do; registered models may stand in plain values."""
    assert encode(NamedReceipt(call_id="1")) == b'{"callId":"1"}'
    assert encode_json({"a": [NamedReceipt(call_id="1"), Hangup()]}) == b'{"a":[{"callId":"1"},{"name":"hangup"}]}'


ODD = [[], {}, {"a": 1}, [1], True, 2.5, "soon", "", -1, 10**30]
CALL_FIELDS = ["from", "to", "domain", "duration", "status", "result", "timestamp", "custom", "userRate", "debit"]


@pytest.mark.parametrize("field", CALL_FIELDS)
@pytest.mark.parametrize("value", ODD, ids=repr)
def test_an_optional_field_of_a_wrong_shape_does_not_lose_the_answer(field: str, value: object) -> None:
    """The field reads as None or as what can be read of it, the rest is there, and nothing of the raw value is lost."""
    call = _call(**{field: value, "reason": "CANCEL"})
    read = getattr(call, {"from": "from_", "userRate": "user_rate"}.get(field, field))
    assert (call.call_id, call.reason) == ("id", "CANCEL")
    # A price without an amount says that there is none.
    blank = field in ("userRate", "debit") and isinstance(value, dict)
    if read is None and not blank:
        assert call.extra == {field: value}
    assert field in json.loads(encode(call)) or blank


def test_an_odd_part_keeps_what_can_be_read_of_it() -> None:
    """One field of a part is left out, not the part; of a list the items that can be read are kept."""
    call = _call(to={"type": ["a"], "endpoint": "b"}, DURATION="soon")
    assert call.to == Destination(endpoint="b", extra={"type": ["a"]})
    assert call.extra == {"DURATION": "soon"}
    sent = [{"id": "a"}, {"cli": "b", "muted": "maybe"}, "c", {"id": None}]
    conference = decode(json.dumps({"participants": sent}).encode(), Conference)
    assert conference.participants == (
        Participant(call_id="a"),
        Participant(cli="b", extra={"muted": "maybe"}),
        Participant(),
    )
    assert conference.extra == {"participants": sent}


def test_a_required_part_of_a_list_answer_is_still_required() -> None:
    """A recording without a key is not dropped from a listing: nothing would tell that it is missing."""
    with pytest.raises(DecodeError) as refusal:
        decode(b'[{"key": "a", "createdOn": "soon"}, {"url": "b", "createdOn": "soon"}]', list[Recording])
    assert refusal.value.path == "$[1].key"
    assert decode(b'[{"key": "a", "createdOn": "soon"}]', list[Recording])[0].extra == {"createdOn": "soon"}


@pytest.mark.parametrize(
    "number", ["NaN", "-Infinity", "1e99999999999999999999", "9" * 5000, "1e999999999", "1e-999999"]
)
@pytest.mark.parametrize("field", ["duration", "reference", "debit"])
def test_a_number_that_cannot_be_computed_with_is_kept(field: str, number: str) -> None:
    """The answer is read, the number stands in ``extra`` as text or as a Decimal, and can be written and shown."""
    call = decode(f'{{"callId": "a", "{field}": {number}}}'.encode(), Call)
    assert str(call.extra[field]).lower().replace("+", "") == number.lower()
    assert repr(call)
    encode(call)


def test_a_path_too_deep_to_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Python cannot follow a document down to its fault, the way so far is told."""

    def too_deep(*_: object, **__: object) -> None:
        raise RecursionError

    monkeypatch.setattr(codec, "_first_failing", too_deep)
    with pytest.raises(DecodeError, match="nested too deeply") as caught:
        decode(b'{"callId": []}', CalloutReceipt)
    assert caught.value.path == "$"
