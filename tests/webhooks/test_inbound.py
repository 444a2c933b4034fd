"""No event without a valid signature, whatever the request and the framework."""

import base64
import functools
import json
import pickle
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_string
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinch_voice_async._wire.signing import sign, string_to_sign
from sinch_voice_async.credentials import Credentials
from sinch_voice_async.errors import (
    ConfigurationError,
    InvalidEventError,
    InvalidRequestError,
    InvalidSignatureError,
    SinchVoiceError,
    StaleTimestampError,
    WebhookError,
)
from sinch_voice_async.testing import signed_callback
from sinch_voice_async.webhooks import AnsweredCall, MemoryReplayCache, event_from_http, verify
from sinch_voice_async.webhooks.inbound import authenticate
from tests.webhooks.callbacks import CREDENTIALS, EVENTS, STRANGER

# Authentication, Callback signed request: the published example, whose signature was recomputed and matches.
PUBLISHED_BODY = (
    b'{"event":"ace","callid":"822aa4b7-05b4-4d83-87c7-1f835ee0b6f6_257",'
    b'"timestamp":"2014-09-24T10:59:41Z","version":1}'
)
PUBLISHED_SIGNATURE = "Tg6fMyo8mj9pYfWQ9ssbx3Tc1BNC87IEygAfLbJqZb4="
PUBLISHED_HEADERS = {
    "authorization": f"application {CREDENTIALS.application_key}:{PUBLISHED_SIGNATURE}",
    "content-type": "application/json",
    "x-timestamp": "2014-09-24T10:59:41Z",
}
PUBLISHED_TIME = datetime(2014, 9, 24, 10, 59, 41, tzinfo=UTC)
PATH = "/sinch/callback/ace"

published = functools.partial(
    event_from_http, "POST", PATH, PUBLISHED_HEADERS, PUBLISHED_BODY, credentials=CREDENTIALS, now=PUBLISHED_TIME
)


def with_headers(**changes: str | None) -> dict[str, str]:
    """Return the published headers with some replaced, or taken out where None."""
    changed = PUBLISHED_HEADERS | {name.replace("_", "-"): value for name, value in changes.items()}
    return {name: value for name, value in changed.items() if value is not None}


def verify_published(
    method: str = "POST", path: str = PATH, headers: Any = PUBLISHED_HEADERS, body: Any = PUBLISHED_BODY, **options: Any
) -> None:
    """Verify the published callback, with changes."""
    usual: dict[str, Any] = {"credentials": CREDENTIALS, "now": PUBLISHED_TIME}
    verify(method, path, headers, body, **usual | options)


def test_published_callback_is_read() -> None:
    """The example of the platform's documents verifies, and is the event that it says."""
    event = published()
    assert isinstance(event, AnsweredCall)
    assert event.call_id == "822aa4b7-05b4-4d83-87c7-1f835ee0b6f6_257"
    assert event.timestamp == PUBLISHED_TIME


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_is_read(name: str) -> None:
    """Each kind of event comes out as its class."""
    headers, body = signed_callback(EVENTS[name], CREDENTIALS, "/")
    event = event_from_http("POST", "/", headers, body, credentials=CREDENTIALS)
    kind = {"ice": "IncomingCall", "ace": "AnsweredCall", "pie": "PromptInput", "dice": "DisconnectedCall"}
    assert type(event).__name__ == kind.get(name, "Notification")


@pytest.mark.parametrize("scheme", ["application", "Application", "APPLICATION"])
def test_scheme_and_key_are_read_in_any_casing(scheme: str) -> None:
    """The documents print the scheme and the key in either case."""
    for key in (CREDENTIALS.application_key.lower(), CREDENTIALS.application_key.upper()):
        verify_published(headers=with_headers(authorization=f"{scheme} {key}:{PUBLISHED_SIGNATURE}"))


