"""What a sandbox keeps across restarts, in a file: its settings, its calls and its recordings.

Calls and recordings are written with every change, settings after each request that may have changed one and at the
end. Faults, those of downloads too, and the speed and offset of the clock are not kept. An argument of the constructor
of a sandbox replaces the setting that was kept.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from sinch_voice_async.sandbox.account import Account, OwnNumber, OwnNumbers
from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.exchange.calls import Calls
from sinch_voice_async.sandbox.exchange.exchange import Exchange
from sinch_voice_async.sandbox.exchange.people import People, Person, Population
from sinch_voice_async.sandbox.exchange.recordings import Recordings
from sinch_voice_async.sandbox.exchange.sounds import restored
from sinch_voice_async.sandbox.exchange.store import CallStore

__all__ = ["StateStore"]

ACCOUNT = ("application_key", "application_secret", "has_made_up_secret", "max_text_length", "out_of_credit")
CALLOUTS = "/calling/v1/callouts"
COLLECTIONS = ("forbidden", "other_applications")


class Kept(Protocol):
    """What is kept: the parts of a sandbox."""

    account: Account
    calls: Calls
    clock: Clock
    exchange: Exchange
    numbers: OwnNumbers
    people: People
    recordings: Recordings


def _described(these: Kept) -> dict[str, object]:
    """Return every setting by its name, as JSON."""
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
            "scripted": {number: asdict(person) for number, person in people.lasting()},
        },
    }


def _restore(these: Kept, settings: Mapping[str, Any]) -> None:
    """Restore every setting but the application's key and secret."""
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
    fields = _paired(kept, "keys")
    fields["says"] = tuple(restored(each) for each in kept.get("says", ()))
    return Person(**fields)


def _paired(kept: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return what was kept with tuples in place of the lists of JSON."""
    return {name: tuple(value) if name in names else value for name, value in kept.items()}


def _resume(these: Kept, kept: Mapping[str, Any]) -> None:
    """Resume the time and the count. The calendar never goes back, and catches up with the real one."""
    began_on = datetime.fromisoformat(kept["began_on"])
    these.clock.resume(began_on, max(kept["now"], (datetime.now(UTC) - began_on).total_seconds()))
    these.calls.placed = kept["placed"]


class StateStore:
    """Keeps the settings of one sandbox in a file, beside its calls and recordings, which ``store`` keeps.

    Raises ValueError or OSError as :class:`.Database` does.
    """

    def __init__(self, path: str | Path) -> None:
        self.store: CallStore = CallStore(path)
        self._path = path
        self._saved: dict[str, object] = {}

    @property
    def application(self) -> Account | None:
        """The application that was used before: its key and secret."""
        kept = self.store.settings.get("account")
        if not isinstance(kept, dict):
            return None
        key, secret = kept.get("application_key"), kept.get("application_secret")
        made_up = kept.get("has_made_up_secret", False)
        return Account(key, secret, has_made_up_secret=made_up) if key and secret else None

    def restore(self, kept: Kept) -> None:
        """Give a new sandbox everything that was kept, and keep it from now on.

        :raises ValueError: the settings that were kept are damaged.
        """
        if self.store.settings and not self._is_restored(kept):
            self.store.close()
            raise ValueError(f"{self._path}: the settings that it keeps are damaged; remove it, or name another file")
        self.store.restore(kept.calls, kept.recordings, kept.clock)
        self.save(kept)

    def _is_restored(self, kept: Kept) -> bool:
        # Said with a bool: the frames of the error that was caught have the secret.
        try:
            _restore(kept, self.store.settings)
            _resume(kept, self.store.settings["progress"])
        except (AttributeError, LookupError, TypeError, ValueError):
            return False
        return True

    def save(self, kept: Kept) -> None:
        """Write the settings, calls and recordings that changed."""
        now = _described(kept)
        changed = {name: value for name, value in now.items() if self._saved.get(name) != value}
        self._saved = now
        kept.exchange.flush(changed)

    def close(self, kept: Kept) -> None:
        """Write what is left, and close the file. Nothing is kept from then on."""
        self.save(kept)
        self.store.close()

    def saving(self, app: ASGIApp, kept: Kept) -> ASGIApp:
        """Return an application that saves the settings after each request that may have changed one."""

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            await app(scope, receive, send)
            if scope.get("method") not in {None, "GET"} and not scope["path"].startswith(CALLOUTS):
                self.save(kept)

        return serve
