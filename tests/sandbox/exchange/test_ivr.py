"""A whole application against the exchange: callout, menu, wrong key, right key, connect, recording, DiCE."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.types import ASGIApp

from sinch_voice_async import svaml
from sinch_voice_async.sandbox import Sandbox
from sinch_voice_async.webhooks import (
    AnsweredCall,
    DisconnectedCall,
    Notification,
    PromptInput,
    WebhookApp,
)
from tests.sandbox.applications import Application, served
from tests.sandbox.caller import over_sockets
from tests.sandbox.exchange.scripts import states

MENU: dict[str, Any] = {
    "instructions": [
        {"name": "say", "text": "Welcome", "locale": "en-GB"},
        {"name": "setCookie", "key": "step", "value": "menu"},
        {"name": "startRecording", "options": {"destinationUrl": "s3://bucket/", "credentials": "not-to-be-seen"}},
    ],
    "action": {
        "name": "runMenu",
        "menus": [
            {
                "id": "main",
                "mainPrompt": "#tts[Press 1]",
                "repeatPrompt": "#tts[Only 1]",
                "repeats": 1,
                "options": [{"dtmf": "1", "action": "return(sales)"}],
            }
        ],
    },
}
CONNECT: dict[str, Any] = {"action": {"name": "connectPstn", "number": "+46700000002", "cli": "+46700000000"}}


def plain(sandbox: Sandbox) -> tuple[ASGIApp, Callable[[], list[str]]]:
    """Return an application without a line of this project, and what tells the events it saw."""

    def answered(event: dict[str, Any]) -> dict[str, Any] | None:
        return None if "cookies" in event else MENU

    def pressed(event: dict[str, Any]) -> dict[str, Any]:
        return CONNECT if event["menuResult"]["value"] == "sales" else {"action": {"name": "hangup"}}

    application = Application(sandbox, ace=answered, pie=pressed)
    return application.app, application.told


def ours(sandbox: Sandbox) -> tuple[ASGIApp, Callable[[], list[str]]]:
    """Return the same application, written with this project."""
    account, told = sandbox.account, list[str]()
    app = WebhookApp(application_key=account.application_key, application_secret=account.application_secret)

    @app.ace
    async def answered(event: AnsweredCall) -> svaml.Svaml | None:
        told.append("ace")
        return None if told.count("ace") > 1 else svaml.loads(_json(MENU))

    @app.pie
    async def pressed(event: PromptInput) -> svaml.Svaml:
        told.append("pie")
        assert event.menu_result.value == "sales"
        return svaml.Svaml(action=svaml.ConnectPstn("+46700000002", cli="+46700000000"))

    @app.dice
    async def ended(event: DisconnectedCall) -> None:
        told.append("dice")
        assert (event.result, event.reason, event.duration) == ("ANSWERED", "CALLEEHANGUP", 194)

    @app.notify
    async def notified(event: Notification) -> None:
        told.append(str(event.type))

    return app, lambda: told


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document)


@pytest.mark.parametrize("application", [plain, ours])
async def test_an_application_completes_an_ivr(
    application: Callable[[Sandbox], tuple[ASGIApp, Callable[[], list[str]]]],
) -> None:
    """Every event arrives signed and in order, durations add up, and the recording is as long as the call."""
    sandbox = Sandbox(speed=500)
    sandbox.phone("+46700000001").answers(after=2).presses("3", "1")
    sandbox.phone("+46700000002").answers(after=8).hangs_up(after=180)
    app, told = application(sandbox)
    with served(app) as url:
        sandbox.account.callback_urls.primary = url
        async with over_sockets(sandbox) as caller:
            members = {"destination": {"type": "number", "endpoint": "+46700000001"}, "cli": "+46700000000"}
            placed = await caller.callout("customCallout", members)
            call = await sandbox.calls[placed.json()["callId"]].until_final(300)
    assert told() == ["ace", "pie", "ace", "recording_finished", "dice", "recording_available"]
    assert states(call) == ["placed", "ringing", "answered", "menu", "ringing", "connected", "final"]
    assert [heard.text for heard in call.transcript] == ["Welcome", "Press 1", "Only 1"]
    assert (call.result, call.reason, call.cookies) == ("ANSWERED", "CALLEEHANGUP", {"step": "menu"})
    assert call.answered_at is not None
    assert call.answered_at - call.placed_at == pytest.approx(2)
    [recording] = sandbox.recordings
    assert recording.size == pytest.approx(44 + 16_000 * (call.seconds_since(call.answered_at) - 0.467), abs=2)
    assert "not-to-be-seen" not in repr(call.timeline)
