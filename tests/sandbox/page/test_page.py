"""What a person does at the page, in a real browser: with the mouse, with the keyboard, and with what they see."""

import json
import time

import httpx
import pytest

from sinch_voice_async.sandbox import Sandbox
from tests.ports import free_port

from .application import Application
from .chromium import Chromium
from .page_helpers import CANARY, NUMBER, go, go_by_keys, logged, place, send, waits_for

PHONE = "#phone-rail"
VIEWS = ("calls", "requests", "conferences", "numbers", "settings", "svaml", "welcome", "phone", "more")


def rings(page: Chromium) -> None:
    """Wait until the page's phone rings."""
    page.wait_for("document.querySelector('#phone-rail').dataset.state === 'ringing'")


def test_a_ringing_call_is_answered_and_a_key_reaches_the_application(
    page: Chromium, served: Sandbox, application: Application
) -> None:
    """The phone rings, is answered, speaks, and its key 1 is the application's PIE."""
    page.evaluate("{ window.spoken = []; speechSynthesis.speak = (said) => spoken.push([said.text, said.lang]) }")
    call = place(served)
    rings(page)
    page.wait_for("document.title === '☎ Incoming call · Voice sandbox'")
    assert "from +46 70 000 00 00, a text-to-speech callout" in page.text(f"{PHONE} .screen")
    assert call.state == "ringing"
    # The call that rings is the one that is looked at.
    page.wait_for(f"location.hash === '#call={call.call_id}'")
    page.click("#answer-rail")
    waits_for(page, f"{PHONE} .screen", "Press 1 to confirm")
    page.click(f"{PHONE} .pad button[value='1']")
    assert application.event("pie")["menuResult"]["value"] == "confirmed"
    waits_for(page, f"{PHONE} .screen", "Thank you. Goodbye.")
    said = [["Press 1 to confirm your appointment.", "en-US"], ["Thank you. Goodbye.", "en-GB"]]
    page.wait_for(f"JSON.stringify(spoken) === {json.dumps(json.dumps(said, separators=(',', ':')))}")
    page.click(f"{PHONE} .btn.stop")
    assert application.event("dice")["reason"] == "CALLEEHANGUP"
    waits_for(page, f"{PHONE} .screen", "The call is over: you hung up.")
    assert call.is_final


def test_everything_can_be_done_by_keyboard(page: Chromium, served: Sandbox, application: Application) -> None:
    """Answer, press a key in the phone, hang up, search, select, go elsewhere: without a mouse."""
    place(served)
    rings(page)
    page.press("a")
    page.wait_for("document.querySelector('#phone-rail').dataset.state === 'talking'")
    page.evaluate("document.querySelector('#phone-rail .pad button').focus()")
    page.press("1")
    assert application.event("pie")["menuResult"]["value"] == "confirmed"
    page.evaluate("document.activeElement.blur()")
    page.press("d")
    assert application.event("dice")["result"] == "ANSWERED"
    page.press("/")
    page.wait_for("document.activeElement.id === 'search-calls'")
    page.press("Escape")
    go_by_keys(page)
    waits_for(page, ".rows", "/calling/")
    page.press("j")
    page.wait_for("location.hash.startsWith('#request=')")
    page.press("?")
    waits_for(page, "dialog", "Next, previous")
    page.press("Escape")
    page.wait_for("!document.querySelector('dialog')")


def test_a_person_dials_the_application(page: Chromium, served: Sandbox, application: Application) -> None:
    """The keys make a number, the application is asked, and its menu is heard."""
    for key in "46201":
        page.click(f"{PHONE} .pad button[value='{key}']")
    page.click(f"{PHONE} > .btn")
    assert application.event("ice")["to"]["endpoint"] == "46201"
    assert application.event("ice")["cli"] == NUMBER
    waits_for(page, f"{PHONE} .screen", "Press 1")
    page.click(f"{PHONE} .btn.stop")
    assert application.event("dice")["reason"] == "CALLERHANGUP"
    assert [call.is_inbound for call in served.calls] == [True]


