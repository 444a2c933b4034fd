"""What a person does at the page, in a real browser: with the mouse, with the keyboard, and with what they see."""

import httpx
import pytest

from sinch_voice_async.sandbox import Call, Sandbox

from .application import Application
from .chromium import Chromium

NUMBER = "+46700000001"
CANARY = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>\"'>"


def place(sandbox: Sandbox, **members: object) -> Call:
    """Place a callout to the page's telephone, and return the call."""
    callout = {
        "destination": {"type": "number", "endpoint": NUMBER},
        "cli": "+46700000000",
        "text": "Hello!",
        "enableAce": True,
        "enableDice": True,
        "enablePie": True,
        **members,
    }
    account = sandbox.account
    answer = httpx.post(
        f"{sandbox.url}/calling/v1/callouts",
        json={"method": "ttsCallout", "ttsCallout": callout},
        auth=(account.application_key, account.application_secret),
        verify=False,
        trust_env=False,
    )
    return sandbox.calls[answer.json()["callId"]]


def rings(page: Chromium) -> None:
    """Wait until the page's telephone rings."""
    page.wait_for("document.getElementById('telephone').dataset.state === 'ringing'")


def test_a_ringing_call_is_answered_and_a_key_reaches_the_application(
    page: Chromium, served: Sandbox, application: Application
) -> None:
    """The telephone rings, is picked up, speaks, and its key 1 is the application's PIE."""
    page.evaluate("{ window.spoken = []; speechSynthesis.speak = (said) => spoken.push([said.text, said.lang]) }")
    page.click("#plug")
    page.wait_for("document.getElementById('plug').textContent === 'Unplug'")
    call = place(served)
    rings(page)
    assert page.text("#says") == "+46700000000 calls."
    assert call.state == "ringing"
    page.click("#answer")
    page.wait_for("document.getElementById('heard').textContent.startsWith('Press 1')")
    page.click("#keypad button[value='1']")
    assert application.event("pie")["menuResult"] | {"inputMethod": "dtmf"} == {
        "menuId": "main",
        "type": "return",
        "value": "confirmed",
        "inputMethod": "dtmf",
    }
    page.wait_for("document.getElementById('heard').textContent === 'Thank you. Goodbye.'")
    said = [["Press 1 to confirm your appointment.", "en-US"], ["Thank you. Goodbye.", "en-GB"]]
    assert page.evaluate("spoken") == said
    page.click("#hang-up")
    assert application.event("dice")["reason"] == "CALLEEHANGUP"
    page.wait_for("document.getElementById('says').textContent === 'The call is over: calleehangup.'")
    assert call.is_final


def test_everything_can_be_done_by_keyboard(page: Chromium, served: Sandbox, application: Application) -> None:
    """Plug in, answer, press, hang up: without a mouse, and the focus is never lost."""
    page.evaluate("document.getElementById('own').focus()")
    page.press("Enter")
    page.wait_for("document.getElementById('plug').textContent === 'Unplug'")
    place(served)
    rings(page)
    page.evaluate("document.getElementById('answer').focus()")
    page.press("Enter")
    page.wait_for("document.getElementById('telephone').dataset.state === 'talking'")
    page.wait_for("document.getElementById('handset').contains(document.activeElement)")
    page.press("1")
    assert application.event("pie")["menuResult"]["value"] == "confirmed"
    page.evaluate("document.getElementById('hang-up').focus()")
    page.press("Enter")
    assert application.event("dice")["result"] == "ANSWERED"


def test_somebody_dials_in(page: Chromium, served: Sandbox, application: Application) -> None:
    """The keys dial, the application is asked, and its menu is heard; dialling plugs the telephone in."""
    for key in "46201":
        page.click(f"#keypad button[value='{key}']")
    page.click("#answer")
    assert application.event("ice")["to"]["endpoint"] == "46201"
    assert application.event("ice")["cli"] in {NUMBER, NUMBER.removeprefix("+")}
    page.wait_for("document.getElementById('heard').textContent.startsWith('Press 1')")
    page.click("#keypad button[value='1']")
    assert application.event("pie")["menuResult"]["value"] == "confirmed"
    page.click("#hang-up")
    assert application.event("dice")["reason"] == "CALLERHANGUP"
    assert [call.is_inbound for call in served.calls] == [True]


def test_a_call_is_declined(page: Chromium, served: Sandbox, application: Application) -> None:
    """And the telephone is free for the next one, which has been waiting."""
    page.click("#plug")
    page.wait_for("document.getElementById('plug').textContent === 'Unplug'")
    first, second = place(served, cli="+461"), place(served, cli="+462")
    for caller in ("+461", "+462"):
        page.wait_for(f"document.getElementById('says').textContent === '{caller} calls.'")
        page.click("#hang-up")
    assert [call.until_final_sync(20).result for call in (first, second)] == ["BUSY", "BUSY"]


def test_a_call_is_looked_at(page: Chromium, served: Sandbox, application: Application) -> None:
    """Its timeline with callbacks, what was said, and its request, as they grow."""
    served.phone(NUMBER).presses("1")
    call = place(served)
    page.click("#list button")
    application.event("pie")
    page.wait_for("document.getElementById('transcript')?.children.length === 2")
    assert "Press 1 to confirm your appointment." in page.text("#transcript")
    assert "en-GB" in page.text("#transcript")
    assert call.call_id in page.text("#facts")
    page.wait_for(
        "[...document.querySelectorAll('#timeline summary')].some((each) => each.innerText.startsWith('pie'))"
    )
    page.click("#timeline [data-kind=callback] summary")
    assert '"event": "ace"' in page.text("#timeline [data-kind=callback] pre")
    assert '"method": "ttsCallout"' in page.evaluate("document.getElementById('request').textContent")
    page.wait_for("document.activeElement.id === 'call' || document.activeElement.closest('#call')")


