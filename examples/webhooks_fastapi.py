"""Answer calls with FastAPI: with the whole application mounted, and with a route of your own.

Run it with SINCH_APPLICATION_KEY and SINCH_APPLICATION_SECRET set, and give https://<your host>/sinch/events, or
https://<your host>/own-route, to the platform as the callback URL. Needs fastapi and uvicorn.
"""

import os
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request, Response

from sinch_voice_async import Credentials, InvalidEventError, WebhookError, svaml
from sinch_voice_async.webhooks import Event, IncomingCall, WebhookApp, event_from_http

credentials = Credentials.from_environment()
calls = WebhookApp(credentials=credentials)


@calls.ice
async def welcome(_event: IncomingCall) -> svaml.IceSvaml:
    """Greet the caller."""
    return svaml.Svaml(instructions=[svaml.Say("Welcome!", locale="en-GB")], action=svaml.Hangup())


app = FastAPI()
app.mount("/sinch", calls)


async def verified(request: Request) -> Event:
    """Return the verified event of a request."""
    try:
        path, headers, body = request.url.path, request.headers, await request.body()
        return event_from_http(request.method, path, headers, body, credentials=credentials)
    except WebhookError as error:
        raise HTTPException(400 if isinstance(error, InvalidEventError) else 401) from error


@app.post("/own-route")
async def own_route(event: Annotated[Event, Depends(verified)]) -> Response:
    """Hang up incoming calls, and ignore other events."""
    answer = svaml.dumps(svaml.Svaml(action=svaml.Hangup())) if isinstance(event, IncomingCall) else "{}"
    return Response(answer, media_type="application/json")


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