def test_a_ringing_call_does_not_call_back_a_person_who_left(page: Chromium, served: Sandbox) -> None:
    """The address changes before its event is heard, and a call may begin to ring in between."""
    module = "import('./page/calls.js')"
    go(page, "#calls")
    page.wait_for("document.querySelector('main h1')?.innerText.includes('Calls')")
    rings = "it.selectRinging([{ callId: 'one', waits: true }])"
    assert page.evaluate(
        f"{module}.then((it) => {{ location.hash = '#requests'; {rings}; return location.hash }})"
    ) == ("#requests")
    go(page, "#calls")
    page.wait_for("document.querySelector('main h1')?.innerText.includes('Calls')")
    rings = "it.selectRinging([{ callId: 'two', waits: true }])"
    assert page.evaluate(f"{module}.then((it) => {{ {rings}; return location.hash }})") == "#call=two"
    typed = "location.hash = '#requests'; routes.showQuery('calls', '46'); return location.hash"
    assert page.evaluate(f"import('./page/routes.js').then((routes) => {{ {typed} }})") == "#requests"


def test_a_call_is_declined(page: Chromium, served: Sandbox) -> None:
    """And the phone is free for the next one, which has been waiting."""
    calls = [place(served, cli=cli) for cli in ("+4611111", "+4622222")]
    for cli in ("11 111", "22 222"):
        waits_for(page, f"{PHONE} .screen", cli)
        page.click(f"{PHONE} .btn.stop")
    assert [call.until_final_sync(300).result for call in calls] == ["BUSY", "BUSY"]


def test_a_call_is_looked_at(page: Chromium, served: Sandbox, application: Application) -> None:
    """Its lanes, what was said, its events with callbacks, its SVAML and its request, as they grow."""
    served.phone("+46700000077").presses("1")
    call = place(served, destination={"type": "number", "endpoint": "+46700000077"}, custom="booking=8112")
    go(page, f"#call={call.call_id}")
    application.event("pie")
    waits_for(page, ".talk-list", "Thank you. Goodbye.")
    waits_for(page, ".talk-list", "Press 1 to confirm your appointment.")
    assert "booking=8112" in page.text(".facts")
    assert "Answered" in page.text(".talk-list")
    page.wait_for("document.querySelectorAll('.lanes .tick').length >= 2")
    assert page.evaluate("document.querySelector('.lanes').ariaLabel").startswith("Timeline:")
    page.click("#tab-events")
    page.wait_for("location.hash.endsWith('&tab=events')")
    waits_for(page, ".events", "ACE")
    page.click("#tab-svaml")
    waits_for(page, "[role=tabpanel]", '"runMenu"')
    page.click("#tab-request")
    waits_for(page, "[role=tabpanel]", '"ttsCallout"')
    page.click("#tab-callbacks")
    page.click("[role=tabpanel] .row")
    page.wait_for("location.hash.startsWith('#request=')")
    waits_for(page, ".head h1", "callback")


def test_the_phone_says_that_no_application_answered(page: Chromium, served: Sandbox) -> None:
    """Without a callback URL, the call from the page ends in words, not in a value of the API."""
    served.account.callback_urls.primary = ""
    served.clock.speed = 1_000
    page.click(f"{PHONE} > .btn")
    waits_for(page, f"{PHONE} .screen", "The call is over: the callback failed.")


