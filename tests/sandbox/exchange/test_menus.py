"""Menus: which keys lead where, how often they ask, and what the application is told."""

from typing import Any

import pytest

from sinch_voice_async.sandbox import Sandbox
from tests.sandbox.applications import Application, always, served
from tests.sandbox.exchange.scripts import HANG_UP, custom, ending, lines, place

OPTIONS = [
    {"dtmf": 1, "action": "return(support)"},
    {"dtmf": "2", "action": "menu(pin)"},
    {"dtmf": "33", "action": "return(long)"},
]
MAIN = {"id": "main", "mainPrompt": "#tts[Choose]", "repeatPrompt": "#tts[Again]", "repeats": 1, "options": OPTIONS}
PIN = {"id": "pin", "mainPrompt": "#tts[PIN]", "maxDigits": 4, "timeoutMills": 2_000}
MENUS: dict[str, Any] = {"action": {"name": "runMenu", "menus": [MAIN, PIN]}}


@pytest.mark.parametrize(
    ("keys", "result"),
    [
        (["1"], ("main", "return", "support")),
        (["33"], ("main", "return", "long")),
        (["2", "4711"], ("pin", "sequence", "4711")),
        (["2", "47#"], ("pin", "sequence", "47")),
        (["2", "47"], ("pin", "sequence", "47")),
        (["2", "#"], ("pin", "timeout", "")),
        (["2"], ("pin", "timeout", "")),
        (["9", "1"], ("main", "return", "support")),
        (["9", "9"], ("main", "invalidinput", "9")),
        (["3", "3"], ("main", "invalidinput", "3")),
        (["*"], ("main", "timeout", "")),
    ],
)
def test_keys_lead_to_a_result(fast: Sandbox, keys: list[str], result: tuple[str, str, str]) -> None:
    """By options, by the number of digits, by a hash, or by silence."""
    application = Application(fast, ace=always(MENUS), pie=always(HANG_UP))
    with served(application.app) as url:
        fast.account.callback_urls.primary = url
        fast.phone("+46700000001").presses(*keys)
        place(fast).until_final_sync(300)
    [pie] = [event for event in application.events if event["event"] == "pie"]
    told = pie["menuResult"]
    assert (told["menuId"], told["type"], told["value"]) == result
    assert told["inputMethod"] == "dtmf"


def test_whoever_hangs_up_is_told_of(fast: Sandbox) -> None:
    """A menu result of type hangup, then DiCE."""
    application = Application(fast, ace=always(MENUS))
    with served(application.app) as url:
        fast.account.callback_urls.primary = url
        place(fast).until_final_sync(300)
    assert [event.get("menuResult", {}).get("type") for event in application.events] == [None, "hangup", None]


def test_keys_cut_a_prompt_short_where_they_may(sandbox: Sandbox) -> None:
    """With ``barge``, which is the default; without it they are lost."""
    menu = MAIN | {"mainPrompt": "file", "repeats": 0}
    impatient = custom(sandbox, {"action": {"name": "runMenu", "menus": [menu, PIN]}})
    patient = custom(sandbox, {"action": {"name": "runMenu", "barge": False, "menus": [menu, PIN]}})
    sandbox.clock.step(1)
    impatient.press("2")
    patient.press("2")
    assert lines(impatient, "state")[-1] == "state menu"
    assert impatient.timeline[-1].text == "PIN"
    assert patient.timeline[-1].text == "2"
    sandbox.clock.step(3)
    patient.press("1")
    assert patient.state == "menu"


def test_a_menu_may_begin_elsewhere(sandbox: Sandbox) -> None:
    """``mainMenu`` names the first; without a prompt it asks at once."""
    call = custom(sandbox, {"action": {"name": "runMenu", "mainMenu": "quiet", "menus": [MAIN, PIN, {"id": "quiet"}]}})
    assert [entry.data for entry in call.timeline if entry.text == "menu"] == [{"id": "quiet"}]
    assert not call.transcript


def test_an_end_from_the_platform_is_no_result(sandbox: Sandbox) -> None:
    """Whoever managed the call knows already."""
    call = custom(sandbox, MENUS)
    call.hang_up()
    assert "callback pie" not in lines(call)


@pytest.mark.parametrize(
    "action",
    [
        {"mainMenu": "nowhere", "menus": [MAIN, PIN]},
        {"menus": [{"id": "main", "options": [{"dtmf": "1", "action": "explode(now)"}]}]},
        {"menus": [{"id": "main", "repeats": "often"}]},
    ],
)
def test_what_is_illegal_may_show_late(sandbox: Sandbox, action: dict[str, Any]) -> None:
    """A menu that is not there, a target that is none, a member of another type: the call ends there."""
    sandbox.phone("+46700000001").presses("1")
    call = place(sandbox, ace={"action": {"name": "runMenu", **action}})
    sandbox.clock.step(20)
    assert ending(call)[:2] == ("ANSWERED", "INVALIDSVAMLACTION")
