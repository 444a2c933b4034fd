"""Trouble on purpose: which requests go wrong, how, and how often.

::

    sandbox.faults.add("POST", "/calling/v1/callouts", status=503, retry_after=1, times=2)
    sandbox.faults.add(latency=0.2, share=0.1)
    sandbox.faults.add("POST", drop="after")             # the call is placed, and nobody hears of it
    sandbox.faults.calls_per_second = 10                 # 429 with 42900 above that
    sandbox.clock.offset = 600                           # every signature has expired: 40105

A request meets at most one fault: the first that was added, applies to its route, and is drawn.
"""

import random
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from sinch_voice_async.sandbox.refusals import RefusalError

__all__ = ["Fault", "Faults"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way in which requests go wrong; what is None or 0 does not apply, several may be combined."""

    method: str | None = None
    """Only requests with this method."""
    route: str | None = None
    """Only this path, as the documents write it: ``/calling/v1/calls/id/{callId}``."""
    share: float = 1.0
    """The share of those requests, 0.0 to 1.0."""
    latency: float = 0.0
    """Seconds of silence before the request is executed, which it is even if the client has gone away by then."""
    status: int | None = None
    """Answer this HTTP status and do nothing."""
    code: int | None = None
    """The five digits that go with ``status``; else its three digits and two zeros."""
    retry_after: float | str | None = None
    """The ``Retry-After`` header that goes with ``status``: seconds, or any text."""
    drop: Literal["before", "after"] | None = None
    """Close the connection without an answer, before or after the request was executed."""
    cut_at: int | None = None
    """Execute, then close the connection after this many bytes of the answer's body."""
    body: bytes | None = None
    """Execute, then answer with these bytes for a body."""

    def applies(self, method: str, route: str) -> bool:
        """Whether this fault is meant for such a request."""
        return self.method in {None, method} and self.route in {None, route}

    def refusal(self) -> RefusalError | None:
        """Return the answer that stands in for the real one."""
        if self.status is None:
            return None
        after = f"{self.retry_after:g}" if isinstance(self.retry_after, float) else self.retry_after
        headers = {} if after is None else {"retry-after": f"{after}"}
        code = self.status * 100 if self.code is None else self.code
        return RefusalError(code, "This is a fault of the sandbox, on purpose", status=self.status, headers=headers)


@dataclass(slots=True)
class _Armed:
    fault: Fault
    left: int | None


@dataclass(slots=True, eq=False)
class Faults:
    """The faults of a sandbox, which may be changed while it runs; ``seed`` fixes which requests a share meets."""

    seed: int = 0
    calls_per_second: float | None = None
    """Callouts accepted in any second; 429 and 42900 above."""
    _armed: list[_Armed] = field(default_factory=list)
    _accepted: deque[float] = field(default_factory=deque)
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311  # which request fails is no secret

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
        """Make requests go wrong from now on, the first ``times`` of them or until :meth:`clear`."""
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
        self._armed.append(_Armed(fault, times))
        return fault

    def clear(self) -> None:
        """Let everything go well again."""
        self._armed.clear()
        self.calls_per_second = None

    @property
    def armed(self) -> list[tuple[Fault, int | None]]:
        """What may go wrong, in order, and how often still; None is for ever."""
        return [(each.fault, each.left) for each in self._armed if each.left != 0]

    def draw(self, method: str, route: str) -> Fault | None:
        """Return the fault that this request meets, if any."""
        for armed in list(self._armed):
            if armed.left != 0 and armed.fault.applies(method, route) and self._random.random() < armed.fault.share:
                armed.left = None if armed.left is None else armed.left - 1
                return armed.fault
        return None

    def admit_callout(self) -> None:
        """Count a callout, or answer 42900 where too many came in the last second."""
        if self.calls_per_second is None:
            return
        now = time.monotonic()
        while self._accepted and self._accepted[0] <= now - 1.0:
            self._accepted.popleft()
        if len(self._accepted) >= self.calls_per_second:
            raise RefusalError(42900, "The number of requests has exceeded capacity", headers={"retry-after": "1"})
        self._accepted.append(now)
