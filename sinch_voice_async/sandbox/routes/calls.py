"""Calls and conferences: placed, read and managed, and the commands to participants.

Source: Calling API, Callouts; Calling API, Get Call Result; Calling API, Conferences.
"""

from datetime import datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sinch_voice_async.sandbox.account import Account
from sinch_voice_async.sandbox.exchange.callouts import MUSIC, Callout, callback_headers, read_callout
from sinch_voice_async.sandbox.exchange.calls import RATE, Call, Calls, Conferences, Participant, Party, Seat
from sinch_voice_async.sandbox.exchange.events import party
from sinch_voice_async.sandbox.exchange.exchange import Exchange
from sinch_voice_async.sandbox.exchange.svaml import check_svaml
from sinch_voice_async.sandbox.faults import Faults
from sinch_voice_async.sandbox.requests import Codes, Endpoint, Fields, RefusalError, body_of, note, path_member

__all__ = ["CallRoutes", "CalloutRoutes", "ConferenceRoutes"]


class CalloutRoutes:
    """Places callouts, unless the account or a limit forbids it."""

    def __init__(self, account: Account, exchange: Exchange, faults: Faults) -> None:
        self._account = account
        self._exchange = exchange
        self._faults = faults

    def endpoints(self) -> list[Endpoint]:
        """Return the routes; older documents and samples write the path with a trailing slash."""
        paths = ("/calling/v1/callouts", "/calling/v1/callouts/")
        return [Endpoint("POST", path, self.place) for path in paths]

    async def place(self, request: Request) -> Response:
        """Validate the callout, ring the telephone, and answer with the call's id."""
        callout = read_callout(await body_of(request), max_text_length=self._account.max_text_length)
        headers = callback_headers(request.headers.items())
        self._check_allowed(callout)
        call = self._exchange.place(callout, headers)
        note(request, f"{callout.method} -> call {call.call_id}")
        return JSONResponse({"callId": call.call_id})

    def _check_allowed(self, callout: Callout) -> None:
        if self._account.out_of_credit:
            raise RefusalError(40200, "Not enough credit")
        if callout.kind == "number" and self._account.forbids(callout.endpoint):
            raise RefusalError(40300, "Resource destination is forbidden")
        self._faults.admit_callout()


MANAGE = Codes(illegal=40003, missing=40003)
"""The documents name only this error for malformed SVAML in a PATCH."""


class CallRoutes:
    """Answers for the calls of an exchange.

    ``show_caller`` adds ``from`` to a call. The platform's samples of callouts leave it out, and an old client library
    of the vendor cannot read it.
    """

    def __init__(self, calls: Calls, *, show_caller: bool) -> None:
        self._calls = calls
        self._show_caller = show_caller

    def endpoints(self) -> list[Endpoint]:
        """Return the routes."""
        path = "/calling/v1/calls/id/{callId}"
        return [
            Endpoint("GET", path, self.get),
            Endpoint("PATCH", path, self.update),
            Endpoint("PATCH", f"{path}/leg/{{callLeg}}", self.update_leg),
        ]

    async def get(self, request: Request) -> Response:
        """Answer with the state or the result of a call."""
        call = self._find(request)
        note(request, f"{call.status} {call.result} {call.reason}")
        return JSONResponse(self._described(call))

    async def update(self, request: Request) -> Response:
        """Act on SVAML for an ongoing call; 204."""
        await self._manage(request, "caller")
        return Response(status_code=204)

    async def update_leg(self, request: Request) -> Response:
        """Act on SVAML for one leg of an ongoing call; 200."""
        leg = path_member(request, "callLeg")
        if leg not in {"caller", "callee", "both"}:
            raise RefusalError(40003, "Invalid request: the leg must be caller, callee or both")
        await self._manage(request, leg)
        return Response(status_code=200)

    async def _manage(self, request: Request, leg: str) -> None:
        call = self._find(request)
        svaml = check_svaml(await body_of(request, MANAGE), "call")
        if call.is_final:
            raise RefusalError(40400, "Call not found")
        if call.to.kind == "username":
            raise RefusalError(40003, "Invalid request: only calls from or to PSTN or SIP can be managed")
        call.handle.manage(svaml, leg)

    def _find(self, request: Request) -> Call:
        call = self._calls.get(path_member(request, "callId"))
        if call is None:
            raise RefusalError(40400, "Call not found")
        return call

    def _described(self, call: Call) -> dict[str, object]:
        caller = call.caller or Party("number", call.cli)
        shown = self._show_caller and caller.endpoint
        return {
            **({"from": party(caller)} if shown else {}),
            "to": party(call.to),
            "domain": call.domain,
            "callId": call.call_id,
            "duration": call.duration,
            "status": call.status,
            "result": call.result,
            "reason": call.reason,
            "timestamp": _whole_seconds(call.clock.date(call.placed_at)),
            "custom": call.custom,
            "userRate": {"currencyId": "USD", "amount": RATE},
            "debit": {"currencyId": "USD", "amount": call.debit},
        }


def _whole_seconds(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class ConferenceRoutes:
    """Answers for the conferences of an exchange."""

    def __init__(self, conferences: Conferences) -> None:
        self._conferences = conferences

    def endpoints(self) -> list[Endpoint]:
        """Return the routes."""
        conference = "/calling/v1/conferences/id/{conferenceId}"
        participant = f"{conference}/{{callId}}"
        return [
            Endpoint("GET", conference, self.get),
            Endpoint("DELETE", conference, self.kick_all),
            Endpoint("PATCH", participant, self.command),
            Endpoint("DELETE", participant, self.kick),
        ]

    async def get(self, request: Request) -> Response:
        """Answer with the participants."""
        participants = self._conferences.participants(path_member(request, "conferenceId"))
        return JSONResponse({"participants": [_described(*each) for each in participants]})

    async def command(self, request: Request) -> Response:
        """Mute, unmute, hold or resume one participant; 200."""
        call, seat = self._participant(request)
        call.handle.note(f"conference: {_obey(seat, await body_of(request))}")
        return Response(status_code=200)

    async def kick(self, request: Request) -> Response:
        """End one participant's call; 200."""
        call, _ = self._participant(request)
        call.hang_up()
        return Response(status_code=200)

    async def kick_all(self, request: Request) -> Response:
        """End every participant's call; 204."""
        participants = self._conferences.participants(path_member(request, "conferenceId"))
        for call, _ in participants:
            call.hang_up()
        note(request, f"{len(participants)} kicked")
        return Response(status_code=204)

    def _participant(self, request: Request) -> Participant:
        return self._conferences.participant(path_member(request, "conferenceId"), path_member(request, "callId"))


def _obey(seat: Seat, fields: Fields) -> str:
    command = fields.choice("command", ("mute", "unmute", "onhold", "resume")) or fields.missing("command")
    moh = fields.choice("moh", MUSIC)
    if command in {"mute", "unmute"}:
        seat.muted = command == "mute"
    else:
        seat.on_hold = command == "onhold"
        seat.moh = moh if seat.on_hold else None
    return command


def _described(call: Call, seat: Seat) -> dict[str, object]:
    return {
        "cli": call.listener.endpoint,
        "id": call.call_id,
        "duration": int(call.seconds_since(seat.joined_at)),
        "muted": seat.muted,
        "onhold": seat.on_hold,
    }