def test_calls_are_searched_filtered_and_cleared(page: Chromium, served: Sandbox) -> None:
    """By words in what was spoken, by members, by state; the search is in the address."""
    served.phone("+46711").is_busy()
    served.clock.speed = 1_000
    served.account.callback_urls.primary = ""
    for text in ("apples", "pears"):
        place(served, text=text, destination={"type": "number", "endpoint": "+46722"}).until_final_sync(300)
    place(served, destination={"type": "number", "endpoint": "+46711"}).until_final_sync(300)
    page.wait_for("document.querySelectorAll('.rows .row').length === 3")
    page.click("#search-calls")
    page.fill("#search-calls", "apples")
    page.wait_for("document.querySelectorAll('.rows .row').length === 1")
    page.wait_for("location.hash === '#calls?q=apples'")
    page.fill("#search-calls", "zzz")
    waits_for(page, ".rows", "No call matches “zzz”.")
    page.click(".rows .btn")
    page.wait_for("document.querySelectorAll('.rows .row').length === 3")
    page.click(".chip:nth-child(3)")
    page.wait_for("document.querySelectorAll('.rows .row').length === 1")
    waits_for(page, ".rows", "Busy")
    page.click(".list .foot .btn")
    waits_for(page, "dialog", "Clear 1 call?")
    page.click("dialog .btn.stop")
    page.wait_for("document.querySelectorAll('.rows .row').length === 0")
    assert len(served.calls) == 2


def test_a_call_is_placed_from_the_form(page: Chromium, served: Sandbox) -> None:
    """It shows the request that it sends; what is wrong stands beside the field."""
    page.press("n")
    page.wait_for("document.querySelector('dialog')?.open")
    page.fill("#new-to", "0701")
    page.click("dialog .btn.main")
    waits_for(page, "dialog", "Use the international form, for example +46700000001.")
    page.wait_for("document.activeElement.id === 'new-to'")
    page.fill("#new-to", "+46700000055")
    page.fill("#new-text", "x" * 612)
    waits_for(page, "dialog", "The text is 612 characters long; the limit is 600.")
    page.fill("#new-text", "Hello from a test.")
    waits_for(page, "dialog .shows", '"text": "Hello from a test."')
    page.click("dialog .btn.main")
    page.wait_for("location.hash.startsWith('#call=')")
    [call] = served.calls
    assert call.request["ttsCallout"]["text"] == "Hello from a test."  # type: ignore[index]  # JSON
    assert logged(served, lambda entry: entry.path == "/calling/v1/callouts").status == 200


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
    call = place(served, cli=CANARY, custom=CANARY, text=CANARY)
    httpx.get(f"{served.url}/calling/v1/{CANARY}", headers={"user-agent": CANARY}, trust_env=False, verify=False)
    rings(page)
    page.press("a")
    page.wait_for("document.querySelector('#phone-rail').dataset.state === 'talking'")
    go(page, f"#call={call.call_id}")
    waits_for(page, ".facts", "onerror")
    waits_for(page, ".talk-list", "onerror")
    for tab, text in (("events", "owned"), ("callbacks", "ACE"), ("svaml", "onerror"), ("request", "onerror")):
        page.click(f"#tab-{tab}")
        waits_for(page, "[role=tabpanel]", text)
    go(page, "#conferences")
    waits_for(page, ".rows", "onerror")
    page.click(".rows .row")
    waits_for(page, ".head h1", "onerror")
    refused = logged(served, lambda entry: "script" in entry.target)
    go(page, f"#request={refused.id}")
    waits_for(page, ".kv", "onerror")
    callback = logged(served, lambda entry: entry.event == "ace")
    go(page, f"#request={callback.id}")
    waits_for(page, ".detail", "onerror")
    assert page.evaluate("document.querySelectorAll('main img, main script').length") == 0
    assert "owned" not in page.evaluate("document.title")


def test_the_policy_holds(page: Chromium) -> None:
    """Even if a script forgot itself: nothing is fetched from elsewhere, and no text becomes markup."""
    page.evaluate("{ new Image().src = 'http://127.0.0.2/canary.png' }")
    page.evaluate("{ setTimeout(() => { document.body.innerHTML = '<b>bold</b>'; }) }")
    deadline = time.monotonic() + 300
    while not all(word in " ".join(page.complaints) for word in ("Content Security Policy", "TrustedHTML")):
        assert time.monotonic() < deadline, page.complaints
        page.wait_for("new Promise((resolve) => setTimeout(() => resolve(true), 50))")
    assert page.text(".brand a") == "Voice sandbox"
    page.complaints.clear()


