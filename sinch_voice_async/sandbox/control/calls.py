"""The control API's calls and conferences: what became of each, and what a person at the phone or a moderator does."""

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Literal, Protocol

import anyio.to_thread
import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from sinch_voice_async.sandbox.account import Account
from sinch_voice_async.sandbox.control.table import Control, Query, flag, member, page_of, query_whole, text
from sinch_voice_async.sandbox.exchange.calls import Call, Calls, Conferences, Entry, Seat
from sinch_voice_async.sandbox.exchange.documents import check_svaml
from sinch_voice_async.sandbox.exchange.exchange import Exchange
from sinch_voice_async.sandbox.exchange.recordings import Recordings
from sinch_voice_async.sandbox.exchange.sounds import LEVEL_SECONDS
from sinch_voice_async.sandbox.exchange.streams import Stream
from sinch_voice_async.sandbox.requests import Fields, RefusalError, found, path_member, read_object

__all__ = ["SEARCH", "CallControls", "ConferenceControls", "DialIn", "readable", "summary"]

Kind = Literal["number", "username", "sip"]
KINDS: dict[str | None, Kind] = {None: "number", "number": "number", "username": "username", "sip": "sip"}
LONGEST_ADDRESS = 256
MOST = 1_000
MOST_LEVELS = 600
"""How many levels of a direction of a media stream are told; those of a longer stream each stand for more time."""
STATES = ("live", "failed", "completed")
NAMES = ("from", "to", "kind", "state", "result", "reason", "status", "conference", "id", "custom", "text", "failed")
SEARCH = {
    "q": text("words that must occur, name:value, and - before either; names: " + ", ".join(NAMES)),
    "before": text("an id: only what is older"),
    "limit": member("how many at most; 100 by default", "integer", minimum=1, maximum=MOST),
}


class DialIn(Protocol):
    """Has a person call the application."""

    async def __call__(self, from_: str, to: str, *, kind: Kind, custom: str) -> Call:
        """Return the call."""
        ...


