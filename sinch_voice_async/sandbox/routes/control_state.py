"""The control API in general: its own list of endpoints, the sandbox's state, and a clean slate."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sinch_voice_async.sandbox.account import Account
from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.exchange.calls import Calls
from sinch_voice_async.sandbox.exchange.people import People
from sinch_voice_async.sandbox.fields import Fields
from sinch_voice_async.sandbox.routes import control_account, control_clock, control_phones
from sinch_voice_async.sandbox.routes.control_table import Control

__all__ = ["StateControls"]


class StateControls:
    """Describes a sandbox and resets it; ``endpoints`` is the list that it answers with."""

    def __init__(self, account: Account, clock: Clock, people: People, calls: Calls, reset: Callable[[], None]) -> None:
        self._account = account
        self._clock = clock
        self._people = people
        self._calls = calls
        self._reset = reset
        self.endpoints: list[dict[str, object]] = []

    def controls(self) -> list[Control]:
        """Return the endpoints."""
        return [
            Control("GET", "/", self.list),
            Control("GET", "/state", self.get),
            Control("POST", "/reset", self.reset),
        ]

    def described(self) -> dict[str, object]:
        """Return what is no call as JSON has it."""
        return {
            "account": control_account.described(self._account),
            "clock": control_clock.described(self._clock),
            "phones": control_phones.described(self._people),
        }

    async def list(self, _request: Request, _fields: Fields) -> Response:
        """List these endpoints, with what each takes."""
        return JSONResponse({"endpoints": self.endpoints})

    async def get(self, _request: Request, _fields: Fields) -> Response:
        """Tell the account, the clock, who was scripted, and how many calls there are."""
        return JSONResponse({**self.described(), "calls": len(self._calls)})

    async def reset(self, _request: Request, _fields: Fields) -> Response:
        """Forget calls, people, recordings and faults; the account and the clock stay as they are."""
        self._reset()
        return Response(status_code=204)
