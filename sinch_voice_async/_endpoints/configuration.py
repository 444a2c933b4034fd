"""The configuration of an account: its numbers, and the callback URLs of its applications."""

from collections.abc import Iterable
from typing import Final

import attrs

from sinch_voice_async import _bounds
from sinch_voice_async._endpoints.endpoint import HasFormerNames, id_segment, segment
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

_PATH: Final = "/v1/configuration/numbers"
_PREFIX: Final = "/v1/configuration/callbacks/applications/"
_ROUTE: Final = _PREFIX + "{application_key}"


@attrs.frozen(eq=False)
class Numbers(HasFormerNames):
    """Reads and assigns the numbers of your account, on the configuration host: ``client.numbers``."""

    _transport: Transport

    async def list(self) -> list[ApplicationNumber]:
        """Return all numbers of the account; a number that is assigned to an application carries its key.

        Source: Calling API, Get Numbers.
        """
        request = Request(method="GET", path=_PATH, route=_PATH, repeatable=True, configuration=True)
        response = await self._transport.send(request)
        found = decode(response.body, ApplicationNumbers, status=response.status, attempts=response.attempts)
        return [*found.numbers]

    async def assign(
        self, numbers: str | Iterable[str], *, application_key: str | None = None, capability: Capability | None = None
    ) -> None:
        """Assign 1 to 100 numbers, in E.164, to an application: by default, to that of the client.

        ``capability`` is ``"voice"`` or ``"sms"``, and the numbers must have it.

        :raises InvalidRequestError: the list is empty or too long, or an item is not a telephone number.
        :raises BadRequestError: the platform could not assign them, or does not know the application.

        Source: Calling API, Update Numbers.
        """
        listed = (numbers,) if isinstance(numbers, str) else numbers
        change = AssignNumbers(numbers=listed, application_key=application_key, capability=capability)
        await self._change("POST", change)

    async def unassign(
        self, number: str, *, application_key: str | None = None, capability: Capability | None = None
    ) -> None:
        """Remove a number, in E.164, from an application: by default, from that of the client.

        :raises InvalidRequestError: ``number`` is not a telephone number.
        :raises BadRequestError: the platform could not remove it, or does not know the application.

        Source: Calling API, Un-assign Number.
        """
        change = UnassignNumber(number=number, application_key=application_key, capability=capability)
        await self._change("DELETE", change)

    async def query(self, number: str) -> NumberInformation:
        """Return the country, the kind and the price per minute of a number, in any spelling.

        The platform has marked this as deprecated in favour of its Number Lookup API.

        :raises InvalidRequestError: ``number`` cannot be part of a path.
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


@attrs.frozen(eq=False)
class Callbacks(HasFormerNames):
    """Reads and sets callback URLs, on the configuration host: ``client.callbacks``.

    ``application_key`` is by default that of the client.
    """

    _transport: Transport

    async def get(self, application_key: str | None = None) -> CallbackUrls:
        """Return the primary and the fallback callback URL.

        :raises InvalidRequestError: ``application_key`` is not valid.
        :raises BadRequestError: the platform does not know the application.

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

        None is not sent. The documents do not say how a URL is removed.

        :raises InvalidRequestError: a URL is not http or https, or both are None; nothing was sent.
        :raises BadRequestError: the platform does not know the application.

        Source: Calling API, Update Callbacks.
        """
        if primary is None and fallback is None:
            raise InvalidRequestError("primary or fallback must be given", field="primary")
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