def test_the_clock_is_set_and_stepped(page: Chromium, served: Sandbox) -> None:
    """By the list and the button, and another program's change is shown."""
    go(page, "#settings")
    page.choose("#speed", "100")
    page.wait_for("fetch('api/clock').then((answer) => answer.json()).then((clock) => clock.speed === 100)")
    served.clock.speed = 0
    page.wait_for("document.getElementById('speed').value === '0'")
    before = served.clock.now()
    page.click("#step")
    # The sandbox adds in another order, so the last digits of the sum may differ.
    page.wait_for(f"fetch('api/clock').then((answer) => answer.json()).then((clock) => clock.now > {before + 9.9})")
    served.clock.speed = 7
    page.wait_for("document.getElementById('speed').value === '7'")


def test_a_reset_is_noticed(page: Chromium, served: Sandbox) -> None:
    """What is gone is no longer shown, and no longer rings."""
    place(served)
    rings(page)
    page.wait_for("document.querySelectorAll('.rows .row').length === 1")
    served.reset()
    waits_for(page, ".rows", "No calls yet")
    page.wait_for("document.querySelector('#phone-rail').dataset.state !== 'ringing'")
    # The page may ask for the call that it shows before it hears that it is gone.
    page.complaints[:] = [each for each in page.complaints if not each.startswith("Failed to load resource")]


def test_a_stopped_sandbox_is_called_so_and_a_restart_is_noticed(chromium: Chromium) -> None:
    """It is found again at the same address; another one that listens there is told apart."""
    chromium.complaints.clear()
    first, second = Sandbox(), Sandbox()
    port = free_port()
    with first.serve(port=port):
        chromium.open(f"{first.url}/_sandbox/#calls")
        place(first, destination={"type": "number", "endpoint": "+46733"})
        chromium.wait_for("document.querySelectorAll('.rows .row').length === 1")
    chromium.wait_for("document.getElementById('live').textContent === 'Lost'")
    waits_for(chromium, "#bar", "The sandbox stopped. Start it again and this page continues.")
    with second.serve(port=port):
        chromium.wait_for("document.getElementById('live').textContent === 'Live'")
        waits_for(chromium, "#bar", "The sandbox was restarted. Calls from before are gone.")
        chromium.wait_for("document.querySelectorAll('.rows .row').length === 0")
        place(second, destination={"type": "number", "endpoint": "+46744"})
        chromium.wait_for("document.querySelectorAll('.rows .row').length === 1")
        chromium.open("about:blank")
    assert all(complaint.startswith("Failed to load resource") for complaint in chromium.complaints)
    chromium.complaints.clear()


def test_eight_tabs_are_live(chromium: Chromium, served: Sandbox) -> None:
    """A browser opens six connections to a host: the tabs share one stream, and another takes over when it goes."""
    chromium.complaints.clear()
    first, sessions = chromium.session, []
    chromium.open("about:blank")
    try:
        for _ in range(8):
            chromium.tab()
            sessions.append(chromium.session)
            chromium.open(f"{served.url}/_sandbox/#calls")
            chromium.wait_for("document.getElementById('live')?.textContent === 'Live'")
        for count in (1, 2):
            place(served, destination={"type": "number", "endpoint": f"+4675{count}"})
            for session in sessions:
                chromium.switch(session)
                chromium.wait_for(f"document.querySelectorAll('.rows .row').length === {count}")
            # The first tab holds the stream.
            if count == 1:
                chromium.close_tab(sessions.pop(0))
        assert chromium.complaints == []
    finally:
        for session in sessions:
            chromium.close_tab(session)
        chromium.switch(first)


