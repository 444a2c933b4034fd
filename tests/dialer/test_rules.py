"""Who is dialled again, who may be called at all, and what the campaign may spend."""

from typing import Any

import pytest

from sinch_voice_async import CampaignError, ConfigurationError
from sinch_voice_async.dialer import CallingWindow, Contact, ContactState, Outcome, RedialRules
from sinch_voice_async.dialer.eligibility import Eligibility, to_do_not_call
from tests.dialer.clocks import NOON

ANN = Contact("+46700000001", zone="Europe/Stockholm")
HOUR = 3600.0


def ended(result: str, reason: str = "N/A", attempt: int = 1) -> Outcome:
    """A call that is over."""
    return Outcome(contact=ANN, state=ContactState.DONE, result=result, reason=reason, attempt=attempt)


@pytest.mark.parametrize(
    ("outcome", "again"),
    [
        (ended("BUSY"), True),
        (ended("NOANSWER", "TIMEOUT"), True),
        (ended("NOANSWER", attempt=3), False),
        (ended("BUSY", "CALLEEHANGUP"), False),
        (ended("BUSY", "BLOCKED"), False),
        (ended("ANSWERED"), False),
        (ended("FAILED"), False),
        (Outcome(contact=ANN, state=ContactState.UNKNOWN, result="BUSY"), False),
    ],
)
def test_only_what_came_to_nothing_by_chance_is_dialled_again(outcome: Outcome, again: bool) -> None:
    """Busy and not answered; who declined has answered, and what is unknown may have rung."""
    assert RedialRules(attempts=3).allow(outcome) is again


def test_busy_may_look_declined() -> None:
    """The platform's documents do not tell them apart; you may, and then both are dialled again."""
    rules = RedialRules(redial_declined=True)
    assert rules.allow(ended("BUSY", "CALLEEHANGUP"))
    assert not rules.allow(ended("BUSY", "BLOCKED"))
    assert not rules.allow(ended("ANSWERED", "CALLEEHANGUP"))


@pytest.mark.parametrize(
    "arguments",
    [
        {"attempts": 0},
        {"attempts": True},
        {"attempts_per_day": "two"},
        {"delay": -1.0},
        {"delay": float("inf")},
        {"results": ["ANSWERED"]},
        {"results": "BUSY"},
        {"results": True},
        {"results": [["BUSY"]]},
    ],
)
def test_rules_that_cannot_be_are_refused(arguments: dict[str, Any]) -> None:
    """By the name of the field."""
    with pytest.raises(ConfigurationError):
        RedialRules(**arguments)


def eligibility(**changes: Any) -> Eligibility:
    """Rules that lets everybody through, but for the changes."""
    arguments: dict[str, Any] = {
        "window": None,
        "is_listed": lambda number: False,
        "attempts_per_day": 3,
        "until": None,
    }
    return Eligibility(**(arguments | changes))


TODO = Outcome(contact=ANN, state=ContactState.TODO)


async def test_who_may_be_called() -> None:
    """Nothing stands against it."""
    verdict = await eligibility().verdict(TODO, NOON)
    assert (verdict.may_dial, verdict.day) == (True, "2026-11-25")


async def asked(number: str) -> bool:
    """A list that answers later."""
    return number == ANN.number


@pytest.mark.parametrize(
    "listed", [["+46 70 000 00 01"], {"0046700000001"}, lambda number: True, asked, lambda number: 1]
)
async def test_who_is_on_the_do_not_call_list(listed: Any) -> None:
    """However the list is given, and however it spells a number."""
    verdict = await eligibility(is_listed=to_do_not_call(listed)).verdict(TODO, NOON)
    assert (verdict.may_dial, verdict.note, verdict.due) == (False, "on the do-not-call list", None)


async def test_a_list_that_cannot_be_asked_lets_nobody_through() -> None:
    """The campaign stops instead."""

    def broken(number: str) -> bool:
        raise OSError("no database")

    with pytest.raises(CampaignError, match="do-not-call"):
        await eligibility(is_listed=broken).verdict(TODO, NOON)


def test_a_list_with_an_entry_that_is_no_number_is_refused() -> None:
    """It would keep nobody from being called; the entry is named by its place."""
    with pytest.raises(ConfigurationError, match="entry 2"):
        to_do_not_call(["+46700000001", "0700000002"])


async def test_outside_of_the_window() -> None:
    """Later, if the window opens before the campaign ends; else not at all."""
    evening = CallingWindow("18:00", "20:00")
    later = await eligibility(window=evening).verdict(TODO, NOON)
    assert (later.may_dial, later.due, later.note) == (False, NOON + 5 * HOUR, "outside of the calling window")
    never = await eligibility(window=evening, until=NOON + HOUR).verdict(TODO, NOON)
    assert (never.may_dial, never.due) == (False, None)
    over = await eligibility(until=NOON).verdict(TODO, NOON)
    assert (over.may_dial, over.due) == (False, None)


async def test_a_number_of_no_zone_is_not_called_under_a_window() -> None:
    """It fails closed."""
    nowhere = Outcome(contact=Contact("+80012345678"), state=ContactState.TODO)
    verdict = await eligibility(window=CallingWindow()).verdict(nowhere, NOON)
    assert (verdict.may_dial, verdict.note) == (False, "no time zone is known for the number")


async def test_attempts_of_a_day() -> None:
    """Tomorrow, where the callee is; under a window when it opens."""
    tried = Outcome(contact=ANN, state=ContactState.TODO, recent=[NOON - HOUR, NOON - 2 * HOUR, NOON - 3 * HOUR])
    later = await eligibility().verdict(tried, NOON)
    assert (later.may_dial, later.due, later.note) == (False, NOON + 11 * HOUR, "called often enough today")
    morning = await eligibility(window=CallingWindow("09:00", "20:00")).verdict(tried, NOON)
    assert morning.due == NOON + 20 * HOUR
    assert (await eligibility().verdict(tried, NOON + 12 * HOUR)).may_dial


async def test_the_spend_limit() -> None:
    """If it is reached, nobody else is called."""
    verdict = await eligibility().verdict(TODO, NOON, is_overspent=True)
    assert (verdict.may_dial, verdict.note, verdict.due) == (False, "the spend limit is reached", None)
