"""What was set in a sandbox, as JSON, to be set again in the next one; what its maker says there comes first."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Protocol

from sinch_voice_async.sandbox.account import Account
from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.exchange.history import Calls
from sinch_voice_async.sandbox.exchange.people import People
from sinch_voice_async.sandbox.exchange.person import Person
from sinch_voice_async.sandbox.exchange.population import Population
from sinch_voice_async.sandbox.numbers import OwnNumber, OwnNumbers

__all__ = ["Set", "described", "progress", "restore", "resume"]

ACCOUNT = ("application_key", "application_secret", "max_text_length", "out_of_credit")
COLLECTIONS = ("forbidden", "other_applications")


class Set(Protocol):
    """The parts of a sandbox that are set."""

    account: Account
    clock: Clock
    people: People
    numbers: OwnNumbers
    calls: Calls


def described(these: Set) -> dict[str, object]:
    """Return every setting by its name, as JSON has it."""
    account, people = these.account, these.people
    return {
        "account": {
            **{name: getattr(account, name) for name in ACCOUNT},
            **{name: sorted(getattr(account, name)) for name in COLLECTIONS},
            "callback_urls": asdict(account.callback_urls),
        },
        "numbers": [asdict(number) for number in these.numbers],
        "people": {
            "default": asdict(people.default),
            "population": people.population and asdict(people.population),
            "scripted": {number: asdict(person) for number, person in people},
        },
    }


def restore(these: Set, settings: Mapping[str, Any]) -> None:
    """Set everything again but who the application is."""
    account, kept = these.account, settings["account"]
    account.max_text_length, account.out_of_credit = kept["max_text_length"], kept["out_of_credit"]
    account.forbidden, account.other_applications = (set(kept[name]) for name in COLLECTIONS)
    if not account.callback_urls.primary:
        account.callback_urls.primary = kept["callback_urls"]["primary"]
    account.callback_urls.fallback = kept["callback_urls"]["fallback"]
    these.numbers.restore(OwnNumber(**number) for number in settings["numbers"])
    _restore_people(these.people, settings["people"])


def _restore_people(people: People, kept: Mapping[str, Any]) -> None:
    if people.default == Person():
        people.default = _person(kept["default"])
    if kept["population"] is not None:
        people.population = Population(**_paired(kept["population"], "rings_for", "talks_for"))
    for number, person in kept["scripted"].items():
        people.meet(number, _person(person))


def _person(kept: Mapping[str, Any]) -> Person:
    return Person(**_paired(kept, "keys"))


def _paired(kept: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return what was kept with its tuples, of which JSON makes lists."""
    return {name: tuple(value) if name in names else value for name, value in kept.items()}


def progress(these: Set) -> dict[str, object]:
    """Return what changes all the time: when it is, and how many callouts were accepted."""
    clock = these.clock
    return {"began_on": clock.date(0.0).isoformat(), "now": clock.now(), "placed": these.calls.placed}


def resume(these: Set, kept: Mapping[str, Any]) -> None:
    """Have time and count go on; the exchange's calendar never goes back, and catches up with the real one."""
    began_on = datetime.fromisoformat(kept["began_on"])
    these.clock.resume(began_on, max(kept["now"], (datetime.now(UTC) - began_on).total_seconds()))
    these.calls.placed = kept["placed"]
