"""The client: builds the transport, and hands it to the endpoints."""

import os
import ssl
from types import TracebackType
from typing import Any, Literal, Self

import attrs
import httpx

from sinch_voice_async._bounds import flag, instance, one_of, seconds, whole
from sinch_voice_async._endpoints import endpoint
from sinch_voice_async._endpoints.callouts import Callouts
from sinch_voice_async._endpoints.calls import Calls, Conferences
from sinch_voice_async._endpoints.configuration import Callbacks, Numbers
from sinch_voice_async._endpoints.endpoint import HasFormerNames
from sinch_voice_async._endpoints.recordings import Recordings
from sinch_voice_async._transport.httpx_adapter import interceptable_sender, sender_for
from sinch_voice_async._transport.messages import Response
from sinch_voice_async._transport.origin import BaseUrl
from sinch_voice_async._transport.pool import DEFAULT_LIMITS, ConnectionPool
from sinch_voice_async._transport.proxies import hidden_url
from sinch_voice_async._transport.retry import RetryPolicy
from sinch_voice_async._transport.transport import Session, Transport
from sinch_voice_async.credentials import Credentials, hidden
from sinch_voice_async.instrumentation import Observer
from sinch_voice_async.regions import CONFIGURATION_HOST, UNNAMED, Region

__all__ = ["BASE_URL_VARIABLE", "CONFIGURATION_URL_VARIABLE", "VoiceClient"]

BASE_URL_VARIABLE = "SINCH_VOICE_BASE_URL"
CONFIGURATION_URL_VARIABLE = "SINCH_VOICE_CONFIGURATION_URL"


