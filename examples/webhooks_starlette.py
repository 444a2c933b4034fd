"""Answer calls with Starlette: two applications in one, and a menu between them.

Run it with SINCH_APPLICATION_KEY and SINCH_APPLICATION_SECRET set, and give https://<your host>/sinch to the platform
as the callback URL. Needs starlette and uvicorn.
"""

import os

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from sinch_voice_async import svaml
from sinch_voice_async.webhooks import IncomingCall, PromptInput, WebhookApp

calls = WebhookApp()


@calls.ice
async def welcome(_event: IncomingCall) -> svaml.IceSvaml:
    """Play a menu."""
    options = [svaml.MenuOption("1", svaml.return_("sales")), svaml.MenuOption("2", svaml.return_("support"))]
    prompt = svaml.tts("Press 1 for sales, or 2 for support.")
    return svaml.Svaml(action=svaml.RunMenu(menus=[svaml.Menu("main", main_prompt=prompt, options=options)]))


@calls.pie
async def chosen(event: PromptInput) -> svaml.PieSvaml:
    """Connect the caller."""
    numbers = {"sales": "+46700000001", "support": "+46700000002"}
    if event.menu_result.value not in numbers:
        return svaml.Svaml(instructions=[svaml.Say("Goodbye.")], action=svaml.Hangup())
    return svaml.Svaml(action=svaml.ConnectPstn(number=numbers[event.menu_result.value]))


async def health(_request: Request) -> PlainTextResponse:
    """Report that the application runs."""
    return PlainTextResponse("ok")


app = Starlette(routes=[Route("/sinch", calls), Route("/health", health)])

if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
