"""Injected faults: which requests go wrong, how, and how often.

::

    sandbox.faults.add("POST", "/calling/v1/callouts", status=503, retry_after=1, times=2)
    sandbox.faults.add(latency=0.2, share=0.1)
    sandbox.faults.add("POST", drop="after")             # the call is placed, and the client never hears of it
    sandbox.faults.calls_per_second = 10                 # more are answered 429 with 42900
    sandbox.clock.offset = 600                           # every signature has expired: 40105

A request meets at most one fault: the first one that applies to its route and is drawn, in the order of adding.
"""

import random
import time
from collections import deque
from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from sinch_voice_async.sandbox import bounds
from sinch_voice_async.sandbox.requests import Endpoint, Handler, RefusalError
from sinch_voice_async.sandbox.server import drop, pause

__all__ = ["MOST_FAULTS", "Fault", "Faults", "with_faults"]

MOST_FAULTS = 1_000
LONGEST_LATENCY = 3_600.0
DROPS: tuple[Literal["before", "after"], ...] = ("before", "after")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way in which requests go wrong. A field that is unset or 0 does not apply; several may be combined.

    Raises ValueError, with the name of the field, for a value out of bounds.
    """

    method: str | None = None
    """Only requests with this method."""
    route: str | None = None
    """Only this path, as the documents write it: ``/calling/v1/calls/id/{callId}``."""
    share: float = 1.0
    """The share of those requests, 0.0 to 1.0."""
    latency: float = 0.0
    """Seconds of silence, at most an hour, before the request is executed, even if the client has gone away by then."""
    status: int | None = None
    """Answer this HTTP status, 200 to 599, and do not execute the request."""
    code: int | None = None
    """The five digits that go with ``status``. Without it: the three digits of the status and two zeros."""
    retry_after: float | str | None = None
    """The ``Retry-After`` header that goes with ``status``: seconds, or any text."""
    drop: Literal["before", "after"] | None = None
    """Close the connection without an answer, before or after the request is executed."""
    cut_at: int | None = None
    """Execute, then close the connection after this many bytes of the answer's body."""
    body: bytes | None = None
    """Execute, then answer with this body."""

    def __post_init__(self) -> None:
        for name in ("method", "route"):
            if getattr(self, name) is not None:
                bounds.text(name, getattr(self, name))
        bounds.share("share", self.share)
        bounds.seconds("latency", self.latency, most=LONGEST_LATENCY)
        for name, least, most in (("status", 200, 599), ("code", 10_000, 99_999), ("cut_at", 0, 2**63 - 1)):
            if getattr(self, name) is not None:
                bounds.whole(name, getattr(self, name), least=least, most=most)
        if isinstance(self.retry_after, str):
            bounds.header("retry_after", self.retry_after)
        elif self.retry_after is not None:
            bounds.seconds("retry_after", self.retry_after)
        if self.drop is not None:
            bounds.choice("drop", self.drop, DROPS)
        if self.body is not None and not isinstance(self.body, bytes):
            raise ValueError("body must be bytes")

    def applies(self, method: str, route: str) -> bool:
        """Whether this fault applies to such a request."""
        return self.method in {None, method} and self.route in {None, route}

    def refusal(self) -> RefusalError | None:
        """Return the answer that replaces the real one."""
        if self.status is None:
            return None
        after = f"{self.retry_after:g}" if isinstance(self.retry_after, float) else self.retry_after
        headers = {} if after is None else {"retry-after": f"{after}"}
        code = self.status * 100 if self.code is None else self.code
        return RefusalError(code, "This fault was injected into the sandbox", status=self.status, headers=headers)


@dataclass(slots=True)
class _Armed:
    fault: Fault
    left: int | None