class CallControls:
    """Lists calls, shows one, places one, dials in, and answers, presses keys and hangs up."""

    def __init__(
        self, exchange: Exchange, recordings: Recordings, dial_in: DialIn, account: Account, platform: ASGIApp
    ) -> None:
        self._calls = exchange.calls
        self._streams = exchange.streams
        self._recordings = recordings
        self._dial_in = dial_in
        self._account = account
        self._platform = platform

    def controls(self) -> list[Control]:
        """Return the endpoints."""
        dialled = {
            "from": text("who dials: a number, user name or SIP address", required=True, maxLength=LONGEST_ADDRESS),
            "to": text("what they dial", required=True, maxLength=LONGEST_ADDRESS),
            "kind": text(
                "what both are: number, username or sip; number by default", enum=["number", "username", "sip"]
            ),
            "custom": text("what ICE says in its member of that name"),
        }
        methods = ("ttsCallout", "conferenceCallout", "customCallout")
        callout = {
            "method": text("which kind of callout", required=True, enum=list(methods)),
            **{name: member(f"the {name} as the platform takes it", "object") for name in methods},
        }
        said = {"method": "ttsCallout", "ttsCallout": {"text": "Hello", "destination": _number("+46700000001")}}
        search = {**SEARCH, "state": text("live, failed or completed", enum=list(STATES))}
        one = "/calls/{callId}"
        return [
            Control("GET", "/calls", self.list, query=search),
            Control("POST", "/calls", self.dial, dialled, status=201, example={"from": "+46700000001", "to": "+46105"}),
            Control("DELETE", "/calls", self.clear, query={"q": SEARCH["q"], "state": search["state"]}),
            Control("POST", "/calls/callout", self.callout, callout, status=201, example=said),
            Control("GET", one, self.get),
            Control("POST", f"{one}/pick-up", self.pick_up),
            Control("POST", f"{one}/press", self.press, {"keys": text("0-9, * and #", required=True, maxLength=64)}),
            Control("POST", f"{one}/put-down", self.put_down),
        ]

    async def list(self, request: Request, _fields: Fields) -> Response:
        """List calls: every one, oldest first; with a query, those that match, newest first and in pages."""
        if not request.query_params.keys() & {"q", "before", "limit", "state"}:
            return JSONResponse({"calls": [summary(call) for call in self._calls]})
        limit = query_whole(request, "limit", default=100, least=1, most=MOST)
        before = request.query_params.get("before")

        def find() -> dict[str, object]:
            found = page_of(self._matching(request), name=lambda call: call.call_id, before=before, limit=limit)
            calls = [summary(call) for call in found.items]
            return {"calls": calls, "next": found.next, "count": found.count}

        return JSONResponse(await anyio.to_thread.run_sync(find))

    async def clear(self, request: Request, _fields: Fields) -> Response:
        """Forget the calls that are over and match the query; recordings stay."""
        matching = await anyio.to_thread.run_sync(lambda: list(self._matching(request)))
        return JSONResponse({"deleted": self._calls.remove(call.call_id for call in matching if call.is_final)})

    async def dial(self, _request: Request, fields: Fields) -> Response:
        """Dial in: the application is asked what to do with the call."""
        parties = [fields.required_text(name, most=LONGEST_ADDRESS) for name in ("from", "to")]
        kind = KINDS[fields.choice("kind", ("number", "username", "sip"))]
        call = await self._dial_in(*parties, kind=kind, custom=fields.text("custom", most=1_024) or "")
        return JSONResponse(summary(call), status_code=201)

    async def callout(self, request: Request, fields: Fields) -> Response:
        """Place a callout through the API, with the application's credentials; the request shows in the log."""
        path, body = "/calling/v1/callouts", json.dumps(fields.members)
        account = self._account
        pair = base64.b64encode(f"{account.application_key}:{account.application_secret}".encode()).decode()
        headers = {"content-type": "application/json", "user-agent": "sandbox page"}
        transport = httpx.ASGITransport(self._platform, client=(request.client or ("page", 0))[:2])
        signed = {**headers, "authorization": f"Basic {pair}"}
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
                answer = await http.post(path, content=body, headers=signed)
        except httpx.HTTPError as error:
            raise RefusalError(50200, str(error)) from None
        if answer.is_error:
            refused = answer.json()
            raise RefusalError(refused["errorCode"], refused["message"], status=answer.status_code)
        sent = {"method": "POST", "path": path, "headers": headers, "body": fields.members}
        return JSONResponse({**answer.json(), "request": sent}, status_code=201)

    async def get(self, request: Request, _fields: Fields) -> Response:
        """Tell one call's timeline, with its callbacks, its transcript, and the levels of its media stream.

        ``levels`` is null, or has ``at`` (seconds, when the stream began), ``every`` (seconds that one level stands
        for), and the heights of ``caller`` and ``server`` from 0 to 1.
        """
        call = self._find(request)
        stream = self._streams.get(call.call_id)
        levels = None if stream is None else await anyio.to_thread.run_sync(_levels, stream)
        return self._shown(call, levels)

    async def pick_up(self, request: Request, _fields: Fields) -> Response:
        """Answer the phone that rings."""
        call = self._find(request)
        _possible(call.pick_up)
        return self._shown(call)

    async def press(self, request: Request, fields: Fields) -> Response:
        """Press keys, as the person who hears the prompts does."""
        call, keys = self._find(request), fields.required_text("keys", most=64)
        try:
            _possible(lambda: call.press(keys))
        except ValueError as error:
            fields.illegal("keys", str(error))
        return self._shown(call)

    async def put_down(self, request: Request, _fields: Fields) -> Response:
        """Hang up, as the person who hears the prompts does."""
        call = self._find(request)
        call.put_down()
        return self._shown(call)

    def _matching(self, request: Request) -> Iterable[Call]:
        """Yield the calls that match a query, newest first."""
        query = Query(request.query_params.get("q", ""), NAMES)
        state = request.query_params.get("state", "")
        if state not in {"", *STATES}:
            raise RefusalError(40001, f"Illegal parameter 'state': must be one of {', '.join(STATES)}")
        newest_first = list(self._calls)[::-1]
        for call in newest_first[:1]:
            # Brings the whole exchange up to date.
            call.handle.catch_up()
        for call in newest_first:
            if (not state or state == _state(call)) and query.matches(lambda: _members(call), lambda: _words(call)):  # noqa: B023  # called at once
                yield call

    def _find(self, request: Request) -> Call:
        return found(self._calls.get(path_member(request, "callId")), "Call")

    def _shown(self, call: Call, levels: Mapping[str, object] | None = None) -> Response:
        timeline = [_entry(number, entry) for number, entry in enumerate(call.timeline, 1)]
        sent = {"request": call.request, "updates": call.updates, "cookies": call.cookies}
        shown = {
            **summary(call),
            "ringSeconds": _ring_seconds(call),
            "parties": [asdict(each) for each in (call.caller, call.to, call.connected_to) if each and each.endpoint],
            "recordings": [each.key for each in self._recordings if call.call_id in each.key],
            "levels": levels,
            "timeline": timeline,
            "transcript": [asdict(heard) for heard in call.transcript],
            **{name: readable(value) for name, value in sent.items()},
        }
        # Written in ASCII: what arrives may hold half a surrogate pair.
        return Response(json.dumps(shown), media_type="application/json")