@pytest.mark.parametrize(
    "headers",
    [
        {name.upper(): value for name, value in PUBLISHED_HEADERS.items()},
        {name: [value] for name, value in PUBLISHED_HEADERS.items()},
        {name: value.encode() for name, value in PUBLISHED_HEADERS.items()},
        {name.title(): (value.encode(),) for name, value in PUBLISHED_HEADERS.items()},
        {name.encode(): value.encode() for name, value in PUBLISHED_HEADERS.items()},
        list(PUBLISHED_HEADERS.items()),
        [(name.encode(), value.encode()) for name, value in PUBLISHED_HEADERS.items()],
        iter([*PUBLISHED_HEADERS.items(), ("Accept", "*/*"), ("Accept", "text/html")]),
        PUBLISHED_HEADERS | {"x-note": "h\u00e9llo", "\u00fcber": "\ud83d"},
        message_from_string("".join(f"{name}: {value}\n" for name, value in PUBLISHED_HEADERS.items())),
        {
            "HTTP_AUTHORIZATION": PUBLISHED_HEADERS["authorization"],
            "HTTP_X_TIMESTAMP": PUBLISHED_HEADERS["x-timestamp"],
            "CONTENT_TYPE": PUBLISHED_HEADERS["content-type"],
            "wsgi.input": BytesIO(),
        },
    ],
    ids=[
        *("upper", "lists", "bytes", "lists of bytes", "all bytes", "pairs", "raw pairs", "iterator", "not ascii"),
        *("standard library", "WSGI"),
    ],
)
def test_headers_of_any_framework_are_read(headers: Any) -> None:
    """Mappings and pairs, text and bytes, single values and lists of them are all headers."""
    verify_published(headers=headers)


@pytest.mark.parametrize("headers", [None, 7, "authorization", [("authorization", 7)], {7: "seven"}, [(1, 2, 3)]])
def test_what_is_no_header_is_said(headers: Any) -> None:
    """A mistake in the calling code is told from a forged request."""
    with pytest.raises(InvalidRequestError, match="headers must be") as caught:
        verify_published(headers=headers)
    assert caught.value.field == "headers"


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"method": "post"},
        {"path": "/sinch/callback/ice"},
        {"path": "/sinch/callback/ace/"},
        {"path": "/sinch/callback/%61ce"},
        {"path": "/sinch/callback/\ud800"},
        {"body": PUBLISHED_BODY + b" "},
        {"body": PUBLISHED_BODY.replace(b"257", b"258")},
        {"body": b""},
        {"headers": with_headers(content_type=None)},
        {"headers": with_headers(content_type="application/json; charset=utf-8")},
        {"headers": with_headers(content_type="\udfff\ud800")},
        {"headers": with_headers(x_timestamp="2014-09-24T10:59:42Z")},
        {"headers": with_headers(x_timestamp="2014-09-24T10:59:41.000Z")},
        {"headers": with_headers(authorization=f"application {CREDENTIALS.application_key}:")},
        {
            "headers": with_headers(
                authorization=f"application {CREDENTIALS.application_key}:{PUBLISHED_SIGNATURE[:-1]}"
            )
        },
        {"headers": with_headers(authorization=f"application {CREDENTIALS.application_key}:{PUBLISHED_SIGNATURE}=")},
        {
            "headers": with_headers(
                authorization=f"application {CREDENTIALS.application_key}:{PUBLISHED_SIGNATURE}\u00e9"
            )
        },
        {"headers": with_headers(authorization=f"application {CREDENTIALS.application_key}: {PUBLISHED_SIGNATURE}")},
        # The two bits behind the last byte: another spelling of the same bytes.
        {
            "headers": with_headers(
                authorization=f"application {CREDENTIALS.application_key}:{PUBLISHED_SIGNATURE[:-2]}5="
            )
        },
        {"credentials": Credentials(CREDENTIALS.application_key, STRANGER.application_secret)},
        {"credentials": Credentials(CREDENTIALS.application_key, "BeIukql3pTKJ8RGL5zo0")},
    ],
    ids=repr,
)
def test_each_line_of_what_is_signed_counts(change: dict[str, Any]) -> None:
    """One thing changed, and the signature belongs to another request."""
    with pytest.raises(InvalidSignatureError, match="does not belong to"):
        verify_published(**change)