class Faults:
    """The faults of a sandbox, which may be changed while it runs. ``seed`` fixes which requests a share meets."""

    def __init__(self, seed: int = 0, calls_per_second: float | None = None) -> None:
        self.seed: int = bounds.whole("seed", seed, least=-(2**63))
        self.calls_per_second = calls_per_second
        self._armed: list[_Armed] = []
        self._accepted: deque[float] = deque()
        self._random = random.Random(seed)  # noqa: S311  # which request fails is not a secret

    @property
    def calls_per_second(self) -> float | None:
        """Callouts accepted in any second; more are answered 429 with 42900. None: any number; 0: none."""
        return self._calls_per_second

    @calls_per_second.setter
    def calls_per_second(self, limit: float | None) -> None:
        if limit is not None:
            bounds.number("calls_per_second", limit)
        self._calls_per_second = limit

    def add(
        self,
        method: str | None = None,
        route: str | None = None,
        *,
        times: int | None = None,
        share: float = 1.0,
        latency: float = 0.0,
        status: int | None = None,
        code: int | None = None,
        retry_after: float | str | None = None,
        drop: Literal["before", "after"] | None = None,
        cut_at: int | None = None,
        body: bytes | None = None,
    ) -> Fault:
        """Make requests go wrong from now on: the first ``times`` of them, or all until :meth:`clear`.

        Raises ValueError, with the name of the argument, for a value out of bounds, or if there are 1,000 faults.
        """
        if times is not None:
            bounds.whole("times", times, least=1)
        fault = Fault(
            method=method,
            route=route,
            share=share,
            latency=latency,
            status=status,
            code=code,
            retry_after=retry_after,
            drop=drop,
            cut_at=cut_at,
            body=body,
        )
        self._armed = [each for each in self._armed if each.left != 0]
        if len(self._armed) >= MOST_FAULTS:
            raise ValueError(f"a sandbox has at most {MOST_FAULTS} faults")
        self._armed.append(_Armed(fault, times))
        return fault

    def clear(self) -> None:
        """Remove every fault and the limit."""
        self._armed.clear()
        self.calls_per_second = None

    @property
    def armed(self) -> list[tuple[Fault, int | None]]:
        """The faults in order, each with how often it still applies; None: always."""
        return [(each.fault, each.left) for each in self._armed if each.left != 0]

    def draw(self, method: str, route: str) -> Fault | None:
        """Return the fault that this request meets, None if it meets none."""
        for armed in list(self._armed):
            if armed.left != 0 and armed.fault.applies(method, route) and self._random.random() < armed.fault.share:
                armed.left = None if armed.left is None else armed.left - 1
                return armed.fault
        return None

    def admit_callout(self) -> None:
        """Count a callout, or answer 42900 if too many came in the last second."""
        if self.calls_per_second is None:
            return
        now = time.monotonic()
        while self._accepted and self._accepted[0] <= now - 1.0:
            self._accepted.popleft()
        if len(self._accepted) >= self.calls_per_second:
            raise RefusalError(42900, "The number of requests has exceeded capacity", headers={"retry-after": "1"})
        self._accepted.append(now)


def with_faults(endpoint: Endpoint, faults: Faults) -> Handler:
    """Return a handler to which the faults of this endpoint are applied."""

    async def handle(request: Request) -> Response:
        fault = faults.draw(endpoint.method, endpoint.template)
        if fault is None:
            return await endpoint.handler(request)
        return await _apply(fault, request, endpoint.handler)

    return handle


async def _apply(fault: Fault, request: Request, handler: Handler) -> Response:
    if fault.latency:
        # The request keeps it: waiting for the client to go away reads past it.
        await request.body()
        await pause(request.receive, fault.latency)
    if fault.drop == "before":
        return _Dropped()
    refusal = fault.refusal()
    if refusal is not None:
        raise refusal
    response = await handler(request)
    if fault.drop == "after":
        return _Dropped()
    if fault.body is not None:
        response = Response(fault.body, status_code=response.status_code, media_type="text/html")
    return response if fault.cut_at is None else _Cut(response, fault.cut_at)


class _Dropped(Response):
    """No answer: the connection is closed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await drop(scope, receive, flush=False)


class _Cut(Response):
    """An answer whose body is cut, and whose connection is closed."""

    def __init__(self, whole: Response, at: int) -> None:
        super().__init__()
        self._whole = whole
        self._left = at

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_until_cut(message: Message) -> None:
            if message["type"] == "http.response.body":
                body = message.get("body", b"")[: self._left]
                self._left -= len(body)
                message = {"type": "http.response.body", "body": body, "more_body": True}
            await send(message)

        await self._whole(scope, receive, send_until_cut)
        await drop(scope, receive, flush=True)
