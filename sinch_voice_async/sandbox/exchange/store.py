"""The calls and recordings of an exchange in a file, to outlive the process.

What changed is written after each step of the exchange, so that the process may be killed at any time. A call that was
ongoing then is over in the next process: FAILED if it was not answered, with the reason GENERALERROR, and without DiCE.
"""

import json
import logging
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.exchange.callouts import Callout, read_callout
from sinch_voice_async.sandbox.exchange.calls import Call, Calls, Ending, Entry, Handle, Heard, Party, Seat
from sinch_voice_async.sandbox.fields import Fields
from sinch_voice_async.sandbox.storage.database import Database, Thing
from sinch_voice_async.sandbox.storage.recordings import Recording, Recordings

__all__ = ["CallStore"]

logger: logging.Logger = logging.getLogger("sinch_voice_async.sandbox")

PLAIN = ("callback_headers", "cli", "domain", "custom", "placed_at", "updates", "cookies", "call_headers", "answered")


class CallStore:
    """Keeps calls, recordings and settings in one file. ``settings`` are those that were kept before.

    Raises ValueError or OSError as :class:`.Database` does. A file that cannot be written later is given up, and the
    log says so.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self._database: Database | None = Database(path)
        self.settings: dict[str, Any] = {each.name: json.loads(each.value) for each in self._load("setting")}
        self._recordings: dict[str, Recording] = {}
        self._version = 0
        self._sequence = 0

    def restore(self, calls: Calls, recordings: Recordings, clock: Clock) -> None:
        """Restore calls and recordings, and keep them from now on."""
        for each in self._load("recording"):
            recordings.restore(each.name, json.loads(each.value), each.content)
        self._recordings, self._version = {each.key: each for each in recordings}, recordings.version
        calls.forgotten = []
        for each in self._load("call"):
            calls.restore(_restored(each.name, json.loads(each.value), clock))

    def flush(
        self, calls: Calls, recordings: Recordings, clock: Clock, settings: Mapping[str, object] | None = None
    ) -> None:
        """Write what changed since the last time: calls, recordings, and these settings."""
        if not (settings or calls.forgotten or calls.sequence != self._sequence or recordings.version != self._version):
            return
        progress = {"began_on": clock.date(0.0).isoformat(), "now": clock.now(), "placed": calls.placed}
        changed, self._sequence = calls.changed_since(self._sequence), calls.sequence
        now = {each.key: each for each in recordings}
        stored = [_recording(each) for key, each in now.items() if self._recordings.get(key) is not each]
        gone = [("recording", key) for key in self._recordings if key not in now]
        forgotten, calls.forgotten = calls.forgotten or [], []
        self._recordings, self._version = now, recordings.version
        save = [_thing("setting", name, value) for name, value in {"progress": progress, **(settings or {})}.items()]
        self._write([*save, *stored, *_calls(changed)], [*gone, *(("call", call_id) for call_id in forgotten)])

    def close(self) -> None:
        """Close the file. Nothing is kept from then on."""
        database, self._database = self._database, None
        if database is not None:
            database.close()

    def _load(self, kind: str) -> list[Thing]:
        return [] if self._database is None else self._database.load(kind)

    def _write(self, save: list[Thing], forget: list[tuple[str, str]]) -> None:
        if self._database is None:
            return
        try:
            self._database.write(save=save, forget=forget)
        except sqlite3.Error as error:
            logger.error("%s is not written any more: %s", self._path, error)  # noqa: TRY400  # a traceback tells no more
            self.close()


def _thing(kind: str, name: str, value: Any) -> Thing:
    return Thing(kind, name, json.dumps(value))


def _recording(recording: Recording) -> Thing:
    value, content = recording.kept()
    return Thing("recording", recording.key, json.dumps(value), content)


def _calls(changed: list[Call]) -> Iterator[Thing]:
    for call in changed:
        try:
            yield _thing("call", call.call_id, _to_dict(call))
        except RecursionError:
            logger.warning("call %s is nested too deeply to be kept", call.call_id[:8])


def _to_dict(call: Call) -> dict[str, object]:
    parts = {name: getattr(call, name) for name in ("caller", "to", "connected_to", "seat", "ended")}
    return {
        "request": call.callout and call.callout.request,
        **{name: getattr(call, name) for name in PLAIN},
        **{name: part and asdict(part) for name, part in parts.items()},
        "log": [[entry.at, entry.kind, entry.text, entry.data] for entry in call.log],
        "heard": [asdict(heard) for heard in call.heard],
    }


def _restored(call_id: str, kept: Mapping[str, Any], clock: Clock) -> Call:
    """Return a call that is over, as it was kept or broken off."""
    call = Call(
        call_id=call_id,
        callout=_callout(kept["request"]),
        caller=_party(kept["caller"]),
        to=Party(**kept["to"]),
        connected_to=_party(kept["connected_to"]),
        seat=kept["seat"] and Seat(**kept["seat"]),
        ended=kept["ended"] and Ending(**kept["ended"]),
        log=[Entry(*entry) for entry in kept["log"]],
        heard=[Heard(**heard) for heard in kept["heard"]],
        clock=clock,
        **{name: kept[name] for name in PLAIN},
    )
    call.handle = Handle()
    if call.ended is None:
        _break_off(call)
    return call


def _break_off(call: Call) -> None:
    at = call.log[-1].at
    call.ended = Ending(at, "FAILED" if call.answered is None else "ANSWERED", "GENERALERROR")
    call.log.append(Entry(at, "note", "the sandbox ended during this call"))
    data = {"result": call.ended.result, "reason": call.ended.reason, "duration": call.duration}
    call.log.append(Entry(at, "state", "final", data))


def _callout(request: Mapping[str, object] | None) -> Callout | None:
    # The limit of texts may have been higher when the call was placed.
    return None if request is None else read_callout(Fields(request), max_text_length=len(json.dumps(request)))


def _party(kept: Mapping[str, str] | None) -> Party | None:
    return None if kept is None else Party(**kept)
