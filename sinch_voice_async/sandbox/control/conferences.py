"""The control API's conferences: who sits in each, and what a moderator does."""

from collections.abc import Iterable, Mapping

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sinch_voice_async.sandbox.control.table import Control, flag
from sinch_voice_async.sandbox.exchange.calls import Call, Calls, Conferences, Seat
from sinch_voice_async.sandbox.requests import Fields, RefusalError, path_member

__all__ = ["ConferenceControls"]

MOST_EVENTS = 500


class ConferenceControls:
    """Lists conferences, shows one with its roster, and mutes, holds and removes participants."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._conferences = Conferences(calls)

    def controls(self) -> list[Control]:
        """Return the endpoints."""
        seat = {"muted": flag("whether the others do not hear them"), "onHold": flag("whether they hear music")}
        one = "/conferences/{conferenceId}"
        return [
            Control("GET", "/conferences", self.list),
            Control("GET", one, self.get),
            Control("PATCH", f"{one}/{{callId}}", self.change, seat, example={"muted": True}),
            Control("DELETE", f"{one}/{{callId}}", self.remove, status=204),
        ]

    async def list(self, _request: Request, _fields: Fields) -> Response:
        """List conferences, the newest first: those that go on, and those that calls are remembered of."""
        found = await anyio.to_thread.run_sync(lambda: _grouped(self._calls))
        listed = sorted((_described(name, calls) for name, calls in found.items()), key=_begin, reverse=True)
        return JSONResponse({"conferences": listed})

    async def get(self, request: Request, _fields: Fields) -> Response:
        """Tell one conference: its participants, its cost and what happened."""
        name = path_member(request, "conferenceId")
        calls = (await anyio.to_thread.run_sync(lambda: _grouped(self._calls))).get(name)
        if calls is None:
            raise RefusalError(40400, "Conference not found")
        return JSONResponse({**_described(name, calls), "timeline": _timeline(calls)})

    async def change(self, request: Request, fields: Fields) -> Response:
        """Mute, unmute, hold or resume one participant."""
        call, seat = self._participant(request)
        if fields.value("muted") is not None:
            seat.muted = fields.flag("muted")
            call.handle.note(f"conference: {'mute' if seat.muted else 'unmute'}")
        if fields.value("onHold") is not None:
            seat.on_hold = fields.flag("onHold")
            call.handle.note(f"conference: {'hold' if seat.on_hold else 'resume'}")
        return JSONResponse(_participant(call, seat))

    async def remove(self, request: Request, _fields: Fields) -> Response:
        """Remove a participant: the call ends."""
        call, _ = self._participant(request)
        call.hang_up()
        return Response(status_code=204)

    def _participant(self, request: Request) -> tuple[Call, Seat]:
        return self._conferences.participant(path_member(request, "conferenceId"), path_member(request, "callId"))


def _grouped(calls: Iterable[Call]) -> Mapping[str, list[tuple[Call, Seat]]]:
    groups: dict[str, list[tuple[Call, Seat]]] = {}
    for call in calls:
        call.handle.catch_up()
        if call.seat is not None:
            groups.setdefault(call.seat.conference_id, []).append((call, call.seat))
    return groups


def _described(name: str, calls: list[tuple[Call, Seat]]) -> dict[str, object]:
    present = [(call, seat) for call, seat in calls if not call.is_final]
    began = min(seat.joined_at for _, seat in calls)
    ends = [call.ended.at for call, _ in calls if call.ended is not None]
    clock = calls[0][0].clock
    return {
        "conferenceId": name,
        "startedAt": began,
        "date": clock.date(began).isoformat(),
        "endedAt": None if present else max(ends),
        "cost": round(sum(call.debit for call, _ in calls), 4),
        "count": len(present),
        "participants": [_participant(call, seat) for call, seat in calls],
    }


def _participant(call: Call, seat: Seat) -> dict[str, object]:
    said = call.heard[-1].text or call.heard[-1].file if call.heard else ""
    return {
        "callId": call.call_id,
        "number": call.listener.endpoint,
        "joinedAt": seat.joined_at,
        "seconds": call.seconds_since(seat.joined_at),
        "muted": seat.muted,
        "onHold": seat.on_hold,
        "isPresent": not call.is_final,
        "dialledIn": call.is_inbound,
        "heard": said[:160],
    }


def _timeline(calls: list[tuple[Call, Seat]]) -> list[dict[str, object]]:
    events: list[dict[str, object]] = []
    for call, seat in calls:
        who: dict[str, object] = {"callId": call.call_id, "number": call.listener.endpoint}
        events.append({"at": seat.joined_at, "kind": "joined", "text": "", **who})
        notes = (entry for entry in call.timeline if entry.kind == "note" and entry.text.startswith("conference: "))
        events += [{"at": entry.at, "kind": entry.text.partition(": ")[2], "text": "", **who} for entry in notes]
        if call.ended is not None:
            events.append({"at": call.ended.at, "kind": "left", "text": call.reason, **who})
    return sorted(events, key=_at)[-MOST_EVENTS:]


def _begin(conference: Mapping[str, object]) -> tuple[bool, float]:
    return conference["endedAt"] is None, float(str(conference["startedAt"]))


def _at(event: Mapping[str, object]) -> float:
    return float(str(event["at"]))
