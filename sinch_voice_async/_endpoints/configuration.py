"""The configuration of your account: your numbers, and the URLs that the platform sends events to."""

from collections.abc import Iterable

import attrs

from sinch_voice_async import _bounds
from sinch_voice_async._endpoints.paths import id_segment, segment
from sinch_voice_async._transport.messages import Request
from sinch_voice_async._transport.transport import Transport
from sinch_voice_async._wire.rest_codec import decode, encode
from sinch_voice_async.errors import InvalidRequestError
from sinch_voice_async.models.configuration import (
    ApplicationNumber,
    ApplicationNumbers,
    AssignNumbers,
    CallbackConfiguration,
    CallbackUrls,
    Capability,
    NumberInformation,
    NumberQuery,
    UnassignNumber,
)

__all__ = ["Callbacks", "Numbers"]

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


_PREFIX = "/v1/configuration/callbacks/applications/"
_ROUTE = _PREFIX + "{application_key}"


@attrs.frozen(eq=False)
class Callbacks:
    """Reads and sets callback URLs, on the configuration host: ``client.callbacks``.

    ``application_key`` left out means the client's own application.
    """

    _transport: Transport

    async def get(self, application_key: str | None = None) -> CallbackUrls:
        """Return the primary and the fallback callback URL.

        :raises InvalidRequestError: ``application_key`` cannot be one.
        :raises BadRequestError: the platform knows no such application.

        Source: Calling API, Get Callbacks.
        """
        request = Request(
            method="GET", path=self._path(application_key), route=_ROUTE, repeatable=True, configuration=True
        )
        response = await self._transport.send(request)
        return decode(response.body, CallbackConfiguration, status=response.status, attempts=response.attempts).url

    async def update(
        self, primary: str | None, fallback: str | None = None, *, application_key: str | None = None
    ) -> None:
        """Set the callback URLs; the fallback is used when the primary fails or does not answer in time.

        What is None is left out; the documents do not say how a URL is taken away.

        :raises InvalidRequestError: one is no http or https URL, or both are None; nothing was sent.
        :raises BadRequestError: the platform knows no such application.

        Source: Calling API, Update Callbacks.
        """
        if primary is None and fallback is None:
            raise InvalidRequestError("primary must be given where fallback is not", field="primary")
        _bounds.url(primary, "primary", optional=True, error=InvalidRequestError)
        _bounds.url(fallback, "fallback", optional=True, error=InvalidRequestError)
        body = encode(CallbackConfiguration(url=CallbackUrls(primary=primary, fallback=fallback)))
        path = self._path(application_key)
        await self._transport.send(
            Request(method="POST", path=path, route=_ROUTE, repeatable=True, body=body, configuration=True)
        )

    def _path(self, application_key: str | None) -> str:
        key = self._transport.session.credentials.application_key if application_key is None else application_key
        return _PREFIX + id_segment(key, "application_key")
