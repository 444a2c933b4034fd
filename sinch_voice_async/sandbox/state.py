"""What a sandbox remembers across restarts, in a file: its settings, its calls, and its recordings.

A call is written with every change, so that the process may be killed at any time. Settings are written after each
request that may have changed one, and on leaving. What is not kept: faults, the clock's speed and offset, and the
trouble that recordings were to make.
"""

import json
import logging
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from sinch_voice_async.sandbox.account import Account, OwnNumber, OwnNumbers
from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.exchange.calls import Call, Calls
from sinch_voice_async.sandbox.exchange.people import People, Person, Population
from sinch_voice_async.sandbox.exchange.records import recall, record
from sinch_voice_async.sandbox.exchange.sounds import restored
from sinch_voice_async.sandbox.storage.database import Database, Thing
from sinch_voice_async.sandbox.storage.recordings import Recording, Recordings

__all__ = ["Keeper", "Set", "described", "progress", "restore", "resume"]

logger: logging.Logger = logging.getLogger("sinch_voice_async.sandbox")

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
            "scripted": {number: asdict(person) for number, person in people.lasting()},
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
    says = tuple(restored(each) for each in kept.get("says", ()))
    return Person(**{**_paired(kept, "keys"), "says": says})


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


CALLOUTS = "/calling/v1/callouts"


class Kept(Set, Protocol):
    """What is kept: the parts of a sandbox."""

    recordings: Recordings


class Keeper:
    """Keeps one sandbox in a file. Raises what :class:`.Database` raises."""

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self._database: Database | None = Database(path)
        self._loaded = {thing.name: json.loads(thing.value) for thing in self._database.load("setting")}
        self._kept: Kept | None = None
        self._changed: dict[str, Call] = {}
        self._forgotten: list[str] = []
        self._settings: dict[str, object] = {}
        self._recordings: dict[str, Recording] = {}
        self._version = 0

    @property
    def application(self) -> tuple[str | None, str | None]:
        """The key and secret that were used before."""
        account = self._loaded.get("account", {})
        return account.get("application_key"), account.get("application_secret")

    def restore(self, kept: Kept) -> None:
        """Give a new sandbox everything that was kept, and keep it from now on."""
        assert self._database is not None  # it was opened just now
        for thing in self._database.load("recording"):
            kept.recordings.restore(thing.name, json.loads(thing.value), thing.content)
        self._recordings, self._version = {each.key: each for each in kept.recordings}, kept.recordings.version
        if self._loaded:
            restore(kept, self._loaded)
            resume(kept, self._loaded["progress"])
        for thing in self._database.load("call"):
            kept.calls.restore(recall(thing.name, json.loads(thing.value), kept.clock))
        self._kept = kept
        for call in kept.calls:
            self.note(call)
        self.save()

    def note(self, call: Call) -> None:
        """Take note that a call has changed."""
        self._changed[call.call_id] = call

    def forget(self, call_id: str) -> None:
        """Take note that a call is remembered no more."""
        self._changed.pop(call_id, None)
        self._forgotten.append(call_id)

    def flush(self) -> None:
        """Write down the calls that changed, and recordings."""
        kept = self._kept
        if kept is not None and (self._changed or self._forgotten or self._version != kept.recordings.version):
            self._write(kept, [])

    def save(self) -> None:
        """Write down everything that changed."""
        assert self._kept is not None  # a sandbox gives itself to its keeper before it is served
        now = described(self._kept)
        changed = [_thing("setting", name, value) for name, value in now.items() if self._settings.get(name) != value]
        self._settings = now
        self._write(self._kept, changed)

    def close(self) -> None:
        """Write down what is left, and let go of the file; from then on nothing is kept."""
        self.save()
        self._let_go()

    def watching(self, app: ASGIApp) -> ASGIApp:
        """Return an application that saves the settings after each request that may have changed one."""

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            await app(scope, receive, send)
            if scope.get("method") not in {None, "GET"} and not scope["path"].startswith(CALLOUTS):
                self.save()

        return serve

    def _write(self, kept: Kept, changed: list[Thing]) -> None:
        now = {each.key: each for each in kept.recordings}
        recordings = [_recording(each) for key, each in now.items() if self._recordings.get(key) is not each]
        gone = [("recording", key) for key in self._recordings if key not in now]
        forget = [*gone, *(("call", call_id) for call_id in self._forgotten)]
        save = [_thing("setting", "progress", progress(kept)), *changed, *recordings, *self._calls()]
        self._recordings, self._version = now, kept.recordings.version
        self._changed, self._forgotten = {}, []
        if self._database is None:
            return
        try:
            self._database.write(save=save, forget=forget)
        except sqlite3.Error as error:
            logger.error("%s is not written any more: %s", self._path, error)  # noqa: TRY400  # that is all there is to know
            self._let_go()

    def _calls(self) -> Iterator[Thing]:
        for call in self._changed.values():
            try:
                yield _thing("call", call.call_id, record(call))
            except RecursionError:
                logger.warning("call %s is nested too deeply to be kept", call.call_id[:8])

    def _let_go(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            database.close()


def _thing(kind: str, name: str, value: Any) -> Thing:
    return Thing(kind, name, json.dumps(value))


def _recording(recording: Recording) -> Thing:
    value, content = recording.kept()
    return Thing("recording", recording.key, json.dumps(value), content)
