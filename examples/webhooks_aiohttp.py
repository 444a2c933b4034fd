"""Answer calls with aiohttp.web, which is not ASGI: with event_from_http and an EventRouter.

Run it with SINCH_APPLICATION_KEY and SINCH_APPLICATION_SECRET set, and give https://<your host>/sinch to the platform
as the callback URL. Needs aiohttp.
"""

import os

from aiohttp import web

from sinch_voice_async import Credentials, InvalidEventError, WebhookError, svaml
from sinch_voice_async.webhooks import EventRouter, IncomingCall, MemoryReplayCache, event_from_http

router = EventRouter(handler_timeout=4.0)
credentials = Credentials.from_environment()
seen = MemoryReplayCache()


@router.ice
async def welcome(_event: IncomingCall) -> svaml.IceSvaml:
    """Greet the caller."""
    return svaml.Svaml(instructions=[svaml.Say("Welcome!", locale="en-GB")], action=svaml.Hangup())


async def sinch(request: web.Request) -> web.Response:
    """Verify, dispatch, and answer."""
    try:
        event = event_from_http(
            request.method,
            request.raw_path,
            request.headers,
            await request.read(),
            credentials=credentials,
            replay_cache=seen,
        )
    except WebhookError as error:
        return web.Response(status=400 if isinstance(error, InvalidEventError) else 401)
    answer = await router.answer(event)
    return web.Response(text="{}" if answer is None else svaml.dumps(answer), content_type="application/json")


app = web.Application(client_max_size=65_536)
app.add_routes([web.post("/sinch", sinch)])

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
