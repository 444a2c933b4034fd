"""Conferences, seen and moderated from outside."""

import pytest

from sinch_voice_async.sandbox import Sandbox
from tests.sandbox.caller import Caller

from .conftest import Panel


async def join(sandbox: Sandbox, panel: Panel, number: str, conference: str = "standup") -> str:
    """Call a number into a conference."""
    sandbox.phone(number).answers().hangs_up(after=None)
    members = {"conferenceId": conference, "destination": {"type": "number", "endpoint": number}}
    answer = await Caller(sandbox, panel.http).callout("conferenceCallout", members)
    call_id: str = answer.json()["callId"]
    return call_id


async def test_a_conference_is_shown_with_its_roster(sandbox: Sandbox, panel: Panel) -> None:
    """Those that go on come first; a participant is muted, held, and removed."""
    assert (await panel.get("/conferences"))["conferences"] == []
    await Caller(sandbox, panel.http).placed()
    over = await join(sandbox, panel, "+46700000009", "retro")
    await panel.done("POST", "/clock/step", {"seconds": 60})
    await panel.done("POST", f"/calls/{over}/put-down")
    first, second = await join(sandbox, panel, "+46700000001"), await join(sandbox, panel, "+46700000002")
    await panel.done("POST", "/clock/step", {"seconds": 10})
    listed = (await panel.get("/conferences"))["conferences"]
    assert [(each["conferenceId"], each["count"], each["endedAt"] is None) for each in listed] == [
        ("standup", 2, True),
        ("retro", 0, False),
    ]
    muted = await panel.done("PATCH", f"/conferences/standup/{first}", {"muted": True, "onHold": True})
    assert (muted["muted"], muted["onHold"], muted["number"]) == (True, True, "+46700000001")
    await panel.done("PATCH", f"/conferences/standup/{first}", {"muted": False})
    assert (await panel.done("PATCH", f"/conferences/standup/{first}", {}))["onHold"] is True
    await panel.done("PATCH", f"/conferences/standup/{first}", {"onHold": False})
    assert await panel.done("DELETE", f"/conferences/standup/{second}") is None
    shown = await panel.get("/conferences/standup")
    assert [(each["callId"], each["isPresent"], each["seconds"]) for each in shown["participants"]] == [
        (first, True, 10),
        (second, False, 10),
    ]
    kinds = sorted(event["kind"] for event in shown["timeline"])
    assert kinds == ["hold", "joined", "joined", "left", "mute", "resume", "unmute"]
    assert shown["cost"] > 0
    assert (await panel.get("/state"))["counts"]["conferences"] == 1


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_a_conference_that_never_was_is_not_found(panel: Panel, method: str) -> None:
    """404, and so is a participant."""
    path = "/conferences/nothing" if method == "GET" else "/conferences/nothing/x"
    assert (await panel.refused(method, path))[:2] == (404, 40400)
