"""``POST /calling/v1/callouts``: documents, Calling API, "Callouts"."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sinch_voice_async.sandbox.account import Account
from sinch_voice_async.sandbox.exchange.callouts import Callout, callback_headers, read_callout
from sinch_voice_async.sandbox.exchange.exchange import Exchange
from sinch_voice_async.sandbox.faults import Faults
from sinch_voice_async.sandbox.refusals import RefusalError
from sinch_voice_async.sandbox.routes.endpoint import Endpoint, body_of, note

__all__ = ["CalloutRoutes"]


class CalloutRoutes:
    """Places callouts, unless the account or an injected fault forbids it."""

    def __init__(self, account: Account, exchange: Exchange, faults: Faults) -> None:
        self._account = account
        self._exchange = exchange
        self._faults = faults

    def endpoints(self) -> list[Endpoint]:
        """Return the routes; older documents and samples write the path with a trailing slash."""
        paths = ("/calling/v1/callouts", "/calling/v1/callouts/")
        return [Endpoint("POST", path, self.place) for path in paths]

    async def place(self, request: Request) -> Response:
        """Validate the callout, ring the telephone, and answer with the call's id."""
        callout = read_callout(await body_of(request), max_text_length=self._account.max_text_length)
        headers = callback_headers(request.headers.items())
        self._check_allowed(callout)
        call = self._exchange.place(callout, headers)
        note(request, f"{callout.method} -> call {call.call_id}")
        return JSONResponse({"callId": call.call_id})

    def _check_allowed(self, callout: Callout) -> None:
        if self._account.out_of_credit:
            raise RefusalError(40200, "Not enough credit")
        if callout.kind == "number" and self._account.forbids(callout.endpoint):
            raise RefusalError(40300, "Resource destination is forbidden")
        self._faults.admit_callout()
