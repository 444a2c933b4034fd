"""The signature: the published vectors, and the laws around them."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinch_voice_async._wire.signing import (
    authorization,
    basic_authorization,
    explain_signature,
    sign,
    signature_matches,
    signed_headers,
    string_to_sign,
    timestamp_at,
)
from sinch_voice_async.credentials import Credentials

VECTORS: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "vectors" / "signatures.json").read_text())
MINE = Credentials("key", base64.b64encode(b"secret").decode())

secrets = st.binary(min_size=1, max_size=64).map(lambda raw: Credentials("key", base64.b64encode(raw).decode()))
texts = st.text(max_size=80)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["source"])
def test_published_vector(vector: dict[str, Any]) -> None:
    """Every published signature comes out as it was published."""
    credentials = Credentials(vector["key"], vector["secret"])
    request = (vector["method"], vector["path"], vector["body"].encode(), vector["content_type"], vector["timestamp"])
    text = string_to_sign(*request)
    assert text.split("\n")[1] == vector["md5"]
    assert sign(credentials, text) == vector["signature"]
    assert signature_matches(credentials, text, vector["signature"])
    assert authorization(credentials, *request) == f"application {vector['key']}:{vector['signature']}"


def test_the_five_lines() -> None:
    """The verb is upper-case, the query stays out, and nothing follows the path."""
    text = string_to_sign("get", "/calling/v1/recording?page=1", b"", "", "2026-01-01T00:00:00.000Z")
    assert text == "GET\n\n\nx-timestamp:2026-01-01T00:00:00.000Z\n/calling/v1/recording"


@given(st.binary(min_size=1, max_size=200), texts)
def test_it_is_the_hmac_of_the_standard_library(key: bytes, text: str) -> None:
    """For every key, also one longer than a block of SHA-256, and every text."""
    credentials = Credentials("key", base64.b64encode(key).decode())
    assert base64.b64decode(sign(credentials, text)) == hmac.digest(key, text.encode(), hashlib.sha256)


@pytest.mark.parametrize("size", [63, 64, 65, 200])
def test_a_key_is_hashed_only_where_it_is_longer_than_a_block(size: int) -> None:
    """A block of SHA-256 has 64 bytes; a key that fills it exactly is used as it is (RFC 2104, section 2)."""
    key = bytes(range(size))
    credentials = Credentials("key", base64.b64encode(key).decode())
    assert base64.b64decode(sign(credentials, "text")) == hmac.digest(key, b"text", hashlib.sha256)


@given(secrets, texts)
def test_what_is_signed_verifies(credentials: Credentials, text: str) -> None:
    """For every secret and text, the signature made is the signature accepted."""
    assert signature_matches(credentials, text, sign(credentials, text))


@given(secrets, texts, st.text(max_size=60))
def test_nothing_else_verifies(credentials: Credentials, text: str, signature: str) -> None:
    """Whatever is given as a signature is compared without an exception, and only the right one is accepted."""
    assert signature_matches(credentials, text, signature) == (signature == sign(credentials, text))


@pytest.mark.parametrize("last", "AEIMQUYcgkosw048")
def test_the_other_spellings_of_a_signature_are_refused(last: str) -> None:
    """Base64 has spare bits at its end; a second spelling of the same bytes would slip past a replay cache."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    text = next(text for text in map(str, range(10_000)) if sign(MINE, text)[-2] == last)
    signature = sign(MINE, text)
    for other in alphabet[alphabet.index(last) + 1 : alphabet.index(last) + 4]:
        assert base64.b64decode(f"{signature[:-2]}{other}=") == base64.b64decode(signature)
        assert not signature_matches(MINE, text, f"{signature[:-2]}{other}=")


def test_signed_headers_are_the_two_of_the_documents() -> None:
    """A request gets the signature, and the time that was signed."""
    signed = signed_headers(MINE, "POST", "/calling/v1/callouts", b"{}", "application/json", 1.5)
    timestamp = "1970-01-01T00:00:01.500Z"
    value = authorization(MINE, "POST", "/calling/v1/callouts", b"{}", "application/json", timestamp)
    assert signed == [(b"authorization", value.encode()), (b"x-timestamp", timestamp.encode())]


@pytest.mark.parametrize("signature", ["", "A", "AAAA", "====", "\u00e9", "\ud800", "\0"])
def test_what_is_no_base64_is_no_signature(signature: str) -> None:
    """Whatever stands there is refused, and nothing is raised."""
    assert not signature_matches(MINE, "text", signature)


def test_basic_takes_the_secret_as_the_dashboard_shows_it() -> None:
    """The secret of basic authentication is the base64 text, undecoded, and there is no colon behind the scheme."""
    assert basic_authorization(MINE) == "Basic " + base64.b64encode(b"key:c2VjcmV0").decode()


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1402323458.9996, "2014-06-09T14:17:38.999Z"),
        (1.5, "1970-01-01T00:00:01.500Z"),
        (-0.25, "1969-12-31T23:59:59.750Z"),
    ],
)
def test_timestamps_are_utc_with_milliseconds(seconds: float, expected: str) -> None:
    """A timestamp has three decimals and a Z, also at the edge of a second, and where a clock was never set."""
    assert timestamp_at(seconds) == expected


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"method": "PUT"}, "verb"),
        ({"body": b"{ }"}, "Content-MD5"),
        ({"content_type": "application/json; charset=utf-8"}, "Content-Type"),
        ({"timestamp": "2026-01-01T00:00:01Z"}, "x-timestamp"),
        ({"path": "/calling/v1/callouts/"}, "path"),
    ],
)
def test_the_first_difference_is_named(change: dict[str, Any], named: str) -> None:
    """Whoever debugs a refused signature is told which of the five lines to look at, with both sides of it."""
    request: dict[str, Any] = {
        "method": "POST",
        "path": "/calling/v1/callouts",
        "body": b"{}",
        "content_type": "application/json",
        "timestamp": "2026-01-01T00:00:00Z",
    }
    ours, theirs = string_to_sign(**request), string_to_sign(**{**request, **change})
    explanation = explain_signature(ours, theirs)
    assert named in explanation
    assert explanation.startswith("the ")
    assert "differs" in explanation


def test_the_same_text_means_another_secret() -> None:
    """Where nothing differs, it is the secret."""
    assert "secrets differ" in explain_signature("a\nb\nc\nd\ne", "a\nb\nc\nd\ne")


def test_a_missing_line_is_named() -> None:
    """A string to sign with a line too few is said to be that, whichever side it is."""
    assert "you signed 5, the other side 4" in explain_signature("a\nb\nc\nd\ne", "a\nb\nc\nd")
    assert "you signed 4, the other side 5" in explain_signature("a\nb\nc\nd", "a\nb\nc\nd\ne")
