"""Answer and place calls with Django, in one file: callbacks go to WebhookApp, views share one client.

Run it with SINCH_APPLICATION_KEY and SINCH_APPLICATION_SECRET set, and give https://<your host>/sinch to the platform
as the callback URL. Needs django and uvicorn.
"""

import os
from typing import Any

import uvicorn
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

from sinch_voice_async import SinchVoiceError, VoiceClient, svaml
from sinch_voice_async.webhooks import IncomingCall, WebhookApp

settings.configure(ROOT_URLCONF=__name__, SECRET_KEY=os.urandom(32).hex(), ALLOWED_HOSTS=["127.0.0.1"])
calls = WebhookApp()
voice = VoiceClient()  # one client per process; it connects when it is first used


@calls.ice
async def welcome(_event: IncomingCall) -> svaml.IceSvaml:
    """Greet the caller."""
    return svaml.Svaml(instructions=[svaml.Say("Welcome!", locale="en-GB")], action=svaml.Hangup())


async def call(_request: HttpRequest, number: str) -> JsonResponse:
    """Place a call."""
    try:
        receipt = await voice.callouts.tts(number, "Hello!")
    except SinchVoiceError as error:
        return JsonResponse({"outcome": error.outcome}, status=502)
    return JsonResponse({"call_id": receipt.call_id})


urlpatterns = [path("call/<str:number>", call)]
django = get_asgi_application()


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Hand the callbacks of the platform to their application, and all other requests to Django."""
    await (calls if scope["path"].startswith("/sinch") else django)(scope, receive, send)


if __name__ == "__main__":
    uvicorn.run(application, port=int(os.environ.get("PORT", "8000")), lifespan="off")
