"""Conferences: who takes part, and the commands to participants. Source: Calling API, Conferences."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sinch_voice_async.sandbox.exchange.callouts import MUSIC
from sinch_voice_async.sandbox.exchange.calls import Call, Conferences, Participant, Seat
from sinch_voice_async.sandbox.fields import Fields
from sinch_voice_async.sandbox.routes.endpoint import Endpoint, body_of, note, path_member

__all__ = ["ConferenceRoutes"]


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