@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        (None, "it has no Authorization header"),
        ("", "it has no Authorization header"),
        ("application", "not that of an application-signed request"),
        (f"application {CREDENTIALS.application_key}", "not that of an application-signed request"),
        (f"application{CREDENTIALS.application_key}:{PUBLISHED_SIGNATURE}", "not that of an application-signed"),
        (f"applications {CREDENTIALS.application_key}:{PUBLISHED_SIGNATURE}", "not that of an application-signed"),
        (f"Bearer {PUBLISHED_SIGNATURE}", "not that of an application-signed request"),
        (f"application {STRANGER.application_key}:{PUBLISHED_SIGNATURE}", "the key of another application"),
        (f"application :{PUBLISHED_SIGNATURE}", "the key of another application"),
    ],
)
def test_what_is_not_signed_is_refused(authorization: str | None, reason: str) -> None:
    """Each way of not being signed has its own words, for whoever debugs it."""
    with pytest.raises(InvalidSignatureError, match=reason):
        verify_published(headers=with_headers(authorization=authorization))


@pytest.mark.parametrize("key", [STRANGER.application_key, "ffffffff-6bba-48ab-af15-266871c28135", ""])
def test_a_good_signature_under_another_key_is_refused(key: str) -> None:
    """The secret alone is not enough: whose application it is has to be said, and rightly."""
    with pytest.raises(InvalidSignatureError, match="the key of another application"):
        verify_published(headers=with_headers(authorization=f"application {key}:{PUBLISHED_SIGNATURE}"))


def test_basic_authorization_is_refused() -> None:
    """A callback is signed; whoever knows the secret itself may still not pass without signing."""
    pair = f"{CREDENTIALS.application_key}:{CREDENTIALS.application_secret}"
    for token in (pair, base64.b64encode(pair.encode()).decode()):
        with pytest.raises(InvalidSignatureError):
            verify_published(headers=with_headers(authorization=f"Basic {token}"))


def test_second_authorization_header_does_not_hide() -> None:
    """Two values of one header are one, which no signature fits."""
    twice = [*PUBLISHED_HEADERS.items(), ("Authorization", PUBLISHED_HEADERS["authorization"])]
    with pytest.raises(InvalidSignatureError):
        verify_published(headers=twice)


def test_missing_content_type_is_an_empty_line() -> None:
    """A request without the header is signed with nothing in its place."""
    headers, body = signed_callback(EVENTS["ice"], CREDENTIALS, "/", content_type="")
    del headers["content-type"]
    verify("POST", "/", headers, body, credentials=CREDENTIALS)


