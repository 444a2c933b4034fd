"""Answer calls with Quart: a route of your own, and an EventRouter for the handlers.

Run it with SINCH_APPLICATION_KEY and SINCH_APPLICATION_SECRET set, and give https://<your host>/sinch to the platform
as the callback URL. Needs quart.
"""

import os

from quart import Quart, Response, request

from sinch_voice_async import Credentials, InvalidEventError, WebhookError, svaml
from sinch_voice_async.webhooks import EventRouter, IncomingCall, MemoryReplayCache, event_from_http

app = Quart(__name__)
router = EventRouter(handler_timeout=4.0)
credentials = Credentials.from_environment()
seen = MemoryReplayCache()


@router.ice
async def welcome(_event: IncomingCall) -> svaml.IceSvaml:
    """Greet the caller."""
    return svaml.Svaml(instructions=[svaml.Say("Welcome!", locale="en-GB")], action=svaml.Hangup())


@app.post("/sinch")
async def sinch() -> Response:
    """Verify, dispatch, and answer."""
    try:
        event = event_from_http(
            request.method,
            request.path,
            request.headers,
            await request.data,
            credentials=credentials,
            replay_cache=seen,
        )
    except WebhookError as error:
        return Response(status=400 if isinstance(error, InvalidEventError) else 401)
    answer = await router.answer(event)
    return Response("{}" if answer is None else svaml.dumps(answer), content_type="application/json")


if __name__ == "__main__":
    # The reloader would start a second process, which outlives the first.
    app.run(port=int(os.environ.get("PORT", "8000")), use_reloader=False)