def test_a_page_out_of_sight_is_told_less_often(page: Chromium, served: Sandbox) -> None:
    """Four times a second, from where it was; nothing is missed, and it is told at once again when it is seen."""
    page.evaluate(
        "{ const Native = EventSource; window.opened = []; window.unseen = true;"
        " window.EventSource = class extends Native { constructor(url) { super(url); opened.push(url); } };"
        " Object.defineProperty(document, 'hidden', { configurable: true, get: () => unseen });"
        " document.dispatchEvent(new Event('visibilitychange')); }"
    )
    place(served, destination={"type": "number", "endpoint": "+46711"})
    page.wait_for("opened.length === 1 && opened[0].includes('pace=slow') && opened[0].includes('after=')")
    place(served, destination={"type": "number", "endpoint": "+46722"})
    page.wait_for("document.querySelectorAll('.rows .row').length === 2")
    page.evaluate("{ unseen = false; document.dispatchEvent(new Event('visibilitychange')); }")
    page.wait_for("opened.length === 2 && !opened[1].includes('pace') && opened[1].includes('after=')")
    place(served, destination={"type": "number", "endpoint": "+46733"})
    page.wait_for("document.querySelectorAll('.rows .row').length === 3")
    assert page.text("#live") == "Live"


def test_the_phone_is_disconnected_when_its_page_has_gone(page: Chromium, served: Sandbox) -> None:
    """Calls to its number are answered by the default person again; a reload keeps it."""
    assert served.people.at(NUMBER).is_manual
    page.open("about:blank")
    deadline = time.monotonic() + 300
    while served.people.at(NUMBER).is_manual:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert list(served.people) == []


def test_two_phones_talk_with_each_other(page: Chromium, served: Sandbox, application: Application) -> None:
    """A second tab is a second phone: the application connects a call of one with the other; it leaves with its tab."""
    application.answers["ice"] = {"action": {"name": "connectPstn", "number": "+46700000002", "cli": NUMBER}}
    application.answers["ace"] = {"action": {"name": "continue"}}
    go(page, "#numbers")
    page.wait_for("document.querySelector('form[aria-label=\"Test phone\"] a')")
    second = page.evaluate("document.querySelector('form[aria-label=\"Test phone\"] a').href")
    first = page.tab()
    other = page.session
    page.open(second)
    page.wait_for("document.querySelector('#phone-page')?.dataset.state === 'idle'")
    assert page.evaluate("localStorage.getItem('sandbox.number')") is None
    page.switch(first)
    # A tab behind another gets no mouse.
    page.evaluate("document.querySelector('#phone-rail > .btn').click()")
    page.switch(other)
    page.wait_for("document.querySelector('#phone-page').dataset.state === 'ringing'")
    page.press("a")
    page.wait_for("document.querySelector('#phone-page').dataset.state === 'talking'")
    page.switch(first)
    page.wait_for("document.querySelector('#phone-rail').dataset.state === 'talking'")
    page.close_tab(other)
    page.wait_for("fetch('api/phones').then((r) => r.json()).then((found) => found.phones.length === 1)")


def test_a_number_that_a_test_has_scripted_is_left_alone(chromium: Chromium, served: Sandbox) -> None:
    """The page's phone takes a number only if nothing else has it."""
    served.phone(NUMBER).is_busy()
    chromium.open(f"{served.url}/_sandbox/#calls")
    chromium.wait_for("document.querySelector('#phone-rail')?.dataset.state === 'off'")
    chromium.wait_for("document.getElementById('live').textContent === 'Live'")
    assert served.people.at(NUMBER).refuses == "busy"
    chromium.open("about:blank")