def test_bytes_that_are_not_ascii_are_signed_as_they_came() -> None:
    """The bytes on the wire are what counts, whatever they are as text."""
    content_type = b"application/json; note=\xff\xc3\xa9".decode("utf-8", "surrogateescape")
    headers, body = signed_callback(EVENTS["ice"], CREDENTIALS, "/\u00e9", content_type=content_type)
    raw = [(name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in headers.items()]
    verify("POST", "/\u00e9", raw, body, credentials=CREDENTIALS)


@pytest.mark.parametrize("order", [[CREDENTIALS, STRANGER], (STRANGER, CREDENTIALS)])
def test_any_of_several_credentials_may_have_signed(order: Any) -> None:
    """While a secret is rotated both are good, in any order."""
    verify_published(credentials=order)
    rotated = [Credentials(CREDENTIALS.application_key, "bm90IGEgc2VjcmV0IQ=="), CREDENTIALS]
    verify_published(credentials=rotated)


@pytest.mark.parametrize("credentials", [[], None, "key", [CREDENTIALS, "key"], 7])
def test_credentials_of_the_wrong_type_are_said(credentials: Any) -> None:
    """What cannot verify anything is the caller's mistake."""
    with pytest.raises(ConfigurationError, match="credentials must be"):
        verify_published(credentials=credentials)


@pytest.mark.parametrize(
    "timestamp",
    [
        "2014-09-24T10:59:41Z",
        "2014-09-24T10:59:41.123Z",
        "2014-09-24T10:59:41.1234567Z",
        "2014-09-24T10:59:41.123456+00:00",
        "2014-09-24T12:59:41+02:00",
        "2014-09-24T10:59:41",
    ],
)
def test_timestamps_of_every_observed_form_are_read(timestamp: str) -> None:
    """With Z, with an offset, with up to seven digits, and without a zone, which is UTC."""
    verify_published(headers=signed_at(timestamp))


def signed_at(timestamp: str) -> dict[str, str]:
    """Return headers with this timestamp, signed."""
    signature = sign(CREDENTIALS, string_to_sign("POST", PATH, PUBLISHED_BODY, "application/json", timestamp))
    key = CREDENTIALS.application_key
    return with_headers(x_timestamp=timestamp, authorization=f"application {key}:{signature}")


@pytest.mark.parametrize(
    "timestamp", ["yesterday", "1411556381", "2014-13-24T10:59:41Z", "0000-00-00", "9" * 5000, "\u00e9"]
)
def test_garbled_timestamp_is_refused(timestamp: str) -> None:
    """What is signed and no time is refused as stale."""
    with pytest.raises(StaleTimestampError, match="not an ISO 8601 time"):
        verify_published(headers=signed_at(timestamp))


def test_missing_timestamp_is_refused() -> None:
    """Without a timestamp there is no telling when it was signed, also where any age would do."""
    for max_age in (300.0, None):
        with pytest.raises(StaleTimestampError, match="no x-timestamp"):
            verify_published(headers=with_headers(x_timestamp=None), max_age=max_age)


@pytest.mark.parametrize("off", [-300, -299.5, 0, 300])
def test_timestamp_within_the_window_is_accepted(off: float) -> None:
    """Clocks differ: the edge of the window belongs to it."""
    verify_published(now=PUBLISHED_TIME + timedelta(seconds=off))
    verify_published(now=PUBLISHED_TIME.timestamp() + off)


@pytest.mark.parametrize("off", [-301, 300.5, 86_400, float("nan")])
def test_timestamp_out_of_the_window_is_refused(off: float) -> None:
    """Too old and too far ahead are the same, and so is a clock that says nothing."""
    with pytest.raises(StaleTimestampError, match="seconds old"):
        verify_published(now=PUBLISHED_TIME.timestamp() + off)


def test_window_is_configurable() -> None:
    """A narrower one, a wider one, and none."""
    later = PUBLISHED_TIME + timedelta(seconds=11)
    with pytest.raises(StaleTimestampError):
        verify_published(now=later, max_age=10)
    verify_published(now=later, max_age=12)
    verify_published(now=later + timedelta(days=9999), max_age=None)
    verify_published(max_age=None, headers=signed_at("some other form"))


def test_time_of_the_machine_is_used() -> None:
    """Where no time is given, it is now: long after the published callback."""
    with pytest.raises(StaleTimestampError):
        verify_published(now=None)
    headers, body = signed_callback(EVENTS["ice"], CREDENTIALS, "/")
    verify("POST", "/", headers, body, credentials=CREDENTIALS)


@pytest.mark.parametrize("now", [datetime(2014, 9, 24), "now", b"now"])  # noqa: DTZ001 - the case
def test_time_without_a_zone_is_said(now: Any) -> None:
    """A time that could be any is the caller's mistake."""
    with pytest.raises(InvalidRequestError, match="now must be") as caught:
        verify_published(now=now)
    assert caught.value.field == "now"


def test_query_is_left_out_unless_asked_for() -> None:
    """The documents speak of the path alone; whoever finds it signed can say so."""
    verify_published(path=f"{PATH}?tenant=7")
    event_from_http(
        "POST", f"{PATH}?tenant=7", PUBLISHED_HEADERS, PUBLISHED_BODY, credentials=CREDENTIALS, now=PUBLISHED_TIME
    )
    authenticate("POST", f"{PATH}?tenant=7", PUBLISHED_HEADERS, PUBLISHED_BODY, credentials=[CREDENTIALS], max_age=None)
    with pytest.raises(InvalidSignatureError):
        verify_published(path=f"{PATH}?tenant=7", include_query=True)
    verify_published(include_query=True)
    text = string_to_sign("POST", PATH, PUBLISHED_BODY, "application/json", PUBLISHED_HEADERS["x-timestamp"])
    signature = sign(CREDENTIALS, f"{text}?tenant=7")
    headers = with_headers(authorization=f"application {CREDENTIALS.application_key}:{signature}")
    verify_published(path=f"{PATH}?tenant=7", headers=headers, include_query=True)
    with pytest.raises(InvalidSignatureError):
        verify_published(path=f"{PATH}?tenant=8", headers=headers, include_query=True)


@pytest.mark.parametrize(
    ("field", "value"), [("body", "{}"), ("body", {}), ("body", None), ("method", b"POST"), ("path", b"/")]
)
def test_arguments_of_the_wrong_type_are_said(field: str, value: Any) -> None:
    """A body that a framework has parsed already is named, rather than called a forgery."""
    with pytest.raises(InvalidRequestError, match=f"{field} must be") as caught:
        verify_published(**{field: value})
    assert caught.value.field == field


@pytest.mark.parametrize("wrap", [bytearray, memoryview])
def test_any_buffer_is_a_body(wrap: Callable[[bytes], Any]) -> None:
    """What some servers hand out in place of bytes is as good."""
    event = event_from_http(
        "POST", PATH, PUBLISHED_HEADERS, wrap(PUBLISHED_BODY), credentials=CREDENTIALS, now=PUBLISHED_TIME
    )
    assert isinstance(event, AnsweredCall)


@pytest.mark.parametrize(
    "body", [b"", b"not json", b"[]", b'{"event":"ice"}', b'{"event":"new","callId":"1"}', b"\xff"]
)
def test_signed_body_that_is_no_event_is_said(body: bytes) -> None:
    """A body with a good signature that is no event is neither a forgery nor an event."""
    headers, body = signed_callback(body, CREDENTIALS, "/")
    with pytest.raises(InvalidEventError) as caught:
        event_from_http("POST", "/", headers, body, credentials=CREDENTIALS)
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_unsigned_body_is_never_read() -> None:
    """What a forged body holds makes no difference: the signature is the first thing that is wrong."""
    with pytest.raises(InvalidSignatureError):
        event_from_http("POST", "/", {}, b"not json", credentials=CREDENTIALS)


def test_replay_cache_refuses_a_repetition() -> None:
    """With a cache the same request is good once; without, the function is pure."""
    cache = MemoryReplayCache()
    assert published() == published(replay_cache=cache) == published()
    with pytest.raises(InvalidSignatureError, match="repetition"):
        published(replay_cache=cache)


def test_signature_is_remembered_as_long_as_it_is_good() -> None:
    """A cache need keep nothing for longer than the timestamp would be accepted."""
    asked = []

    class Cache:
        def add(self, signature: str, seconds: float) -> bool:
            asked.append((signature, seconds))
            return True

        def discard(self, signature: str) -> None: ...

    for off, max_age in ((0, 300), (200, 300), (-200, 300), (0, None)):
        published(replay_cache=Cache(), now=PUBLISHED_TIME + timedelta(seconds=off), max_age=max_age)
    assert asked == [(PUBLISHED_SIGNATURE, seconds) for seconds in (300, 100, 500, 300)]


def test_nothing_secret_is_in_a_message() -> None:
    """Errors are logged: neither a secret, nor a signature, nor what the body says is in them."""
    forged = Credentials(CREDENTIALS.application_key, STRANGER.application_secret)
    for options in ({"credentials": forged}, {"now": 0.0}, {"headers": with_headers(authorization="Basic c2VjcmV0")}):
        with pytest.raises(WebhookError) as caught:
            verify_published(**options)
        text = f"{caught.value!r} {caught.value} {vars(caught.value)}"
        for secret in (PUBLISHED_SIGNATURE, CREDENTIALS.application_secret, "c2VjcmV0", "822aa4b7"):
            assert secret not in text
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_proof_keeps_its_signature_to_itself() -> None:
    """What is remembered against repetition is not shown where somebody prints it."""
    proof = authenticate("POST", PATH, PUBLISHED_HEADERS, PUBLISHED_BODY, credentials=[CREDENTIALS], max_age=None)
    assert proof.signature == PUBLISHED_SIGNATURE
    assert PUBLISHED_SIGNATURE not in repr(proof)


def test_a_message_repeats_little_of_what_a_stranger_sent() -> None:
    """16 characters of the method, 200 of the path and 100 of the Content-Type tell enough, and fill no log."""
    headers = with_headers(content_type="t" * 5000)
    with pytest.raises(InvalidSignatureError) as caught:
        verify_published(method="M" * 5000, path="/" + "p" * 5000, headers=headers)
    assert f"'{'M' * 16}' on '/{'p' * 199}', Content-Type '{'t' * 100}', {len(PUBLISHED_BODY)} bytes" in str(
        caught.value
    )


def test_single_bit_mutations_are_refused() -> None:
    """Ten thousand requests with one bit changed, anywhere in what is signed or in the signature, are all refused."""
    draw = random.Random(6)  # The same mutations in every run.
    headers, body = signed_callback(EVENTS["pie"], CREDENTIALS, "/hooks/sinch%20voice", now=PUBLISHED_TIME)
    key, signature = headers["authorization"].rsplit(":", 1)
    parts = [
        b"POST",
        b"/hooks/sinch%20voice",
        body,
        *(headers[name].encode() for name in ("content-type", "x-timestamp")),
    ]
    parts.append(signature.encode())
    refused = 0
    for _ in range(10_000):
        changed = [bytearray(part) for part in parts]
        part = draw.choices(changed, weights=[len(part) for part in parts])[0]
        part[draw.randrange(len(part))] ^= 1 << draw.randrange(8)
        method, path, content, content_type, timestamp, signed = map(bytes, changed)
        raw = [
            (b"content-type", content_type),
            (b"x-timestamp", timestamp),
            (b"authorization", f"{key}:".encode() + signed),
        ]
        try:
            verify(
                method.decode("latin-1"),
                path.decode("latin-1"),
                raw,
                content,
                credentials=CREDENTIALS,
                now=PUBLISHED_TIME,
            )
        except WebhookError:
            refused += 1
    assert refused == 10_000


TEXTS = st.text(max_size=40)
SOURCES = st.one_of(
    st.dictionaries(st.sampled_from(["authorization", "X-Timestamp", "content-type"]), TEXTS),
    st.lists(st.tuples(TEXTS, TEXTS)),
    st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=40))),
    st.dictionaries(TEXTS, st.lists(TEXTS, max_size=3)),
)