def summary(call: Call) -> dict[str, object]:
    """Return what a list shows of a call; ``waits`` is whether it rings until a person answers it by hand, ``rings``
    where it does so, ``streams`` whether it is on a media stream.
    """
    log = call.timeline
    last = next((entry for entry in reversed(log) if entry.kind == "state"), None)
    waits = last is not None and last.data.get("manual") is True
    heard = call.heard[-1] if call.heard else None
    return {
        "callId": call.call_id,
        "from": call.caller.endpoint if call.caller else call.cli,
        "to": call.to.endpoint,
        "method": "" if call.callout is None else call.callout.method,
        "dialledIn": call.is_inbound,
        "state": last.text if last else "",
        "waits": waits,
        "rings": str(last.data.get("endpoint", "")) if last is not None and waits else "",
        "streams": call.ended is None and any(entry.kind == "state" and entry.text == "stream" for entry in log),
        "status": call.status,
        "result": call.result,
        "reason": call.reason,
        "duration": call.duration,
        "debit": call.debit,
        "placedAt": call.placed_at,
        "custom": call.custom,
        "conferenceId": call.seat.conference_id if call.seat else "",
        "date": call.clock.date(call.placed_at).isoformat(),
        "answeredAt": call.answered,
        "endedAt": None if call.ended is None else call.ended.at,
        "said": "" if heard is None else (heard.text or heard.file)[:160],
        "failure": _failure(log),
    }


def _levels(stream: Stream) -> dict[str, object]:
    """Return how loud both directions of a media stream were over its time."""
    tracks = {"caller": stream.said_track.levels(), "server": stream.playout.heard.levels()}
    longest = max(map(len, tracks.values()))
    joined = max(1, -(-longest // MOST_LEVELS))
    heights = {
        name: [max(levels[at : at + joined]) for at in range(0, len(levels), joined)] for name, levels in tracks.items()
    }
    return {"at": stream.playout.began, "every": round(joined * LEVEL_SECONDS, 3), **heights}


def _failure(log: Iterable[Entry]) -> str:
    """Return why a question to the application failed, as "ICE: status 401"; empty if none did."""
    found = (e for e in log if (e.kind == "answer" and "error" in e.data) or e.text == "illegal SVAML")
    entry = next(found, None)
    if entry is None:
        return ""
    return f"{entry.text.upper() if entry.kind == 'answer' else 'SVAML'}: {entry.data['error']}"


def _entry(number: int, entry: Entry) -> dict[str, object]:
    data = readable(entry.data)
    shown = {"id": number, "at": entry.at, "kind": entry.kind, "text": entry.text, "data": data}
    if entry.kind != "answer" or not isinstance(data, dict):
        return shown
    return {**shown, "requestId": data.get("requestId"), "svamlFaults": _svaml_faults(data.get("body"), entry.text)}


def _svaml_faults(body: object, event: str) -> list[dict[str, str]]:
    """Return what is wrong with SVAML that answered a question."""
    if not isinstance(body, dict) or not body or event not in {"ice", "ace", "pie"}:
        return []
    try:
        check_svaml(read_object(json.dumps(body).encode()), event)
    except RefusalError as refusal:
        path = refusal.message.partition("'")[2].partition("'")[0]
        return [{"path": path, "message": refusal.message}]
    return []


def _ring_seconds(call: Call) -> float | None:
    rings = next((entry.at for entry in call.log if entry.text == "ringing" and entry.kind == "state"), None)
    if rings is None:
        return None
    ends = [at for at in (call.answered, call.ended.at if call.ended else None, call.clock.now()) if at is not None]
    return round(max(0.0, ends[0] - rings), 3)


def _state(call: Call) -> str:
    if call.ended is None:
        return "live"
    return "completed" if call.ended.result == "ANSWERED" and not _failure(call.log) else "failed"


def _members(call: Call) -> Mapping[str, str]:
    """Return what can be searched by name, as of the last look at the call."""
    kind = "" if call.callout is None else call.callout.method.removesuffix("Callout")
    ended, unanswered = call.ended, "N/A" if call.answered is None else "ANSWERED"
    return {
        "from": call.caller.endpoint if call.caller else call.cli,
        "to": call.to.endpoint,
        "kind": kind or "incoming",
        "state": _state(call),
        "result": unanswered if ended is None else ended.result,
        "reason": "" if ended is None else ended.reason,
        "status": "ONGOING" if ended is None else "FINAL",
        "conference": call.seat.conference_id if call.seat else "",
        "id": call.call_id,
        "custom": call.custom,
        "text": " ".join(heard.text for heard in call.heard),
        "failed": "yes" if _failure(call.log) else "no",
    }


def _words(call: Call) -> str:
    return "\n".join(_members(call).values())


def readable(value: object) -> object:
    """Return JSON that arrived as every program can read it: NaN becomes a text, and deep nesting is cut."""
    try:
        return json.loads(json.dumps(value), parse_constant=str)
    except RecursionError:
        return {"note": "nested too deeply to be shown"}


def _number(endpoint: str) -> dict[str, str]:
    return {"type": "number", "endpoint": endpoint}


def _possible(act: Callable[[], None]) -> None:
    """Do something to a call, or answer 40900 if it is in no state for it."""
    try:
        act()
    except RuntimeError as error:
        raise RefusalError(40900, str(error)) from None


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
