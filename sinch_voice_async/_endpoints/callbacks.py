"""Where the platform sends the events of an application."""

import attrs

from sinch_voice_async import _bounds
from sinch_voice_async._endpoints.paths import id_segment
from sinch_voice_async._transport.messages import Request
from sinch_voice_async._transport.transport import Transport
from sinch_voice_async._wire.rest_codec import decode, encode
from sinch_voice_async.errors import InvalidRequestError
from sinch_voice_async.models.callbacks import CallbackConfiguration, CallbackUrls

__all__ = ["Callbacks"]

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