@given(method=TEXTS, path=TEXTS, headers=SOURCES, body=st.binary(max_size=100))
def test_whatever_comes_is_refused_with_our_errors(method: str, path: str, headers: Any, body: bytes) -> None:
    """No request without a signature gives an event, or any other error than ours."""
    with pytest.raises(SinchVoiceError):
        event_from_http(method, path, headers, body, credentials=CREDENTIALS)


@given(
    path=TEXTS.filter(lambda path: "?" not in path),
    body=st.binary(max_size=200),
    content_type=TEXTS.map(lambda text: text.strip(" \t")),
    now=st.datetimes(min_value=datetime(1971, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - Hypothesis wants it so
)
def test_whatever_is_signed_is_verified(path: str, body: bytes, content_type: str, now: datetime) -> None:
    """What signing signs, verifying accepts; and it refuses the same for another body."""
    headers, body = signed_callback(body, CREDENTIALS, path, content_type=content_type, now=now)
    verify("POST", path, headers, body, credentials=[STRANGER, CREDENTIALS], now=now, max_age=1)
    with pytest.raises(InvalidSignatureError):
        verify("POST", path, headers, body + b"x", credentials=CREDENTIALS, now=now)


def test_event_survives_from_signing_to_reading() -> None:
    """An event that is signed as a model comes out as the same model."""
    event = published()
    headers, body = signed_callback(event, CREDENTIALS, "/")
    assert event_from_http("POST", "/", headers, body, credentials=CREDENTIALS) == event
    assert json.loads(body)["event"] == "ace"