class VoiceClient(HasFormerNames):
    """A client of the Sinch Voice (Calling) API, on asyncio and on trio.

    ::

        async with VoiceClient() as client:
            receipt = await client.callouts.tts("+46700000001", "Hello!", cli="+46700000000")

    One client serves any number of tasks, and one event loop after another; make one per application and keep it (one
    per loop if two loops run at once, in threads). It may be built outside an event loop.

    ``application_key`` and ``application_secret`` (base64, as the dashboard shows it) default to
    ``SINCH_APPLICATION_KEY`` and ``SINCH_APPLICATION_SECRET``, ``region`` to ``SINCH_VOICE_REGION``. A region that this
    version does not know becomes its host by the platform's rule, with a warning. ``auth`` is ``"signed"`` or
    ``"basic"``. ``base_url`` (``SINCH_VOICE_BASE_URL``) replaces the calling host, ``configuration_url``
    (``SINCH_VOICE_CONFIGURATION_URL``) the configuration host; the first alone is used for both.

    ``timeout`` is seconds, one number for each phase of an attempt or an ``httpx.Timeout``; its ``read`` bounds the
    whole answer. ``retry`` says what is repeated, ``limits`` how many connections are kept. ``max_text_length`` bounds
    ``text`` and each ``#tts[...]`` of a text-to-speech callout, in characters; None if your account has no limit.
    ``proxy`` is the URL of a proxy for all requests (``http``, ``https`` or ``socks5``, with a user and a password if
    it wants them); without it the usual variables (``HTTPS_PROXY``, ``NO_PROXY``) decide for each host, and this
    machine is reached directly. ``verify`` is as in httpx. ``transport`` replaces the pool and is closed with the
    client; ``http_client`` is an ``httpx.AsyncClient`` of yours and is left open; with either, only what httpx's trace
    extension proves unsent counts as unsent, and ``read`` is what httpx makes of it: the longest silence within an
    answer.
    ``allow_insecure`` permits plain http to another machine. ``observer`` watches each attempt. ``callout_max_idle`` is
    how many seconds a connection may have been idle and still be used for what is never repeated; ``max_answer_bytes``
    bounds a JSON answer.

    :raises ConfigurationError: when an argument or a variable is missing or malformed; the message names it.

    Source: Calling API; Authentication; OpenAPI, servers.
    """

    callouts: Callouts
    """Placing callouts."""
    calls: Calls
    """Looking at calls, and changing them while they last."""
    conferences: Conferences
    """Looking at conferences, and managing who is in them."""
    numbers: Numbers
    """Your numbers, and which application each belongs to."""
    callbacks: Callbacks
    """Where the platform sends the events of an application."""
    recordings: Recordings
    """The recordings that the platform keeps."""

    def __init__(
        self,
        application_key: str | None = None,
        application_secret: str | None = None,
        *,
        region: Region | str = UNNAMED,
        auth: Literal["signed", "basic"] = "signed",
        base_url: str | None = None,
        configuration_url: str | None = None,
        timeout: float | httpx.Timeout | None = 30.0,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
        limits: httpx.Limits = DEFAULT_LIMITS,
        max_text_length: int | None = 600,
        proxy: str | httpx.URL | httpx.Proxy | None = None,
        verify: ssl.SSLContext | bool = True,
        transport: httpx.AsyncBaseTransport | None = None,
        http_client: httpx.AsyncClient | None = None,
        allow_insecure: bool = False,
        observer: Observer | None = None,
        callout_max_idle: float | None = 3.0,
        max_answer_bytes: int = 1 << 20,
    ) -> None:
        application_secret = hidden(application_secret)
        # A URL may hold a password, also one that is refused because of it.
        base_url, configuration_url, proxy = hidden(base_url), hidden(configuration_url), hidden_url(proxy)
        one_of(auth, "auth", ("signed", "basic"))
        credentials = Credentials.from_environment(application_key, application_secret)
        calling, configuration = _bases(region, base_url, configuration_url, allow_insecure=allow_insecure)
        sender = sender_for(proxy=proxy, verify=verify, limits=limits, transport=transport, http_client=http_client)
        if isinstance(sender, ConnectionPool):
            sender.check(calling.origin, configuration.origin)
        session = Session(
            credentials=credentials,
            auth=auth,
            sender=sender,
            interceptable=interceptable_sender(sender, verify=verify, limits=limits),
        )
        self._allow_insecure = flag(allow_insecure, "allow_insecure")
        self._max_text_length = whole(max_text_length, "max_text_length", least=1, optional=True)
        self._attach(
            Transport(
                session=session,
                calling=calling,
                configuration=configuration,
                timeout=_timeout(timeout),
                retry=instance(retry, "retry", RetryPolicy),
                observer=observer,
                callout_max_idle=seconds(callout_max_idle, "callout_max_idle", optional=True),
                max_answer=whole(max_answer_bytes, "max_answer_bytes", least=1),
            )
        )

    def _attach(self, transport: Transport) -> None:
        self._transport = transport
        self.callouts = Callouts(transport, self._max_text_length)
        self.calls = Calls(transport)
        self.conferences = Conferences(transport)
        self.numbers = Numbers(transport)
        self.callbacks = Callbacks(transport)
        self.recordings = Recordings(transport)

    def with_options(
        self,
        *,
        timeout: float | httpx.Timeout | None = None,
        retry: RetryPolicy | None = None,
        region: Region | str | None = None,
    ) -> "VoiceClient":
        """Return a view of this client with other options: same connections, same quota, closed together.

        What is left out stays. ``region`` replaces the calling host, also one set by ``base_url``.

        :raises ConfigurationError: when an option is malformed.
        """
        view = object.__new__(type(self))
        view._allow_insecure = self._allow_insecure
        view._max_text_length = self._max_text_length
        transport = self._transport
        view._attach(
            attrs.evolve(
                transport,
                timeout=transport.timeout if timeout is None else _timeout(timeout),
                retry=transport.retry if retry is None else instance(retry, "retry", RetryPolicy),
                calling=transport.calling if region is None else BaseUrl.of_host(Region.parse(region).host),
            )
        )
        return view

    async def request(self, method: str, path: str, body: Any = None, *, configuration: bool = False) -> Response:
        """Send a signed request to a path that this library does not know yet, with retries and errors as everywhere.

        ``path`` begins with ``/``, is percent-encoded and may carry a query. ``body`` is bytes or text that goes as it
        is, or anything that ``json`` can write; its type is ``application/json``. ``configuration=True`` sends it to
        the configuration host. POST and PATCH are repeated only when proven not acted on.

        :raises InvalidRequestError: when the method or the path cannot be sent, or the body cannot be written as JSON.
        :raises SinchVoiceError: for any answer but 2xx, or none.

        Source: Authentication, Application signed request.
        """
        return await endpoint.request(self._transport, method, path, body, configuration=configuration)

    async def aclose(self) -> None:
        """Close all connections, of every view of this client; may be called twice."""
        session = self._transport.session
        session.closed = True
        await session.sender.aclose()
        await session.interceptable.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        # A traceback with local variables shows a client whose constructor has failed, too.
        if not hasattr(self, "_transport"):
            return "<VoiceClient, not made>"
        session = self._transport.session
        state = " closed" if session.closed else ""
        return f"<VoiceClient {self._transport.calling}, key '{session.credentials.application_key[:4]}…'{state}>"


def _bases(
    region: Region | str, base_url: str | None, configuration_url: str | None, *, allow_insecure: bool
) -> tuple[BaseUrl, BaseUrl]:
    # An empty variable is one that is not set; an empty argument is a mistake, and must not mean the real platform.
    if base_url is None:
        base_url = hidden(os.environ.get(BASE_URL_VARIABLE) or None)
    if configuration_url is None:
        configuration_url = hidden(os.environ.get(CONFIGURATION_URL_VARIABLE) or base_url)
    calling_host = Region.parse(region).host
    calling = _base(base_url, calling_host, f"base_url (or {BASE_URL_VARIABLE})", allow_insecure=allow_insecure)
    name = f"configuration_url (or {CONFIGURATION_URL_VARIABLE})"
    return calling, _base(configuration_url, CONFIGURATION_HOST, name, allow_insecure=allow_insecure)


def _base(url: str | None, host: str, name: str, *, allow_insecure: bool) -> BaseUrl:
    return BaseUrl.of_host(host) if url is None else BaseUrl.parse(url, name=name, allow_insecure=allow_insecure)


def _timeout(value: float | httpx.Timeout | None) -> httpx.Timeout:
    if isinstance(value, httpx.Timeout):
        for phase, limit in value.as_dict().items():
            seconds(limit, f"timeout.{phase}", optional=True)
        return value
    return httpx.Timeout(seconds(value, "timeout", zero=False, optional=True))
