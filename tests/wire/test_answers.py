"""Answers that are no success: whatever their bodies are, one error comes out."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinch_voice_async._wire.answers import Headers, api_error, outcome_of_status, retry_after
from sinch_voice_async.errors import (
    APIError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    PaymentRequiredError,
    RateLimitedError,
    ServerError,
    UnprocessableError,
)

NONE = Headers()


@pytest.mark.parametrize(
    ("status", "cls"),
    [
        (400, BadRequestError),
        (401, AuthenticationError),
        (402, PaymentRequiredError),
        (403, ForbiddenError),
        (404, NotFoundError),
        (409, ConflictError),
        (422, UnprocessableError),
        (429, RateLimitedError),
        (500, ServerError),
        (503, ServerError),
        (520, ServerError),
        (599, ServerError),
        (307, APIError),
        (418, APIError),
    ],
)
def test_each_status_has_its_class(status: int, cls: type[APIError]) -> None:
    """A caller can tell by the class what to do next."""
    error = api_error(status, NONE, b"")
    assert type(error) is cls
    assert error.status == status


@pytest.mark.parametrize("code", [40400, "40400"])
def test_the_platform_s_words_are_kept(code: object) -> None:
    """The code is a number however it was sent, and the message and the reference are there."""
    body = json.dumps({"errorCode": code, "message": "Call not found", "reference": "38188074"}).encode()
    error = api_error(404, NONE, body, attempts=2)
    assert (error.code, error.message, error.reference, error.attempts) == (40400, "Call not found", "38188074", 2)
    assert str(error) == "404 (40400): Call not found"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>login</html>",
        b"[]",
        b"null",
        b"{",
        b'{"message": null}',
        b'{"errorCode": "4x", "message": 7, "reference": []}',
        b'{"errorCode": true}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_a_body_that_says_nothing(body: bytes) -> None:
    """A proxy's HTML, nothing at all, or JSON of another shape: the status still speaks."""
    error = api_error(502, Headers([(b"Content-Type", b"text/html")]), body)
    assert (error.code, error.message, error.reference) == (None, "", None)
    assert "text/html" in str(error)


def test_what_else_the_body_says_is_kept() -> None:
    """Fields that have no name here are in extra, as the platform wrote them."""
    error = api_error(401, NONE, b'{"errorCode": 40102, "status": "401 Unauthorized", "stringToSign": "POST\\n"}')
    assert error.extra == {"status": "401 Unauthorized", "stringToSign": "POST\n"}
    assert api_error(500, NONE, b"").extra == {}


def test_the_old_spelling_of_the_code() -> None:
    """Keys are read without regard to case."""
    assert api_error(400, NONE, b'{"ErrorCode":40001,"Message":"no"}').code == 40001


def test_a_redirect_says_what_it_is() -> None:
    """A redirect is no answer, and the message says where to look; the location itself may hold a token."""
    error = api_error(302, Headers([(b"location", b"https://evil.example/?token=1")]), b"")
    assert "redirect" in str(error)
    assert "token" not in str(error)
    assert error.outcome == "rejected"


def test_an_endless_message_is_cut() -> None:
    """What the platform says is kept to a length that a log can hold."""
    assert len(api_error(400, NONE, json.dumps({"message": "x" * 100_000}).encode()).message) == 2000


@given(st.binary(max_size=200), st.integers(300, 599))
def test_any_body_becomes_an_error(body: bytes, status: int) -> None:
    """No bytes make decoding an error fail."""
    assert api_error(status, NONE, body).status == status


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (200, NONE, "accepted"),
        (204, NONE, "accepted"),
        (302, NONE, "rejected"),
        (400, NONE, "rejected"),
        (429, NONE, "rejected"),
        (500, NONE, "unknown"),
        (502, NONE, "unknown"),
        (503, NONE, "unknown"),
        (503, Headers([(b"retry-after", b"2")]), "rejected"),
        (500, Headers([(b"retry-after", b"2")]), "unknown"),
    ],
)
def test_what_an_answer_proves(status: int, headers: Headers, expected: str) -> None:
    """Only a refusal proves that nothing was done; a 5xx proves nothing."""
    assert outcome_of_status(status, headers) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"0", 0.0),
        (b"120", 120.0),
        (b" 7 ", 7.0),
        (b"1.5", 1.5),
        (b"Mon, 23 Nov 2026 10:00:30 GMT", 30.0),
        (b"Mon, 23 Nov 2026 10:00:30 -0000", 30.0),
        (b"Mon, 23 Nov 2026 09:00:00 GMT", 0.0),
        (b"-1", None),
        (b"soon", None),
        (b"", None),
        (b"9" * 400, None),
        ("٣".encode(), None),
    ],
)
def test_retry_after_in_both_forms(value: bytes, expected: float | None) -> None:
    """Seconds and dates are read; what is neither is as if it were not there."""
    now = datetime(2026, 11, 23, 10, tzinfo=UTC)
    assert retry_after(Headers([(b"Retry-After", value)]), now) == expected


def test_a_rate_limit_says_when_to_come_back() -> None:
    """The seconds are on the error, None where the platform named none."""
    asked = api_error(429, Headers([(b"Retry-After", b"3")]), b"")
    assert isinstance(asked, RateLimitedError)
    assert asked.retry_after == 3.0
    silent = api_error(429, NONE, b"")
    assert isinstance(silent, RateLimitedError)
    assert silent.retry_after is None


def test_headers_do_not_care_about_case() -> None:
    """Headers are looked up in any case, keep their order, join what comes twice, and show no value in their repr."""
    headers = Headers([(b"X-Two", b"a"), (b"Date", b"now"), (b"x-two", b"b")])
    assert headers["X-TWO"] == "a, b"
    assert list(headers) == ["x-two", "date"]
    assert len(headers) == 2
    assert headers == {"x-two": "a, b", "date": "now"}
    assert "now" not in repr(headers)


@pytest.mark.parametrize("number", ["9" * 5000, "NaN", "1e99999999999999999999", "1e999999999", "-" + "9" * 4000])
def test_an_absurd_number_hides_nothing(number: str) -> None:
    """The message is read, whether the number is the code or in another field; the sentence stays short."""
    for name in ("errorCode", "other"):
        body = f'{{"{name}": {number}, "message": "no credit", "reference": "r"}}'.encode()
        error = api_error(402, Headers(), body)
        assert (error.message, error.reference, error.code) == ("no credit", "r", None)
        assert len(str(error)) < 100


def test_bytes_that_are_not_text_hide_nothing() -> None:
    """A message in another encoding is shown with replacement characters."""
    error = api_error(400, Headers(), b'{"errorCode": 40001, "message": "caf\xe9"}')
    assert (error.code, error.message) == (40001, "caf\ufffd")


@pytest.mark.parametrize("value", ["Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "9" * 5000, "1e9", "Jan " * 99])
def test_a_retry_after_out_of_range_is_none(value: str) -> None:
    """As if it were not there."""
    assert retry_after(Headers([(b"retry-after", value.encode())])) is None


def test_a_compressed_refusal_says_so() -> None:
    """Its message cannot be read, and the reason is named."""
    error = api_error(402, Headers([(b"content-encoding", b"gzip")]), b"\x1f\x8b")
    assert "compressed ('gzip')" in str(error)
