"""Results of a campaign, posted to a URL of yours as they come: signed, at least once, in the order of the journal.

::

    secret = os.environ["RESULTS_SECRET"]  # whsec_... in base64
    async with (
        httpx.AsyncClient(timeout=10) as http,
        ResultStream(campaign, "https://me.example/results", secret=secret, http_client=http),
        campaign.run(client, contacts, callout) as outcomes,
    ):
        await outcomes.wait()

Rules:

- The journal keeps each result in the same transaction that changes the contact, until the URL has confirmed it with a
  2xx. So none is lost by a crash, a restart, or a URL that is away; the next stream resumes where this one ended.
- One request is on its way at a time, with up to a hundred results in order. Memory does not grow with what waits.
- A request that fails is repeated without end, with growing pauses. 410 ends the stream. Redirects are not followed.
- Nothing of this slows or stops the dialling.
- A result may come twice: its ``id`` is the same then. Of two results of one contact the later has the larger id; with
  one machine that holds for all results.

The format is that of Standard Webhooks: the headers ``webhook-id``, ``webhook-timestamp`` and ``webhook-signature``
(``v1``, HMAC-SHA256). :func:`verify_results` checks them; so do the libraries of that specification.

Source: Standard Webhooks, Signature scheme.
"""

import base64
import binascii
import hashlib
import hmac
import ipaddress
import json
import logging
import math
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import Any, Final, Protocol, Self
from urllib.parse import urlsplit

import anyio
from anyio.abc import TaskGroup

from sinch_voice_async.dialer.campaign import Campaign
from sinch_voice_async.dialer.journal import ContactState
from sinch_voice_async.dialer.sql import SqlJournal
from sinch_voice_async.errors import (
    ConfigurationError,
    InvalidEventError,
    InvalidSignatureError,
    JournalError,
    StaleTimestampError,
)

__all__ = ["ResultStream", "verify_results"]

logger: Final = logging.getLogger("sinch_voice_async.dialer")

_BATCH: Final = 100
_LOOK: Final = 0.5
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
_LONGEST_RETRY_AFTER: Final = 600.0
_LONGEST_ANSWER: Final = 64 * 1024
_SHORTEST_KEY, _LONGEST_KEY = 24, 64
_PREFIX: Final = "whsec_"
_GONE: Final = 410
_BAD_SECRET: Final = "the secret must be 24 to 64 bytes in base64, with or without whsec_ before it"  # noqa: S105  # a message
_FINAL: Final = (ContactState.DONE, ContactState.REJECTED, ContactState.UNKNOWN, ContactState.SKIPPED)


class _Key:
    """The key of signatures; it shows nothing of itself."""

    __slots__ = ("__bytes",)

    def __init__(self, secret: str) -> None:
        try:
            self.__bytes = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except (binascii.Error, ValueError, AttributeError, TypeError):
            self.__bytes = b""

    def __repr__(self) -> str:
        return "<key>"

    def __reduce__(self) -> Any:
        raise TypeError("the key of signatures is not pickled")

    @property
    def is_usable(self) -> bool:
        """Whether it has a length that the specification allows."""
        return _SHORTEST_KEY <= len(self.__bytes) <= _LONGEST_KEY

    def sign(self, message_id: str, timestamp: str, body: bytes) -> str:
        """Return the signature of a message."""
        content = f"{message_id}.{timestamp}.".encode() + body
        return "v1," + base64.b64encode(hmac.new(self.__bytes, content, hashlib.sha256).digest()).decode()


class HttpClient(Protocol):
    """What is used of an ``httpx.AsyncClient``."""

    def stream(
        self, method: str, url: str, *, content: bytes, headers: Mapping[str, str], follow_redirects: bool
    ) -> AbstractAsyncContextManager[Any]:
        """Send a request, and give its answer before its body is read."""
        ...


