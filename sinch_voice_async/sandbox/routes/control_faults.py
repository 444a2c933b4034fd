"""The control API's faults: trouble on purpose, from any language."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sinch_voice_async.sandbox.faults import Fault, Faults
from sinch_voice_async.sandbox.fields import Fields
from sinch_voice_async.sandbox.routes.control_table import Control, given, number

__all__ = ["FaultControls"]

FAULT = {
    "method": "only requests with this method",
    "route": "only this path, as the documents write it: /calling/v1/calls/id/{callId}",
    "times": "how many requests meet it; without it, all until the faults are cleared",
    "share": "the share of those requests, 0.0 to 1.0",
    "latency": "seconds of silence before the request is executed",
    "status": "answer this HTTP status and do nothing",
    "code": "the five digits that go with the status",
    "retryAfter": "the Retry-After header that goes with the status, in seconds",
    "drop": "close the connection without an answer: before or after the request was executed",
    "cutAt": "execute, then close the connection after this many bytes of the answer",
    "body": "execute, then answer this text for a body",
}
NAMES = {"retryAfter": "retry_after", "cutAt": "cut_at"}


class FaultControls:
    """Arms and clears the faults of a sandbox."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def controls(self) -> list[Control]:
        """Return the endpoints."""
        limit = {"callsPerSecond": "callouts accepted in any second; null: any number"}
        return [
            Control("GET", "/faults", self.list),
            Control("POST", "/faults", self.add, FAULT),
            Control("PATCH", "/faults", self.limit, limit),
            Control("DELETE", "/faults", self.clear),
        ]

    async def list(self, _request: Request, _fields: Fields) -> Response:
        """List what may go wrong."""
        armed = [{**_described(fault), "left": left} for fault, left in self._faults.armed]
        return JSONResponse({"callsPerSecond": self._faults.calls_per_second, "faults": armed})

    async def add(self, _request: Request, fields: Fields) -> Response:
        """Make requests go wrong from now on."""
        body = fields.text("body")
        share = number(fields, "share", most=1.0)
        drop = fields.choice("drop", ("before", "after"))
        fault = self._faults.add(
            (fields.text("method") or "").upper() or None,
            fields.text("route"),
            times=fields.whole("times", least=1),
            share=1.0 if share is None else share,
            latency=number(fields, "latency", most=3_600.0) or 0.0,
            status=fields.whole("status", least=200, most=599),
            code=fields.whole("code", least=10_000, most=99_999),
            retry_after=number(fields, "retryAfter"),
            drop="before" if drop == "before" else "after" if drop == "after" else None,
            cut_at=fields.whole("cutAt"),
            body=None if body is None else body.encode(),
        )
        return JSONResponse(_described(fault), status_code=201)

    async def limit(self, request: Request, fields: Fields) -> Response:
        """Limit the callouts that are accepted in a second."""
        if given(fields, "callsPerSecond"):
            self._faults.calls_per_second = number(fields, "callsPerSecond")
        return await self.list(request, fields)

    async def clear(self, _request: Request, _fields: Fields) -> Response:
        """Let everything go well again."""
        self._faults.clear()
        return Response(status_code=204)


def _described(fault: Fault) -> dict[str, object]:
    values = {name: getattr(fault, NAMES.get(name, name)) for name in FAULT if name != "times"}
    return {
        name: value.decode(errors="replace") if isinstance(value, bytes) else value for name, value in values.items()
    }
