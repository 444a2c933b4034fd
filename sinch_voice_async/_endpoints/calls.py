"""Calls and conferences: their state, changes of ongoing calls, and commands to participants."""

from typing import Literal

import anyio
import attrs

from sinch_voice_async import _bounds
from sinch_voice_async._endpoints.endpoint import HasFormerNames, conference_segment, id_segment
from sinch_voice_async._transport.messages import Request
from sinch_voice_async._transport.origin import BaseUrl, trusted
from sinch_voice_async._transport.transport import Transport
from sinch_voice_async._wire.rest_codec import decode, encode
from sinch_voice_async.errors import InvalidRequestError, RequestTimeoutError
from sinch_voice_async.models.answers import Svaml
from sinch_voice_async.models.calls import Call, Conference, ConferenceCommand, MusicOnHold
from sinch_voice_async.models.fields import Inline

__all__ = ["Calls", "Conferences"]

_PREFIX = "/calling/v1/calls/id/"
_ROUTE = _PREFIX + "{call_id}"
_LEGS = ("caller", "callee", "both")
# Written here so that hanging up does not load the models of SVAML.
_HANG_UP = b'{"action":{"name":"hangup"}}'


@attrs.frozen(eq=False)
class Calls(HasFormerNames):
    """Reads and manages calls: ``client.calls``.

    Every ``call_id`` may also be the ``call_resource_url`` of an event; the request then goes to the region of the
    call. Credentials are sent only to a host of the platform, or to the host that the client was configured with.
    """

    _transport: Transport

    async def get(self, call_id: str) -> Call:
        """Return the state of a call.

        :raises InvalidRequestError: ``call_id`` is not valid, or is a URL of another host.
        :raises NotFoundError: the call does not exist.

        Source: Calling API, Get Call Result.
        """
        base, segment = self._locate(call_id)
        request = Request(method="GET", path=_PREFIX + segment, route=_ROUTE, repeatable=True, base=base)
        response = await self._transport.send(request)
        return decode(response.body, Call, status=response.status, attempts=response.attempts)

    async def update(self, call_id: str, svaml: Svaml) -> None:
        """Carry out SVAML on an ongoing call, or continue a parked call with any answer that its ICE allows.

        Only for calls that originate from or terminate to PSTN or SIP. A request of unknown outcome is not repeated,
        so that the caller does not hear a message twice.

        :raises InvalidRequestError: ``call_id`` is not valid or is a URL of another host, or ``svaml`` is not SVAML.
        :raises NotFoundError: the call does not exist or is over.

        Source: Calling API, Manage Call.
        """
        base, segment = self._locate(call_id)
        await self._patch(_PREFIX + segment, _ROUTE, _encoded(svaml), base=base, repeatable=False)

    async def update_leg(self, call_id: str, leg: Literal["caller", "callee", "both"], svaml: Svaml) -> None:
        """Carry out SVAML on one side of an ongoing call.

        The leg matters for ``PlayFiles`` and ``Say`` only. The platform ignores it for calls in a conference and for
        calls that began as a callout. A request of unknown outcome is not repeated.

        :raises InvalidRequestError: ``call_id``, ``leg`` or ``svaml`` is not valid.
        :raises NotFoundError: the call does not exist or is over.

        Source: Calling API, Manage Call.
        """
        if leg not in _LEGS:
            raise InvalidRequestError(f"leg must be one of {', '.join(_LEGS)}", field="leg")
        base, segment = self._locate(call_id)
        path, route = f"{_PREFIX}{segment}/leg/{leg}", _ROUTE + "/leg/{leg}"
        await self._patch(path, route, _encoded(svaml), base=base, repeatable=False)

    async def hang_up(self, call_id: str) -> None:
        """End an ongoing call.

        :raises InvalidRequestError: ``call_id`` is not valid, or is a URL of another host.
        :raises NotFoundError: the call does not exist or is over; it may have ended a moment ago.

        Source: Calling API, Manage Call.
        """
        base, segment = self._locate(call_id)
        await self._patch(_PREFIX + segment, _ROUTE, _HANG_UP, base=base, repeatable=True)

    async def wait_until_final(
        self,
        call_id: str,
        *,
        poll_interval: float = 2.0,
        timeout: float | None = None,
    ) -> Call:
        """Poll a call until its status is FINAL, and return it.

        ``poll_interval`` and ``timeout`` are seconds; without ``timeout`` it waits as long as the call lasts. A
        :class:`~sinch_voice_async.webhooks.CallTracker` learns the same from callbacks, without polling.

        :raises RequestTimeoutError: the call was not final within ``timeout``.
        :raises InvalidRequestError: a parameter is out of range, or ``call_id`` is not valid.
        :raises NotFoundError: the call does not exist.

        Source: Calling API, Get Call Result.
        """
        _bounds.seconds(poll_interval, "poll_interval", error=InvalidRequestError)
        _bounds.seconds(timeout, "timeout", optional=True, error=InvalidRequestError)
        with anyio.move_on_after(timeout):
            while True:
                call = await self.get(call_id)
                if call.is_final:
                    return call
                await anyio.sleep(poll_interval)
        raise RequestTimeoutError(f"the call was not final after {timeout} s", phase="read", outcome="accepted")

    async def _patch(self, path: str, route: str, body: bytes, *, base: BaseUrl | None, repeatable: bool) -> None:
        await self._transport.send(
            Request(method="PATCH", path=path, route=route, repeatable=repeatable, body=body, base=base)
        )

    def _locate(self, call_id: str) -> tuple[BaseUrl | None, str]:
        if not isinstance(call_id, str) or "://" not in call_id:
            return None, id_segment(call_id, "call_id")
        own = (self._transport.calling, self._transport.configuration)
        base, path = trusted(call_id, "call_id", own)
        if not path.startswith(_PREFIX):
            raise InvalidRequestError(f"call_id: the path of its URL must begin with {_PREFIX}", field="call_id")
        return base, id_segment(path.removeprefix(_PREFIX), "call_id")


def _encoded(svaml: Svaml) -> bytes:
    if not isinstance(svaml, Inline):
        raise InvalidRequestError(f"svaml must be a Svaml, not {type(svaml).__name__}", field="svaml")
    return encode(svaml)


_CONFERENCE_ROUTE = "/calling/v1/conferences/id/{conference_id}"
_PARTICIPANT_ROUTE = _CONFERENCE_ROUTE + "/{call_id}"


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
        response = await self._transport.send(
            Request(method="GET", path=path, route=_CONFERENCE_ROUTE, repeatable=True)
        )
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
        await self._transport.send(Request(method="DELETE", path=path, route=_CONFERENCE_ROUTE, repeatable=True))

    async def _command(self, conference_id: str, call_id: str, command: ConferenceCommand) -> None:
        path = _participant(conference_id, call_id)
        await self._transport.send(
            Request(method="PATCH", path=path, route=_PARTICIPANT_ROUTE, repeatable=True, body=encode(command))
        )


def _participant(conference_id: str, call_id: str) -> str:
    conference = conference_segment(conference_id)
    return f"/calling/v1/conferences/id/{conference}/{id_segment(call_id, 'call_id')}"
