"""Your numbers: which you have, and which application each belongs to."""

from collections.abc import Iterable

import attrs

from sinch_voice_async._endpoints.paths import segment
from sinch_voice_async._transport.messages import Request
from sinch_voice_async._transport.transport import Transport
from sinch_voice_async._wire.rest_codec import decode, encode
from sinch_voice_async.models.numbers import (
    ApplicationNumber,
    ApplicationNumbers,
    AssignNumbers,
    Capability,
    NumberInformation,
    NumberQuery,
    UnassignNumber,
)

__all__ = ["Numbers"]

_PATH = "/v1/configuration/numbers"


@attrs.frozen(eq=False)
class Numbers:
    """Reads and assigns the numbers of your account, on the configuration host: ``client.numbers``."""

    _transport: Transport

    async def list(self) -> list[ApplicationNumber]:
        """Return all numbers that you own; those assigned to an application carry its key.

        Source: Calling API, Get Numbers.
        """
        request = Request(method="GET", path=_PATH, route=_PATH, repeatable=True, configuration=True)
        response = await self._transport.send(request)
        found = decode(response.body, ApplicationNumbers, status=response.status, attempts=response.attempts)
        return [*found.numbers]

    async def assign(
        self, numbers: str | Iterable[str], *, application_key: str | None = None, capability: Capability | None = None
    ) -> None:
        """Assign 1 to 100 numbers, in E.164, to an application; without a key, to the one that asks.

        ``capability`` is ``"voice"`` or ``"sms"``, and the numbers must have it.

        :raises InvalidRequestError: there are none or too many, or one is no telephone number.
        :raises BadRequestError: the platform could not assign them, or knows no such application.

        Source: Calling API, Update Numbers.
        """
        listed = (numbers,) if isinstance(numbers, str) else numbers
        change = AssignNumbers(numbers=listed, application_key=application_key, capability=capability)
        await self._change("POST", change)

    async def unassign(
        self, number: str, *, application_key: str | None = None, capability: Capability | None = None
    ) -> None:
        """Take a number, in E.164, away from an application; without a key, from the one that asks.

        :raises InvalidRequestError: it is no telephone number.
        :raises BadRequestError: the platform could not un-assign it, or knows no such application.

        Source: Calling API, Un-assign Number.
        """
        change = UnassignNumber(number=number, application_key=application_key, capability=capability)
        await self._change("DELETE", change)

    async def query(self, number: str) -> NumberInformation:
        """Return the country, the kind and the price per minute of a number, written in any way.

        The platform has marked this as deprecated in favour of its Number Lookup API.

        :raises InvalidRequestError: ``number`` cannot stand in a path.
        :raises BadRequestError: the platform cannot read it as a number.

        Source: Calling API, Query Number.
        """
        request = Request(
            method="GET",
            path="/v1/calling/query/number/" + segment(number, "number"),
            route="/v1/calling/query/number/{number}",
            repeatable=True,
            configuration=True,
        )
        response = await self._transport.send(request)
        return decode(response.body, NumberQuery, status=response.status, attempts=response.attempts).number

    async def _change(self, method: str, change: AssignNumbers | UnassignNumber) -> None:
        body = encode(change)
        await self._transport.send(
            Request(method=method, path=_PATH, route=_PATH, repeatable=True, body=body, configuration=True)
        )