def test_the_first_minute(chromium: Chromium) -> None:
    """The address of the sandbox leads to the three lines; the first request turns into a tick, and the phone rings."""
    with Sandbox().serve() as sandbox:
        chromium.complaints.clear()
        chromium._send("Page.navigate", url=sandbox.url)
        chromium.wait_for("location.hash === '#welcome'")
        waits_for(chromium, ".welcome", f"export SINCH_APPLICATION_SECRET={sandbox.account.application_secret}")
        waits_for(chromium, ".welcome", "Waiting for the first request…")
        chromium.click("#ring")
        rings(chromium)
        waits_for(chromium, ".welcome", "The first request came at")
        assert chromium.complaints == []
        chromium.open("about:blank")


def test_ten_thousand_calls(chromium: Chromium) -> None:
    """Few rows exist at a time, the last one can be reached, and a change is shown in less than 50 ms of work."""
    sandbox = Sandbox(speed=0)
    sandbox.people.default = sandbox.people.default.__class__(answers_after=None)
    for number in range(10_000):
        send_quickly(sandbox, number)
    with sandbox.serve():
        chromium.complaints.clear()
        chromium.open(f"{sandbox.url}/_sandbox/#calls")
        chromium.wait_for("document.querySelectorAll('.rows .row').length > 5")
        chromium.wait_for("document.querySelector('.list h1 small').textContent === '10,000'")
        assert chromium.evaluate("document.querySelectorAll('.rows .row').length") < 60
        down = "{ const it = document.querySelector('.rows'); it.scrollTop = it.scrollHeight }"
        deadline = time.monotonic() + 300
        while not chromium.evaluate("document.querySelector('.foot').innerText.includes('10,000 of 10,000')"):
            assert time.monotonic() < deadline, chromium.text(".foot")
            chromium.evaluate(down)
            chromium.wait_for("new Promise((resolve) => setTimeout(() => resolve(true), 50))")
        chromium.evaluate(down)
        chromium.wait_for("[...document.querySelectorAll('.rows li')].some((each) => each.ariaPosInSet === '10000')")
        assert chromium.evaluate("document.querySelectorAll('.rows .row').length") < 60
        assert chromium.complaints == []
        chromium.open("about:blank")


def send_quickly(sandbox: Sandbox, number: int) -> None:
    """Place a call without HTTP."""
    from sinch_voice_async.sandbox.exchange.documents import read_callout
    from sinch_voice_async.sandbox.requests import Fields

    destination = {"type": "number", "endpoint": f"+4670{number:07}"}
    body = {"method": "ttsCallout", "ttsCallout": {"destination": destination, "text": "x"}}
    sandbox.exchange.place(read_callout(Fields(body), max_text_length=10), {})


def test_a_body_of_a_megabyte_does_not_freeze_the_page(page: Chromium, served: Sandbox) -> None:
    """Its beginning is shown, and all of it can be had as a file."""
    send(served, text="x", unknown="y" * 1_000_000)
    entry = logged(served, lambda _: True)
    go(page, f"#request={entry.id}")
    waits_for(page, ".detail", "The first 64 kB are shown")
    assert page.evaluate("document.querySelector('.detail').textContent.length") < 150_000
    length = page.evaluate(f"fetch('api/requests/{entry.id}/body').then((r) => r.text()).then((t) => t.length)")
    assert length > 1_000_000


@pytest.mark.parametrize(("dark", "width"), [(False, 1280), (True, 1280), (False, 390), (False, 1920)])
@pytest.mark.parametrize(
    "view", ["calls", "requests", "conferences", "numbers", "settings", "svaml", "welcome", "phone"]
)
def test_it_fits_the_screen_and_has_names_for_everything(page: Chromium, view: str, dark: bool, width: int) -> None:
    """No sideways scrolling, and each control named."""
    page.appear(dark=dark, width=width)
    go(page, f"#{view}")
    page.wait_for("document.querySelector('main h1')")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    nameless = (
        "[...document.querySelectorAll('button, input, select, textarea')].filter((each) =>"
        " !(each.innerText.trim() || each.ariaLabel || each.labels?.length)).map((each) => each.outerHTML)"
    )
    assert page.evaluate(nameless) == []
