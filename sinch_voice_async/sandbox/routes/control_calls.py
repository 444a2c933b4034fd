"""The control API's calls: what became of each, and the hand of somebody at its telephone."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Literal, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sinch_voice_async.sandbox.exchange.calls import Call, Calls
from sinch_voice_async.sandbox.fields import Fields
from sinch_voice_async.sandbox.refusals import RefusalError
from sinch_voice_async.sandbox.routes.control_table import Control
from sinch_voice_async.sandbox.routes.endpoint import path_member

__all__ = ["CallControls", "DialIn", "summary"]

Kind = Literal["number", "username", "sip"]
KINDS: dict[str | None, Kind] = {None: "number", "number": "number", "username": "username", "sip": "sip"}
LONGEST_ADDRESS = 256


class DialIn(Protocol):
    """Has somebody call the application."""

    async def __call__(self, from_: str, to: str, *, kind: Kind, custom: str) -> Call:
        """Return the call."""
        ...


class CallControls:
    """Lists calls, shows one, dials in, and picks up, presses and puts down."""

    def __init__(self, calls: Calls, dial_in: DialIn) -> None:
        self._calls = calls
        self._dial_in = dial_in

    def controls(self) -> list[Control]:
        """Return the endpoints."""
        dialled = {
            "from": "who dials: a number, user name or SIP address",
            "to": "what they dial",
            "kind": "what both are: number, username or sip; number without it",
            "custom": "what ICE says in its member of that name",
        }
        one = "/calls/{callId}"
        return [
            Control("GET", "/calls", self.list),
            Control("POST", "/calls", self.dial, dialled),
            Control("GET", one, self.get),
            Control("POST", f"{one}/pick-up", self.pick_up),
            Control("POST", f"{one}/press", self.press, {"keys": "0-9, * and #"}),
            Control("POST", f"{one}/put-down", self.put_down),
        ]

    async def list(self, _request: Request, _fields: Fields) -> Response:
        """List every call, oldest first."""
        return JSONResponse({"calls": [summary(call) for call in self._calls]})

    async def dial(self, _request: Request, fields: Fields) -> Response:
        """Dial in: the application is asked what to do with the call."""
        parties = [fields.required_text(name, most=LONGEST_ADDRESS) for name in ("from", "to")]
        kind = KINDS[fields.choice("kind", ("number", "username", "sip"))]
        call = await self._dial_in(*parties, kind=kind, custom=fields.text("custom", most=1_024) or "")
        return JSONResponse(summary(call), status_code=201)

    async def get(self, request: Request, _fields: Fields) -> Response:
        """Tell one call's timeline, with its callbacks, and its transcript."""
        return self._shown(self._find(request))

    async def pick_up(self, request: Request, _fields: Fields) -> Response:
        """Answer the telephone that rings."""
        call = self._find(request)
        _possible(call.pick_up)
        return self._shown(call)

    async def press(self, request: Request, fields: Fields) -> Response:
        """Press keys, as whoever hears the prompts does."""
        call, keys = self._find(request), fields.required_text("keys", most=64)
        try:
            _possible(lambda: call.press(keys))
        except ValueError as error:
            fields.illegal("keys", str(error))
        return self._shown(call)

    async def put_down(self, request: Request, _fields: Fields) -> Response:
        """Hang up, as whoever hears the prompts does."""
        call = self._find(request)
        call.put_down()
        return self._shown(call)

    def _find(self, request: Request) -> Call:
        call = self._calls.get(path_member(request, "callId"))
        if call is None:
            raise RefusalError(40400, "Call not found")
        return call

    def _shown(self, call: Call) -> Response:
        timeline = [
            {"at": entry.at, "kind": entry.kind, "text": entry.text, "data": _readable(entry.data)}
            for entry in call.timeline
        ]
        sent = {"request": call.request, "updates": call.updates, "cookies": call.cookies}
        shown = {
            **summary(call),
            "timeline": timeline,
            "transcript": [asdict(heard) for heard in call.transcript],
            **{name: _readable(value) for name, value in sent.items()},
        }
        # Written in ASCII, for what strangers sent may hold half a surrogate pair.
        return Response(json.dumps(shown), media_type="application/json")


def summary(call: Call) -> dict[str, object]:
    """Return what a list says of a call; ``waits`` is whether it rings for somebody to pick it up by hand."""
    caller = call.caller.endpoint if call.caller else call.cli
    last = next((entry for entry in reversed(call.timeline) if entry.kind == "state"), None)
    state = last.text if last else ""
    return {
        "callId": call.call_id,
        "from": caller,
        "to": call.to.endpoint,
        "method": "" if call.callout is None else call.callout.method,
        "dialledIn": call.is_inbound,
        "state": state,
        "waits": last is not None and last.data.get("manual") is True,
        "status": call.status,
        "result": call.result,
        "reason": call.reason,
        "duration": call.duration,
        "debit": call.debit,
        "placedAt": call.placed_at,
        "custom": call.custom,
        "conferenceId": call.seat.conference_id if call.seat else "",
    }


def _readable(value: object) -> object:
    """Return JSON that somebody sent as every program can read it: NaN becomes a text, and there is an end to depth."""
    try:
        return json.loads(json.dumps(value), parse_constant=str)
    except RecursionError:
        return {"note": "nested too deeply to be shown"}


def _possible(act: Callable[[], None]) -> None:
    """Do something to a call, or answer 40900 where it is in no state for it."""
    try:
        act()
    except RuntimeError as error:
        raise RefusalError(40900, str(error)) from None
