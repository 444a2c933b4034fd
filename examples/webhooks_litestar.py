"""Answer calls with Litestar.

Run it with SINCH_APPLICATION_KEY and SINCH_APPLICATION_SECRET set, and give https://<your host>/sinch to the platform
as the callback URL. Needs litestar and uvicorn.
"""

import os

import uvicorn
from litestar import Litestar, asgi, get
from litestar.types import Receive, Scope, Send

from sinch_voice_async import svaml
from sinch_voice_async.webhooks import DisconnectedCall, IncomingCall, WebhookApp

calls = WebhookApp()
ended: list[str] = []


@calls.ice
def welcome(_event: IncomingCall) -> svaml.IceSvaml:
    """Greet the caller; a handler that is not async runs in a thread, so it may query a database."""
    return svaml.Svaml(instructions=[svaml.Say("Welcome!", locale="en-GB")], action=svaml.Hangup())


@calls.dice
async def goodbye(event: DisconnectedCall) -> None:
    """Remember how the call ended."""
    ended.append(f"{event.call_id}: {event.result}")


@asgi("/sinch", is_mount=True, copy_scope=True)
async def sinch(scope: Scope, receive: Receive, send: Send) -> None:
    """Hand the callbacks of the platform to their application."""
    await calls(scope, receive, send)  # type: ignore[arg-type]  # Litestar's messages are typed dictionaries


@get("/ended")
async def list_ended() -> list[str]:
    """List the calls that have ended."""
    return ended


app = Litestar([sinch, list_ended])

if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
