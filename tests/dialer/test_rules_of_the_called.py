"""Rules of the called: breaks, holidays, caps over days, several numbers; and two laws as configurations."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from sinch_voice_async import ConfigurationError, TtsCallout
from sinch_voice_async.dialer import CallingWindow, Campaign, Contact, ContactState, Outcome, RedialRules
from sinch_voice_async.dialer.attempt import contact_in_turn
from sinch_voice_async.dialer.eligibility import Eligibility
from tests.dialer.clocks import NOON
from tests.dialer.platforms import Platform

PARIS = Contact("+33123456789", zone="Europe/Paris")
# Decree 2022-1313 of France: 10-13 and 14-20, Monday to Friday, no holidays, four attempts in 30 days.
FRANCE = CallingWindow(
    "10:00",
    "20:00",
    breaks=[("13:00", "14:00")],
    days=("mon", "tue", "wed", "thu", "fri"),
    closed={date(2026, 12, 25), date(2027, 1, 1)},
    zone="Europe/Paris",
)
# 47 CFR 64.1200(c)(1): 8 to 21 at the called party.
UNITED_STATES = CallingWindow("08:00", "21:00")


PAGE = (Path(__file__).parents[2] / "docs/how-to/campaigns.md").read_text(encoding="utf-8")


def test_the_page_has_both_laws() -> None:
    """The configurations that users copy are the ones that are tested here."""
    section = PAGE.partition("the French decree 2022-1313")[2]
    names: dict[str, Any] = {"CallingWindow": CallingWindow}
    exec(section.partition("```python\n")[2].partition("```")[0], names)  # the page's own code
    assert (str(names["france"]), names["france"].closed) == (str(FRANCE), FRANCE.closed)
    assert names["united_states"] == UNITED_STATES
    assert names["four_in_thirty_days"].attempts_in_days == (4, 30)


def at(text: str) -> float:
    """Return a moment in Paris in winter, an hour before UTC."""
    return datetime.fromisoformat(f"{text}+01:00").timestamp()


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-11-26T09:00", "2026-11-26T10:00"),
        ("2026-11-26T10:00", "2026-11-26T10:00"),
        ("2026-11-26T12:59", "2026-11-26T12:59"),
        ("2026-11-26T13:00", "2026-11-26T14:00"),
        ("2026-11-26T19:59", "2026-11-26T19:59"),
        ("2026-11-26T20:00", "2026-11-27T10:00"),
        ("2026-11-27T20:00", "2026-11-30T10:00"),
        ("2026-12-24T20:00", "2026-12-28T10:00"),
        ("2026-12-31T23:00", "2027-01-04T10:00"),
    ],
)
def test_the_french_decree(now: str, opens: str) -> None:
    """A break at noon, no weekend, no holiday."""
    assert FRANCE.next_opening(PARIS, at(now)) == at(opens)
    assert str(FRANCE) == "10:00-20:00 mon,tue,wed,thu,fri Europe/Paris, break 13:00-14:00, closed days"


async def test_four_attempts_in_thirty_days() -> None:
    """The fifth waits until the first is thirty days old, and then for the window."""
    rules = Eligibility(
        window=None, is_listed=lambda number: False, attempts_per_day=9, until=None, attempts_in_days=(4, 30)
    )
    day = 86_400.0
    tried = [NOON - 29 * day, NOON - 20 * day, NOON - 9 * day]
    todo = Outcome(contact=PARIS, state=ContactState.TODO, recent=tried)
    assert (await rules.verdict(todo, NOON)).may_dial
    full = Outcome(contact=PARIS, state=ContactState.TODO, recent=[*tried, NOON - day])
    verdict = await rules.verdict(full, NOON)
    assert (verdict.may_dial, verdict.due, verdict.note) == (False, NOON + day, "called often enough in these days")
    assert (await rules.verdict(full, NOON + day)).may_dial


@pytest.mark.parametrize(
    ("now", "is_open"), [("2026-11-26T12:59", False), ("2026-11-26T13:00", True), ("2026-11-27T01:59", True)]
)
def test_the_federal_rule(now: str, is_open: bool) -> None:
    """8 to 21 in New York is 13 to 2 in UTC; a number of several zones is called when it is open in all of them."""
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC).timestamp()
    contact = Contact("+12125550123", zone="America/New_York")
    assert (UNITED_STATES.next_opening(contact, moment) == moment) is is_open


@pytest.mark.parametrize(
    "arguments",
    [
        {"breaks": [("14:00", "13:00")]},
        {"breaks": [("09:00", "20:00")]},
        {"breaks": ["13:00"]},
        {"breaks": [("1 pm", "2 pm")]},
        {"breaks": 5},
        {"closed": 5},
        {"closed": "2026-12-25"},
    ],
)
def test_a_window_that_cannot_be(arguments: dict[str, Any]) -> None:
    """It is refused when it is made."""
    with pytest.raises(ConfigurationError):
        CallingWindow("09:00", "20:00", **arguments)


def test_a_window_that_is_closed_for_a_year() -> None:
    """It never opens, and nothing hangs."""

    class Always:
        """Every day is a holiday."""

        def __contains__(self, day: object) -> bool:
            return True

    assert CallingWindow(closed=Always(), zone="Europe/Paris").next_opening(PARIS, NOON) is None


@pytest.mark.parametrize("cap", [4, (4,), (0, 30), (4, 0), (61, 30), (4, 367), ("4", 30)])
def test_a_cap_that_cannot_be(cap: Any) -> None:
    """Whole numbers that a journal can keep."""
    with pytest.raises(ConfigurationError, match="attempts_in_days"):
        RedialRules(attempts_in_days=cap)


async def test_several_numbers_are_tried_in_turn(tmp_path: Path) -> None:
    """The mobile first, then the home, then the mobile again; it stays one contact, and the list knows all numbers."""
    ann = Contact("+46700000001", numbers=["+46800000001"], fields={"name": "Ann"})
    turns = [contact_in_turn(Outcome(contact=ann, state=ContactState.TODO, attempt=n)) for n in range(3)]
    assert [turn.number for turn in turns] == ["+46700000001", "+46800000001", "+46700000001"]
    assert turns[1].numbers == ann.numbers
    assert turns[1]["name"] == "Ann"
    ours = Campaign("x", journal=tmp_path / "x.sqlite", calls_per_second=float("inf"), do_not_call=["+46800000001"])
    platform = Platform()
    async with ours.run(platform, [ann], lambda c: TtsCallout(destination=c.number, text="x")) as outcomes:
        await outcomes.wait()
    assert not platform.rang
