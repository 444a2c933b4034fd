"""Calling windows: open where the callee is, shut where that is not known."""

import sys
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinch_voice_async import ConfigurationError
from sinch_voice_async.dialer import CallingWindow, Contact
from sinch_voice_async.dialer import eligibility as looked_up
from sinch_voice_async.dialer.eligibility import local_days

ANN = Contact("+46700000001", zone="Europe/Stockholm")
DAY = CallingWindow("09:00", "20:00")


def at(text: str, zone: str = "UTC") -> float:
    """Return a moment, in seconds since 1970."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("local", "opens"),
    [
        ("2026-11-25T08:59:59", "2026-11-25T09:00:00"),
        ("2026-11-25T09:00:00", "2026-11-25T09:00:00"),
        ("2026-11-25T19:59:59", "2026-11-25T19:59:59"),
        ("2026-11-25T20:00:00", "2026-11-26T09:00:00"),
        ("2026-11-25T00:00:00", "2026-11-25T09:00:00"),
    ],
)
def test_a_window_opens_by_the_clock_of_the_callee(local: str, opens: str) -> None:
    """The end is excluded, and after it the next day's opening counts."""
    zone = "Europe/Stockholm"
    assert DAY.next_opening(ANN, at(local, zone)) == at(opens, zone)


def test_days_of_the_week() -> None:
    """Friday night is followed by Monday morning."""
    window = CallingWindow("09:00", "17:00", days=["mon", "tue", "wed", "thu", "fri"], zone="Europe/Stockholm")
    friday = at("2026-11-27T18:00", "Europe/Stockholm")
    assert window.next_opening(Contact("+46700000001"), friday) == at("2026-11-30T09:00", "Europe/Stockholm")


def test_the_zone_of_the_contact_wins() -> None:
    """Over that of the window, and over its number."""
    window = CallingWindow("09:00", "20:00", zone="Asia/Tokyo")
    noon = at("2026-11-25T12:00")
    assert window.next_opening(ANN, noon) == noon
    assert window.next_opening(Contact(ANN.number), noon) == at("2026-11-26T09:00", "Asia/Tokyo")


def test_the_zones_of_a_number_are_looked_up() -> None:
    """A Swedish number is in Stockholm."""
    contact = Contact("+46812345678")
    assert [zone.key for zone in DAY.zones_of(contact)] == ["Europe/Stockholm"]
    early = at("2026-11-25T07:30")
    assert DAY.next_opening(contact, early) == at("2026-11-25T09:00", "Europe/Stockholm")


def test_the_window_must_be_open_in_every_zone() -> None:
    """A toll-free number of the United States may be anywhere there: it is called when nobody sleeps, or never."""
    contact = Contact("+18002255288")
    places = DAY.zones_of(contact)
    assert len(places) > 10
    opening = CallingWindow("00:00", "24:00").next_opening(contact, at("2026-11-25T00:00"))
    assert opening == at("2026-11-25T00:00")
    assert CallingWindow("09:00", "12:00").next_opening(contact, at("2026-11-25T00:00")) is None


@given(st.integers(min_value=0, max_value=4 * 365 * 24 * 60), st.sampled_from(["America/New_York", "Europe/Berlin"]))
def test_an_opening_is_open_and_nothing_before_it_is(minutes: int, zone: str) -> None:
    """At any minute of four years, changes of the clocks included."""
    contact, window, now = Contact("+12015550123", zone=zone), CallingWindow("01:30", "02:45"), 1.7e9 + minutes * 60
    opening = window.next_opening(contact, now)
    assert opening is not None
    assert window.next_opening(contact, opening) == opening
    assert opening - now <= 86400 + 2 * 3600
    shown = datetime.fromtimestamp(opening, ZoneInfo(zone)).time()
    assert time(1, 30) <= shown < time(2, 45)


def test_clocks_that_jump_over_the_opening() -> None:
    """Where 02:30 does not exist, the window opens when the clocks show it or later, and never before."""
    window = CallingWindow("02:30", "04:00", zone="Europe/Stockholm")
    before = datetime(2026, 3, 29, 0, 50, tzinfo=UTC).timestamp()  # 01:50, ten minutes before the jump to 03:00
    opening = window.next_opening(Contact("+46700000001"), before)
    assert opening is not None
    assert datetime.fromtimestamp(opening, ZoneInfo("Europe/Stockholm")).time() == time(3, 30)


