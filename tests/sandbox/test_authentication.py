"""Who is let in: signatures by the published vectors, timestamps, basic credentials, and each documented refusal."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from sinch_voice_async.sandbox.authentication import Arrival, authenticate, signature, string_to_sign
from sinch_voice_async.sandbox.requests import RefusalError

KEY, SECRET = "5F5C418A0F914BBC8234A9BF5EDDAD97", "JViE5vDor0Sw3WllZka15Q=="
NOW = datetime(2014, 6, 4, 13, 41, 58, tzinfo=UTC)
HELLO = b'{"message":"Hello world"}'
ACE = (
    b'{"event":"ace","callid":"822aa4b7-05b4-4d83-87c7-1f835ee0b6f6_257",'
    b'"timestamp":"2014-09-24T10:59:41Z","version":1}'
)


def arrival(
    authorization: str = "",
    *,
    method: str = "POST",
    path: str = "/v1/sms/+46700000000",
    body: bytes = HELLO,
    content_type: str = "application/json",
    timestamp: str = "2014-06-04T13:41:58Z",
) -> Arrival:
    """Return a request as it came over the wire; what is empty was not sent."""
    headers = {"authorization": authorization, "content-type": content_type, "x-timestamp": timestamp}
    return Arrival(method, path, {name: value for name, value in headers.items() if value}, body)


def signed(secret: str = SECRET, **parts: str | bytes) -> Arrival:
    """Return a request that is signed for what it says."""
    unsigned = arrival(**parts)  # type: ignore[arg-type]  # the tests name existing parts only
    credentials = f"Application {KEY}:{signature(secret, string_to_sign(unsigned))}"
    return arrival(credentials, **parts)  # type: ignore[arg-type]  # as above


def refused(request: Arrival, *, now: datetime = NOW) -> RefusalError:
    """Return the refusal that a request meets."""
    with pytest.raises(RefusalError) as caught:
        authenticate(request, key=KEY, secret=SECRET, now=now)
    return caught.value


@pytest.mark.parametrize(
    ("secret", "request_", "expected"),
    [
        # The platform's documents, "Application signed request" (the older page).
        (SECRET, arrival(), "qDXMwzfaxCRS849c/2R0hg0nphgdHciTo7OdM6MsdnM="),
        (SECRET, arrival(path="/calling/v1/callouts"), "aS9fG2smJx6MIhPJDSNiaDQ1D3+e493HuL+VVA9pqyM="),
        # The platform's documents, "Callback signed request".
        (
            "BeIukql3pTKJ8RGL5zo0DA==",
            arrival(path="/sinch/callback/ace", body=ACE, timestamp="2014-09-24T10:59:41Z"),
            "Tg6fMyo8mj9pYfWQ9ssbx3Tc1BNC87IEygAfLbJqZb4=",
        ),
        # Derived from the first: no body, and no content type either.
        (
            SECRET,
            arrival(method="GET", path="/v1/configuration/numbers", body=b""),
            "j1iORaaJd6rtPW/NFosw/4SdJsaL6WOgBHa6L94qkgU=",
        ),
        (
            SECRET,
            arrival(method="GET", path="/v1/configuration/numbers", body=b"", content_type=""),
            "nv4D4mfjvUkXpb5ARWGce+WV+GvRitnhPP5qwbmMKLQ=",
        ),
    ],
)
def test_published_signatures_are_reproduced(secret: str, request_: Arrival, expected: str) -> None:
    """The string that is signed, and its signature, are the platform's."""
    assert signature(secret, string_to_sign(request_)) == expected


def test_a_path_may_be_signed_before_it_was_encoded() -> None:
    """As the vendor's own libraries do; a signature of any other path is refused."""
    plain = signed(path="/calling/v1/conferences/id/My Conference").header("authorization")
    authenticate(arrival(plain, path="/calling/v1/conferences/id/My%20Conference"), key=KEY, secret=SECRET, now=NOW)
    other = refused(arrival(plain, path="/calling/v1/conferences/id/My%2520Conference"))
    assert other.code == 40102


@pytest.mark.parametrize("scheme", ["Application", "application", "APPLICATION"])
@pytest.mark.parametrize("key", [KEY, KEY.lower()])
def test_scheme_and_key_are_read_in_any_case(scheme: str, key: str) -> None:
    """The documents print both schemes, and keys in both cases."""
    value = signed().header("authorization").partition(":")[2]
    authenticate(arrival(f"{scheme} {key}:{value}"), key=KEY, secret=SECRET, now=NOW)