class ResultStream:
    """Posts the results of a campaign to ``url`` as long as the ``async with`` block lasts.

    ``secret`` is the key of the signatures: 24 to 64 bytes in base64, with or without ``whsec_`` before it.
    ``http_client`` is an ``httpx.AsyncClient`` of yours, with the timeout that it has. ``states`` are those in which a
    contact is a result; by default ``done``, ``rejected``, ``unknown`` and ``skipped``, and ``accepted`` too if the
    campaign follows no calls. At the end of the block, results that wait are sent for up to ``drain`` seconds; what is
    left stays in the journal. The stream may run in another process than the campaign.

    The body is a JSON object: ``type`` is ``campaign.results``, ``timestamp`` the time of the last result, and ``data``
    has the ``campaign`` and its ``results``, each with ``id``, ``number``, ``state``, ``result``, ``reason``,
    ``attempts``, ``duration`` (seconds), ``price``, ``currency``, ``call_id``, ``placed_at``, ``changed_at``, ``note``,
    ``line`` and ``fields``.

    :raises ConfigurationError: the URL is neither https nor on this machine, the secret is too short or not base64, or
        the journal is another one than a file or PostgreSQL.
    """

    def __init__(
        self,
        campaign: Campaign,
        url: str,
        *,
        secret: str,
        http_client: HttpClient,
        states: Collection[ContactState] | None = None,
        drain: float = 10.0,
    ) -> None:
        self._key = _Key(secret)
        del secret  # an error report shows the variables of frames
        if not self._key.is_usable:
            raise ConfigurationError(_BAD_SECRET)
        if not isinstance(campaign.journal, SqlJournal):
            raise ConfigurationError("this journal keeps no results: use a file, or a database in PostgreSQL")
        self._journal = campaign.journal
        self._campaign = campaign
        self._url = _checked(url)
        self._client = http_client
        self._drain = drain
        follows = campaign.settings.follow is not None
        self._states = states or (_FINAL if follows else (*_FINAL, ContactState.ACCEPTED))
        self._is_ending = False
        self._failures = 0
        self._tasks: TaskGroup | None = None
        self._stack = AsyncExitStack()
        self.sent: int = 0
        self.problem: str | None = None

    def __repr__(self) -> str:
        return f"ResultStream({self._campaign.name!r}, {self._url!r})"

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._campaign)
        try:
            await self._journal.stream_results(self._states)
        except BaseException:
            await self._stack.aclose()
            raise
        self._tasks = await self._stack.enter_async_context(anyio.create_task_group())
        self._tasks.start_soon(self._run)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._tasks is not None
        self._is_ending = True
        # Bounded, whatever the URL does, and also while everything is being cancelled: what is left stays.
        self._tasks.cancel_scope.deadline = anyio.current_time() + (self._drain if exc_type is None else 0.0)
        await self._stack.__aexit__(None, None, None)

    async def _run(self) -> None:
        try:
            while True:
                found = await self._journal.results(_BATCH)
                if not found and self._is_ending:
                    return
                if not found:
                    await anyio.sleep(_LOOK)
                elif (pause := await self._post(found)) is None:
                    return
                elif pause:
                    await anyio.sleep(pause)
        except JournalError as error:
            self._note(f"the journal cannot be read: {error}")

    async def _post(self, found: Sequence[tuple[int, Mapping[str, Any]]]) -> float | None:
        """Send results; return for how many seconds to wait then, None if there is nothing to wait for any more."""
        body = self._body(found)
        name = hashlib.sha256(body).hexdigest()[:24]  # a repetition has the same body, and so the same id
        timestamp = str(int(time.time()))
        headers = {
            "content-type": "application/json",
            "webhook-id": f"msg_{name}",
            "webhook-timestamp": timestamp,
            "webhook-signature": self._key.sign(f"msg_{name}", timestamp, body),
        }
        try:
            status, retry_after = await self._send(body, headers)
        except Exception as error:  # noqa: BLE001 - whatever the HTTP client raises, the results stay in the journal
            return self._failed(type(error).__name__, None)
        if 200 <= status < 300:
            await self._journal.forget_results([key for key, _ in found])
            self.sent += len(found)
            if self._failures:
                logger.warning("results are taken again")
            self._failures, self.problem = 0, None
            return 0.0
        if status == _GONE:
            self._note("the URL is gone (410): no more results are sent")
            return None
        kind = " (redirects are not followed)" if 300 <= status < 400 else ""
        return self._failed(f"{status}{kind}", retry_after)

    async def _send(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, float | None]:
        async with self._client.stream(
            "POST", self._url, content=body, headers=headers, follow_redirects=False
        ) as answer:
            # Read to its end, a short answer leaves the connection open for the next request.
            length = answer.headers.get("content-length", "")
            if length.isdigit() and len(length) < 10 and int(length) <= _LONGEST_ANSWER:
                await answer.aread()
            return int(answer.status_code), _seconds(answer.headers.get("retry-after"))

    def _failed(self, why: str, retry_after: float | None) -> float:
        self._failures += 1
        if self._failures == 1:
            self._note(f"results cannot be sent: {why}; they stay in the journal and are sent again")
        pause: float = min(_FIRST_PAUSE * 2 ** min(self._failures - 1, 10), _LONGEST_PAUSE)
        return max(pause, retry_after or 0.0)

    def _note(self, problem: str) -> None:
        self.problem = problem
        logger.warning("%s", problem)

    def _body(self, found: Sequence[tuple[int, Mapping[str, Any]]]) -> bytes:
        document = {
            "type": "campaign.results",
            "timestamp": found[-1][1]["changed_at"],
            "data": {"campaign": self._campaign.name, "results": [{"id": key, **result} for key, result in found]},
        }
        return json.dumps(document).encode()


