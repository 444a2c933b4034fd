"""A switchboard: callers hear a menu, choose sales, support or a call back, and are connected.

Serve it with ``python examples/ivr.py``, and make its public address the callback URL of your application. Key and
secret come from ``SINCH_APPLICATION_KEY`` and ``SINCH_APPLICATION_SECRET``.
"""

import uvicorn

from sinch_voice_async import svaml
from sinch_voice_async.webhooks import AnsweredCall, DisconnectedCall, IncomingCall, PromptInput, WebhookApp

SALES = "+46700000001"
SUPPORT = "support-queue"
LOCALE = "en-GB"

MAIN = svaml.Menu(
    "main",
    main_prompt=svaml.tts("Welcome. For sales press 1, for support press 2, to be called back press 3."),
    repeat_prompt=svaml.tts("For sales 1, for support 2, to be called back 3."),
    repeats=2,
    options=[
        svaml.MenuOption("1", svaml.return_("sales")),
        svaml.MenuOption("2", svaml.return_("support")),
        svaml.MenuOption("3", svaml.go_to("number")),
    ],
)
NUMBER = svaml.Menu(
    "number",
    main_prompt=svaml.tts("Enter your telephone number, then press the hash key."),
    max_digits=15,
    timeout_mills=10_000,
)


def build() -> WebhookApp:
    """Return the application, for the credentials in the environment."""
    app = WebhookApp()
    app.ice(incoming)
    app.pie(chosen)
    app.ace(picked_up)
    app.dice(ended)
    return app


async def incoming(event: IncomingCall) -> svaml.IceSvaml:
    """Answer the call, and play the menu."""
    menu = svaml.RunMenu([MAIN, NUMBER], locale=LOCALE)
    return svaml.Svaml(instructions=[svaml.Answer(), svaml.SetCookie("caller", event.cli or "unknown")], action=menu)


async def chosen(event: PromptInput) -> svaml.PieSvaml:
    """Connect the caller, or note the number for a call back."""
    match event.menu_result:
        case result if result.type == "return" and result.value == "sales":
            return svaml.Svaml(
                instructions=[svaml.Say("One moment.", locale=LOCALE)],
                action=svaml.ConnectPstn(SALES, cli=event.cookie("caller"), dial_timeout=30),
            )
        case result if result.type == "return" and result.value == "support":
            return svaml.Svaml(action=svaml.ConnectConference(SUPPORT, moh="music1"))
        case result if result.type == "sequence":
            text = "Thank you. We will call you back today."
        case _:
            text = "We did not hear anything. Goodbye."
    return svaml.Svaml(instructions=[svaml.Say(text, locale=LOCALE)], action=svaml.Hangup())


async def picked_up(_event: AnsweredCall) -> svaml.AceSvaml:
    """Announce the call before the two are connected."""
    return svaml.Svaml(instructions=[svaml.Say("A call from the switchboard.", locale=LOCALE)], action=svaml.Continue())


async def ended(event: DisconnectedCall) -> None:
    """Print the result; the event masks its numbers."""
    print(f"{event.call_id}: {event.result}, {event.reason}, {event.duration} s")


if __name__ == "__main__":
    uvicorn.run(build(), port=8080)