def test_nothing_that_came_from_a_call_becomes_markup(
    page: Chromium, served: Sandbox, application: Application
) -> None:
    """Texts, numbers, keys and answers of strangers are shown letter by letter, wherever they appear."""
    application.answers["ace"] = {
        "instructions": [
            {"name": "say", "text": CANARY, "locale": CANARY},
            {"name": "playFiles", "ids": [CANARY.replace(";", "")]},
            {"name": "setCookie", "key": CANARY, "value": CANARY},
        ],
        "action": {"name": "connectConf", "conferenceId": CANARY[:64]},
    }
    page.click("#plug")
    page.wait_for("document.getElementById('plug').textContent === 'Unplug'")
    place(served, cli=CANARY, custom=CANARY, text=CANARY)
    rings(page)
    page.click("#answer")
    page.wait_for("document.body.innerText.includes('In a call')")  # which moves the list
    page.click("#list button")
    page.wait_for("document.getElementById('transcript')?.children.length >= 1")
    assert "onerror" in page.text("#facts")
    assert page.evaluate("document.querySelectorAll('main img, main script').length") == 0
    assert page.evaluate("document.title") == "Telephone exchange"


def test_the_policy_holds(page: Chromium) -> None:
    """Even if a script forgot itself: nothing is fetched from elsewhere, and no text becomes markup."""
    page.evaluate("{ new Image().src = 'http://127.0.0.2/canary.png' }")
    page.evaluate("{ setTimeout(() => { document.body.innerHTML = '<b>bold</b>'; }) }")
    page.wait_for("new Promise((resolve) => setTimeout(() => resolve(true), 50))")
    complaints = " ".join(page.complaints)
    assert "Content Security Policy" in complaints
    assert "TrustedHTML" in complaints
    assert page.text("h1") == "Telephone exchange"
    page.complaints.clear()


def test_the_clock_is_set_and_stepped(page: Chromium, served: Sandbox) -> None:
    """By the menu and the button, and another program's change is shown."""
    page.evaluate("document.getElementById('speed').value = '100'")
    page.evaluate("document.getElementById('speed').dispatchEvent(new Event('change'))")
    page.wait_for("fetch('api/clock').then((answer) => answer.json()).then((clock) => clock.speed === 100)")
    before = served.clock.now()
    page.click("#step")
    page.wait_for("fetch('api/clock').then((answer) => answer.json()).then((clock) => clock.now > 10)")
    assert served.clock.now() >= before + 10
    served.clock.speed = 7
    page.wait_for("document.getElementById('speed').value === '7'")


def test_a_reset_is_noticed(page: Chromium, served: Sandbox) -> None:
    """What is gone is no longer shown, and no longer rings."""
    served.phone(NUMBER).is_manual()
    place(served)
    rings(page)
    page.click("#list button")
    page.wait_for("document.getElementById('timeline')?.children.length > 1")
    served.reset()
    page.wait_for("document.querySelectorAll('#list li').length === 0 && !document.getElementById('none').hidden")
    page.wait_for("document.getElementById('telephone').dataset.state === 'idle'")
    assert page.text("#detail") == "The exchange forgot every call."


def test_a_stopped_sandbox_is_called_so(page: Chromium) -> None:
    """And found again when it is back at the same address."""
    sandbox = Sandbox()
    with sandbox.serve():
        address = httpx.URL(sandbox.url)
        page.open(f"{sandbox.url}/_sandbox/")
        page.wait_for("document.getElementById('live').textContent === 'Live'")
    page.wait_for("document.getElementById('live').textContent.startsWith('Disconnected')")
    with sandbox.serve(port=address.port or 0):
        page.wait_for("document.getElementById('live').textContent === 'Live'")
        page.open("about:blank")
    assert all(complaint.startswith("Failed to load resource") for complaint in page.complaints)
    page.complaints.clear()


def test_mistakes_are_said_on_the_display(page: Chromium) -> None:
    """In the API's own words; and what cannot be dialled is asked for."""
    page.click("#answer")
    page.wait_for("document.activeElement.id === 'number'")
    page.evaluate("document.getElementById('own').removeAttribute('maxlength')")
    page.fill("#own", "4" * 300)
    page.fill("#number", "+46201")
    page.click("#answer")
    page.wait_for("document.getElementById('says').textContent.includes('must not be longer than 256')")
    assert [each.partition(":")[0] for each in page.complaints] == ["Failed to load resource"]
    page.complaints.clear()


@pytest.mark.parametrize(("dark", "width"), [(False, 1400), (True, 1400), (False, 390)])
def test_it_fits_the_screen_and_has_names_for_everything(page: Chromium, dark: bool, width: int) -> None:
    """No sideways scrolling, each control named, and letters that stand out from their ground."""
    page.appear(dark=dark, width=width)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    nameless = (
        "[...document.querySelectorAll('button, input, select')].filter((each) =>"
        " !(each.innerText.trim() || each.ariaLabel || each.labels?.length)).map((each) => each.outerHTML)"
    )
    assert page.evaluate(nameless) == []