def test_clocks_that_go_back_over_the_end() -> None:
    """A window that has closed at 02:15 opens once more when the clocks show 02:00 again, and not in between."""
    window = CallingWindow("02:00", "02:15", zone="Europe/Stockholm")
    contact = Contact("+46700000001")
    shut = datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp()  # 02:30, summer time
    opening = window.next_opening(contact, shut)
    assert opening is not None
    assert datetime.fromtimestamp(opening, ZoneInfo("Europe/Stockholm")).time() >= time(2, 0)
    late = CallingWindow("02:30", "02:45", zone="Europe/Stockholm")
    again = datetime(2026, 10, 25, 1, 10, tzinfo=UTC).timestamp()  # 02:10, winter time
    assert late.next_opening(contact, again) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC).timestamp()


def test_no_zone_means_no_call() -> None:
    """A number that may be anywhere, and a zone that does not exist, are never called under a window."""
    assert DAY.next_opening(Contact("+80012345678"), 0.0) is None
    assert DAY.next_opening(Contact.restored("+46700000001", {}, "Europe/Atlantis"), 0.0) is None
    assert DAY.next_opening(Contact.restored("+46700000001", {}, "../../etc/passwd"), 0.0) is None


def test_a_country_has_its_own_window() -> None:
    """By the country of the number; others keep the general one."""
    window = CallingWindow("09:00", "20:00", countries={"SE": CallingWindow("10:00", "18:00")})
    early = at("2026-11-25T09:30", "Europe/Stockholm")
    assert window.next_opening(Contact("+46812345678"), early) == at("2026-11-25T10:00", "Europe/Stockholm")
    assert window.next_opening(Contact("+4930123456"), early) == early


@pytest.mark.parametrize(
    "arguments",
    [
        {"opens": "20:00", "closes": "09:00"},
        {"opens": "09:00", "closes": "09:00"},
        {"opens": "nine"},
        {"opens": None},
        {"days": []},
        {"days": "mon"},
        {"days": ["someday"]},
        {"days": True},
        {"days": [["mon"]]},
        {"zone": True},
        {"zone": ["Europe/Stockholm"]},
        {"zone": "Europe/Atlantis"},
    ],
)
def test_a_window_that_cannot_be_is_refused(arguments: dict[str, object]) -> None:
    """One that never opens, reaches over midnight, or names what does not exist."""
    with pytest.raises(ConfigurationError):
        CallingWindow(**arguments)  # type: ignore[arg-type]


def test_a_window_takes_times() -> None:
    """As well as their texts."""
    assert CallingWindow(time(9), "20:00") == DAY


def test_without_the_tables_a_zone_must_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named, and nobody is called on a guess."""
    monkeypatch.setitem(sys.modules, "phonenumbers", None)
    looked_up._tables.cache_clear()
    looked_up._zone_names.cache_clear()
    try:
        with pytest.raises(ConfigurationError, match=r"sinch-voice-async\[dialer\]"):
            DAY.next_opening(Contact("+46812345678"), 0.0)
        assert DAY.next_opening(ANN, at("2026-11-25T12:00")) is not None
    finally:
        looked_up._tables.cache_clear()


def test_the_day_is_that_of_the_callee() -> None:
    """In UTC where nobody knows."""
    evening = at("2026-11-25T23:30")
    assert local_days([ZoneInfo("Europe/Stockholm")], evening)[0].isoformat() == "2026-11-26"
    assert local_days([], evening)[0].isoformat() == "2026-11-25"


def test_a_number_that_the_tables_do_not_know() -> None:
    """It is of no country and in no zone; without the tables, days are those of UTC."""
    nobody = Contact.restored("+999123456789", {}, None)
    window = CallingWindow(countries={"SE": CallingWindow("10:00", "12:00")})
    assert window.next_opening(nobody, 0.0) is None
    assert window.window_of(nobody) is window


def test_days_without_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """A campaign without a window does not need them."""
    monkeypatch.setitem(sys.modules, "phonenumbers", None)
    looked_up._tables.cache_clear()
    looked_up._zone_names.cache_clear()
    try:
        assert looked_up.known_zones(Contact.restored("+46700000001", {}, None)) == ()
    finally:
        looked_up._tables.cache_clear()
