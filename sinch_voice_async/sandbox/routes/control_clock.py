"""The control API's clock: faster, slower, stopped, stepped, or wrong."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sinch_voice_async.sandbox.clock import Clock
from sinch_voice_async.sandbox.fields import Fields
from sinch_voice_async.sandbox.routes.control_table import Control, number

__all__ = ["ClockControls", "described"]

FASTEST = 1_000_000.0


class ClockControls:
    """Reads and sets the two times of a sandbox."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def controls(self) -> list[Control]:
        """Return the endpoints."""
        set_to = {
            "speed": "exchange seconds that pass in one second; 0 stands still",
            "offset": "seconds by which the wall clock is wrong, which signatures are judged by",
        }
        return [
            Control("GET", "/clock", self.get),
            Control("PATCH", "/clock", self.change, set_to),
            Control("POST", "/clock/step", self.step, {"seconds": "exchange seconds that pass at once"}),
        ]

    async def get(self, _request: Request, _fields: Fields) -> Response:
        """Tell the exchange's time, its speed, and how wrong the wall clock is."""
        return JSONResponse(described(self._clock))

    async def change(self, request: Request, fields: Fields) -> Response:
        """Set the clock's speed or its offset."""
        speed = number(fields, "speed", most=FASTEST)
        offset = number(fields, "offset", least=-1e9)
        if speed is not None:
            self._clock.speed = speed
        if offset is not None:
            self._clock.offset = offset
        return await self.get(request, fields)

    async def step(self, request: Request, fields: Fields) -> Response:
        """Let time pass at once."""
        seconds = number(fields, "seconds")
        self._clock.step(fields.missing("seconds") if seconds is None else seconds)
        return await self.get(request, fields)


def described(clock: Clock) -> dict[str, float | str]:
    """Return the clock as JSON has it."""
    now = clock.now()
    return {"now": round(now, 3), "date": clock.date(now).isoformat(), "speed": clock.speed, "offset": clock.offset}
