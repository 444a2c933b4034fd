"""Conferences: their participants, and commands to them."""

import attrs

from sinch_voice_async._endpoints.endpoint import HasFormerNames, conference_segment, id_segment
from sinch_voice_async._transport.messages import Request
from sinch_voice_async._transport.transport import Transport
from sinch_voice_async._wire.rest_codec import decode, encode
from sinch_voice_async.models.conferences import Conference, ConferenceCommand, MusicOnHold

__all__ = ["Conferences"]

_ROUTE = "/calling/v1/conferences/id/{conference_id}"
_PARTICIPANT_ROUTE = _ROUTE + "/{call_id}"


@attrs.frozen(eq=False)
class Conferences(HasFormerNames):
    """Reads and manages ongoing conferences: ``client.conferences``.

    A conference lives in one region: use a client of that region for all of it. Every method raises
    :class:`InvalidRequestError` if an id is not valid, and :class:`NotFoundError` if the conference or the participant
    does not exist. ``call_id`` is that of the participant's leg.
    """

    _transport: Transport

    async def get(self, conference_id: str) -> Conference:
        """Return an ongoing conference with its participants.

        Source: Calling API, Get Conference Info.
        """
        path = "/calling/v1/conferences/id/" + conference_segment(conference_id)
        response = await self._transport.send(Request(method="GET", path=path, route=_ROUTE, repeatable=True))
        return decode(response.body, Conference, status=response.status, attempts=response.attempts)

    async def mute(self, conference_id: str, call_id: str) -> None:
        """Mute a participant: the others no longer hear it.

        Source: Calling API, Mute/Unmute Conference Participant.
        """
        await self._command(conference_id, call_id, ConferenceCommand(command="mute"))

    async def unmute(self, conference_id: str, call_id: str) -> None:
        """Unmute a participant: the others hear it again.

        Source: Calling API, Mute/Unmute Conference Participant.
        """
        await self._command(conference_id, call_id, ConferenceCommand(command="unmute"))

    async def hold(self, conference_id: str, call_id: str, moh: MusicOnHold | None = None) -> None:
        """Put a participant on hold. ``moh`` is the music: ring, music1, music2 or music3.

        Source: OpenAPI, Manage Conference Participant.
        """
        await self._command(conference_id, call_id, ConferenceCommand(command="onhold", moh=moh))

    async def resume(self, conference_id: str, call_id: str) -> None:
        """Take a participant off hold.

        Source: OpenAPI, Manage Conference Participant.
        """
        await self._command(conference_id, call_id, ConferenceCommand(command="resume"))

    async def kick(self, conference_id: str, call_id: str) -> None:
        """End the call of one participant.

        Source: Calling API, Kick Conference Participant.
        """
        path = _participant(conference_id, call_id)
        await self._transport.send(Request(method="DELETE", path=path, route=_PARTICIPANT_ROUTE, repeatable=True))

    async def kick_all(self, conference_id: str) -> None:
        """End the calls of all participants, and so the conference.

        Source: Calling API, Kick All Conference Participants.
        """
        path = "/calling/v1/conferences/id/" + conference_segment(conference_id)
        await self._transport.send(Request(method="DELETE", path=path, route=_ROUTE, repeatable=True))

    async def _command(self, conference_id: str, call_id: str, command: ConferenceCommand) -> None:
        path = _participant(conference_id, call_id)
        await self._transport.send(
            Request(method="PATCH", path=path, route=_PARTICIPANT_ROUTE, repeatable=True, body=encode(command))
        )


def _participant(conference_id: str, call_id: str) -> str:
    conference = conference_segment(conference_id)
    return f"/calling/v1/conferences/id/{conference}/{id_segment(call_id, 'call_id')}"
