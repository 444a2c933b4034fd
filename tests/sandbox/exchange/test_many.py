"""Two thousand calls at once, and three minutes in two seconds."""

from collections import defaultdict
from typing import Any

from sinch_voice_async.sandbox import Sandbox
from tests.sandbox.applications import Application, always, served
from tests.sandbox.exchange.scripts import HANG_UP, ending, place

CALLS = 2_000
MENU: dict[str, Any] = {
    "action": {"name": "runMenu", "menus": [{"id": "main", "options": [{"dtmf": "1", "action": "return(yes)"}]}]}
}


def test_two_thousand_calls_lose_no_event() -> None:
    """Each application sees PIE and DiCE of each call, once and in that order."""
    # However busy the machine is, every answer is waited for.
    sandbox = Sandbox(speed=100, callback_timeout=60)
    sandbox.phone("+46700000001").answers(after=2).presses("1")
    application = Application(sandbox, pie=always(HANG_UP))
    with served(application.app) as url:
        sandbox.account.callback_urls.primary = url
        calls = [place(sandbox, ace=MENU) for _ in range(CALLS)]
        endings = {ending(call.until_final_sync(300)) for call in calls}
        sandbox.close()
    told = defaultdict[str, list[str]](list)
    for event in application.events:
        told[event["callid"]].append(event["event"])
    assert endings == {("ANSWERED", "MANAGERHANGUP", 1)}
    assert told == {call.call_id: ["pie", "dice"] for call in calls}


def test_three_minutes_pass_in_two_seconds() -> None:
    """Durations are those of the call, whatever the speed."""
    sandbox = Sandbox(speed=100)
    sandbox.phone("+46700000001").answers(after=5).hangs_up(after=180)
    assert ending(place(sandbox).until_final_sync(300)) == ("ANSWERED", "CALLEEHANGUP", 180)