def verify_results(
    headers: Mapping[str, str], body: bytes, *, secret: str, max_age: float = 300.0, now: float | None = None
) -> dict[str, Any]:
    """Check a request of a :class:`ResultStream`, and return its JSON object.

    ``headers`` and ``body`` are those of the request as it came; ``max_age`` is in seconds. Of several signatures, as
    while a secret is changed, one must match.

    :raises ConfigurationError: the secret is too short, or not base64.
    :raises InvalidSignatureError: it is unsigned, or no signature matches: answer 401.
    :raises StaleTimestampError: the timestamp is missing, or too far from now: answer 401.
    :raises InvalidEventError: the body is signed, and not a JSON object: answer 400.
    """
    key = _Key(secret)
    del secret
    if not key.is_usable:
        raise ConfigurationError(_BAD_SECRET)
    named = {name.lower(): value for name, value in headers.items()}
    message_id, timestamp = named.get("webhook-id", ""), named.get("webhook-timestamp", "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise StaleTimestampError("webhook-timestamp is missing or not a number of seconds")
    wanted = key.sign(message_id, timestamp, body).encode()
    given = named.get("webhook-signature", "").encode("utf-8", "surrogateescape").split()
    if not any(hmac.compare_digest(wanted, each) for each in given[:10]):
        raise InvalidSignatureError("webhook-signature does not match")
    if abs((time.time() if now is None else now) - int(timestamp)) > max_age:
        raise StaleTimestampError("webhook-timestamp is too far from now")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InvalidEventError("the body is not a JSON object")
    return found


def _checked(url: str) -> str:
    problem = "the URL of results must be such as https://me.example/results"
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except (ValueError, TypeError, AttributeError):
        raise ConfigurationError(problem) from None
    if parts.username or parts.password:
        raise ConfigurationError("the URL of results must have no user and no password: the secret signs each request")
    if not host or parts.scheme not in ("https", "http") or not url.isprintable() or " " in url:
        raise ConfigurationError(problem)
    if parts.scheme == "http" and not _is_loopback(host):
        raise ConfigurationError("the URL of results must be https: only this machine may be reached by http")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _seconds(retry_after: str | None) -> float | None:
    try:
        seconds = float(retry_after or "")
    except ValueError:
        return None
    return min(seconds, _LONGEST_RETRY_AFTER) if math.isfinite(seconds) and seconds > 0 else None
