"""Learning the time from an answer."""

import logging

import pytest

from sinch_voice_async._transport.retry import clock_offset, complains_about_clock
from sinch_voice_async._wire.answers import Headers

NOON = 1795521600.0  # Tue, 24 Nov 2026 12:00:00 GMT
DATE = Headers([(b"Date", b"Tue, 24 Nov 2026 12:00:00 GMT")])


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [(401, 40105, True), (401, 40101, True), (401, 40102, False), (403, 40105, False), (401, None, False)],
)
def test_what_complains_about_the_clock(status: int, code: int | None, expected: bool) -> None:
    """Only the two codes about timestamps do; a wrong signature is not healed by another time."""
    assert complains_about_clock(status, code) is expected


@pytest.mark.parametrize(
    ("sent", "received", "offset"),
    [(NOON - 600, NOON - 599, 600.0), (NOON + 7200.5, NOON + 7200.5, -7200.0), (NOON - 59.5, NOON - 59.5, 60.0)],
)
def test_the_offset(sent: float, received: float, offset: float, caplog: pytest.LogCaptureFixture) -> None:
    """It is the platform's time, in the middle of its second, less the middle of the attempt; and it is said once."""
    with caplog.at_level(logging.WARNING, "sinch_voice_async"):
        assert clock_offset(DATE, sent, received, 0.0) == offset
    assert [record.message for record in caplog.records] == [
        f"this machine's clock is off by {offset:+.0f} seconds; requests are signed with a corrected time"
    ]


def test_a_date_without_a_zone_is_utc() -> None:
    """RFC 5322 writes -0000 for that."""
    assert clock_offset(Headers([(b"date", b"Tue, 24 Nov 2026 12:00:00 -0000")]), NOON - 600, NOON - 599, 0.0) == 600.0


@pytest.mark.parametrize(
    "date",
    [
        b"Fri, 31 Dec 9999 23:59:59 -2359",
        b"Fri, 31 Dec 9999 23:59:59 GMT",
        b"Mon, 01 Jan 0001 00:00:00 GMT",
        b"Thu, 01 Jan 1970 00:00:00 GMT",
        b"Mon, 99999999999999999999 Jan 2026 00:00:00 GMT",
    ],
)
def test_a_date_that_nobody_can_mean_corrects_nothing(date: bytes) -> None:
    """A server that has lost its time takes nobody's with it: no request could be signed for the year 10000."""
    assert clock_offset(Headers([(b"date", date)]), NOON, NOON, 0.0) is None


@pytest.mark.parametrize("headers", [Headers(), Headers([(b"date", b"noon")]), Headers([(b"date", b"")])])
def test_no_date_no_correction(headers: Headers) -> None:
    """A missing or garbled Date corrects nothing."""
    assert clock_offset(headers, 0.0, 0.0, 0.0) is None


def test_a_small_difference_is_not_the_reason() -> None:
    """Below a minute the clock is not why the timestamp was refused, nor when it was corrected already."""
    assert clock_offset(DATE, NOON - 30, NOON - 30, 0.0) is None
    assert clock_offset(DATE, NOON - 600, NOON - 600, 600.0) is None