@pytest.mark.parametrize(
    "timestamp",
    [
        "2014-06-04T13:41:58Z",
        "2014-06-04T13:41:58.123Z",
        "2014-06-04T13:41:58.1234567Z",
        "2014-06-04T13:41:58+00:00",
        "2014-06-04T15:41:58.123456+02:00",
        "2014-06-04T13:41:58",
    ],
)
def test_every_observed_form_of_timestamp_is_read(timestamp: str) -> None:
    """Seven fractional digits, offsets and a missing zone are what client libraries send."""
    authenticate(signed(timestamp=timestamp), key=KEY, secret=SECRET, now=NOW)


@pytest.mark.parametrize("authorization", ["", "   ", "Application", f"Application {KEY}", f"Application {KEY}:"])
def test_a_missing_or_illegal_header_is_40100(authorization: str) -> None:
    """Without a key and a signature there is nothing to check."""
    assert (refused(arrival(authorization)).status, refused(arrival(authorization)).code) == (401, 40100)


@pytest.mark.parametrize("timestamp", ["", "yesterday", "1401889318", "2014-06-04T25:00:00Z"])
def test_a_missing_or_garbled_timestamp_is_40101(timestamp: str) -> None:
    """A request that does not say when it was made cannot be judged."""
    assert refused(signed(timestamp=timestamp)).code == 40101


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "PUT"},
        {"path": "/v1/sms/46700000000"},
        {"body": b'{"message": "Hello world"}'},
        {"content_type": "application/json; charset=utf-8"},
        {"content_type": ""},
        {"timestamp": "2014-06-04T13:41:59Z"},
    ],
)
def test_a_signature_of_anything_else_is_40102_and_explained(wrong: dict[str, str | bytes]) -> None:
    """Whoever debugs a signature is told the string that should have been signed."""
    request = arrival(signed().header("authorization"), **wrong)  # type: ignore[arg-type]  # existing parts only
    refusal = refused(request)
    assert (refusal.status, refusal.code) == (401, 40102)
    assert refusal.details == {"stringToSign": string_to_sign(request)}
    assert repr(string_to_sign(request)) in refusal.message
    assert SECRET not in refusal.message


@pytest.mark.parametrize("forged", ["AAAA", "å" * 44, "\udcff"])
def test_what_is_no_signature_is_40102(forged: str) -> None:
    """Whatever stands in the header is compared, and nothing breaks."""
    assert refused(arrival(f"Application {KEY}:{forged}")).code == 40102


@pytest.mark.parametrize("minutes", [-6, 6, 60 * 24 * 365])
def test_a_request_of_another_time_is_40105(minutes: int) -> None:
    """An honest signature does not last."""
    assert refused(signed(), now=NOW + timedelta(minutes=minutes)).code == 40105


@pytest.mark.parametrize("minutes", [-4, 4])
def test_five_minutes_are_tolerated(minutes: int) -> None:
    """Clocks differ a little."""
    authenticate(signed(), key=KEY, secret=SECRET, now=NOW + timedelta(minutes=minutes))


def test_an_unknown_key_is_40107() -> None:
    """The key is looked at before the signature."""
    assert refused(arrival("Application 00000000-0000-0000-0000-000000000000:c2ln")).code == 40107


def basic(text: str) -> Arrival:
    """Return a request with basic credentials."""
    return arrival(f"Basic {base64.b64encode(text.encode()).decode()}", timestamp="")


def test_basic_credentials_are_let_in() -> None:
    """The secret is the text that the dashboard shows; no timestamp is needed."""
    authenticate(basic(f"{KEY.lower()}:{SECRET}"), key=KEY, secret=SECRET, now=NOW)


@pytest.mark.parametrize("text", [f"{KEY}:nonsense", f"nobody:{SECRET}", KEY, ":"])
def test_wrong_basic_credentials_are_40108(text: str) -> None:
    """Neither half may be wrong."""
    assert refused(basic(text)).code == 40108


@pytest.mark.parametrize("credentials", ["not base64!", "/w=="])
def test_garbled_basic_credentials_are_40100(credentials: str) -> None:
    """What is no base64 of a text is an illegal header."""
    assert refused(arrival(f"Basic {credentials}")).code == 40100


def test_another_scheme_is_40301() -> None:
    """A bearer token opens nothing here."""
    assert (refused(arrival("Bearer token")).status, refused(arrival("Bearer token")).code) == (403, 40301)
