"""The platform's ISO 8601 forms."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinch_voice_async._wire.json import format_timestamp, parse_timestamp


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2014-09-24T10:59:41Z", datetime(2014, 9, 24, 10, 59, 41, tzinfo=UTC)),
        ("2014-06-02T15:39:31.2729234Z", datetime(2014, 6, 2, 15, 39, 31, 272923, tzinfo=UTC)),
        ("2014-09-24t10:59:41z", datetime(2014, 9, 24, 10, 59, 41, tzinfo=UTC)),
        ("2022-03-21T13:13:59.5Z", datetime(2022, 3, 21, 13, 13, 59, 500000, tzinfo=UTC)),
        ("2022-03-21T13:13:59", datetime(2022, 3, 21, 13, 13, 59, tzinfo=UTC)),
        ("2022-03-21T13:13:59+00:00", datetime(2022, 3, 21, 13, 13, 59, tzinfo=UTC)),
        ("2022-03-21T15:13:59+02:00", datetime(2022, 3, 21, 13, 13, 59, tzinfo=UTC)),
    ],
)
def test_every_observed_form_is_read(text: str, moment: datetime) -> None:
    """With Z, an offset or nothing, with no fraction or up to seven digits of one: the same aware moment in UTC."""
    assert parse_timestamp(text) == moment
    assert parse_timestamp(text).tzinfo is UTC


@pytest.mark.parametrize("text", ["", "yesterday", "2022-13-01T00:00:00Z", "1653000000", "0001-01-01T00:00:00+23:59"])
def test_what_names_no_moment_is_refused(text: str) -> None:
    """A time that cannot be is a ValueError, and never an OverflowError."""
    with pytest.raises(ValueError, match="ISO 8601"):
        parse_timestamp(text)


def test_written_in_utc_with_z() -> None:
    """Any zone is written as UTC."""
    moment = datetime(2022, 3, 21, 15, 13, 59, tzinfo=timezone(timedelta(hours=2)))
    assert format_timestamp(moment) == "2022-03-21T13:13:59Z"


def test_a_time_without_a_zone_is_not_written() -> None:
    """Nobody can say which moment a naive datetime is, so it is not guessed."""
    with pytest.raises(ValueError, match="zone"):
        format_timestamp(datetime(2022, 3, 21))  # noqa: DTZ001  # the case


@given(st.datetimes(timezones=st.just(UTC)))
def test_written_moments_read_back(moment: datetime) -> None:
    """What is written is read as the same moment."""
    assert parse_timestamp(format_timestamp(moment)) == moment
