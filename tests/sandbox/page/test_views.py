"""Inspector, conferences, numbers, settings and the SVAML workbench, in a real browser."""

import base64
import hmac
import json
from datetime import UTC, datetime

import httpx

from sinch_voice_async.sandbox import Sandbox

from .application import Application
from .chromium import Chromium
from .page_helpers import go, go_by_keys, logged, place, send, signed_wrongly, waits_for

COPIED = "{ window.copied = []; navigator.clipboard.writeText = async (text) => { copied.push(text) } }"


def test_a_refused_signature_is_explained(page: Chromium, served: Sandbox) -> None:
    """The verdict first, then both strings with the line that differs."""
    go(page, f"#request={signed_wrongly(served)}")
    waits_for(page, ".verdict", "The signature covers another body.")
    page.wait_for("document.querySelectorAll('.sts tr.diff').length === 1")
    assert "Content-MD5" in page.text(".sts tr.diff")
    assert page.evaluate("document.querySelectorAll('.sts tr.diff mark').length") == 2


def test_a_wrong_secret_is_found(page: Chromium, served: Sandbox) -> None:
    """By the inspector alone: no known mistake explains the signature."""
    right = served.account.application_secret
    served.account.application_secret = base64.b64encode(b"another").decode()
    stamp = datetime.now(UTC).isoformat()
    key = served.account.application_key
    signature = base64.b64encode(hmac.digest(base64.b64decode(right), b"x", "sha256")).decode()
    headers = {"authorization": f"Application {key}:{signature}", "x-timestamp": stamp}
    httpx.get(f"{served.url}/calling/v1/calls/id/x", headers=headers, trust_env=False, verify=False)
    go_by_keys(page)
    page.wait_for("document.querySelectorAll('.rows .row').length === 1")
    page.press("j")
    waits_for(page, ".verdict", "The secret is probably another one.")


def test_a_request_is_copied(page: Chromium, served: Sandbox) -> None:
    """As curl, which does not hold the secret; as Python; as JSON."""
    page.evaluate(COPIED)
    send(served, destination={"type": "number", "endpoint": "+46711"}, text="it's")
    go(page, "#request=r1")
    for number, text in ((1, "curl -X POST"), (2, "client.request("), (3, '"verdict": "valid"')):
        page.click(".menu summary")
        page.click(f".menu .items button:nth-child({number})")
        page.wait_for(f"copied.length === {number}")
        assert text in page.evaluate("copied.at(-1)")
    assert page.evaluate("copied[0]").count("$SINCH_APPLICATION_SECRET") == 1
    assert "it'\\''s" in page.evaluate("copied[0]")
    assert served.account.application_secret not in page.evaluate("copied.join()")


def test_a_callback_is_resent_and_compared(page: Chromium, served: Sandbox, application: Application) -> None:
    """With a fresh timestamp, edited, and beside the string that the application signs."""
    place(served, destination={"type": "number", "endpoint": "+46711"})
    application.event("ace")
    page.wait_for("fetch('api/requests?q=event:ace').then((r) => r.json()).then((found) => found.count === 1)")
    entry = logged(served, lambda each: each.event == "ace")
    go(page, f"#request={entry.id}")
    page.click(".head .btn.main")
    page.wait_for(f"location.hash !== '#request={entry.id}'")
    waits_for(page, ".facts", "Resent from")
    assert [event["event"] for event in application.events].count("ace") == 2
    page.click(".head .acts > .btn:nth-of-type(1)")
    page.wait_for("document.querySelector('dialog textarea')")
    page.fill("dialog textarea", '{"event": "ace", "callid": "edited"}')
    page.press("Enter", ctrl=True)
    page.wait_for("!document.querySelector('dialog')")
    waits_for(page, ".detail", '"edited"')
    page.click("section[aria-label='String to sign'] .btn")
    page.wait_for("document.querySelector('dialog textarea')")
    page.fill("dialog textarea", "POST\nnonsense")
    page.press("Enter", ctrl=True)
    page.wait_for("document.querySelectorAll('.sts tr.diff').length === 4")


def test_a_conference_is_moderated(page: Chromium, served: Sandbox) -> None:
    """Participants are muted, held and removed, and what happened is listed."""
    served.account.callback_urls.primary = ""
    for number in ("+46711", "+46722"):
        served.phone(number).hangs_up(after=None)
        place(served, "conferenceCallout", conferenceId="standup", destination={"type": "number", "endpoint": number})
    go(page, "#conference=standup")
    page.wait_for("document.querySelectorAll('.roster tbody tr').length === 2")
    page.click(".roster tbody tr:first-child .btn:nth-of-type(1)")
    waits_for(page, ".roster", "Muted")
    page.click(".roster tbody tr:first-child .btn:nth-of-type(2)")
    waits_for(page, ".roster", "On hold")
    page.click(".roster tbody tr:last-child .btn:nth-of-type(3)")
    waits_for(page, ".roster", "Left")
    waits_for(page, ".events", "mute")
    [first, second] = served.calls
    assert (first.seat is not None and first.seat.muted, second.is_final) == (True, True)


def test_numbers_are_scripted(page: Chromium, served: Sandbox) -> None:
    """A person who presses keys; what is wrong stands beside the field; a population sums to 100 %."""
    go(page, "#number=new")
    page.wait_for("document.querySelector('#number-number')")
    page.fill("#number-number", "0701")
    page.click("form.form .btn.main")
    waits_for(page, "form.form", "Use the international form")
    page.fill("#number-number", "+46700000088")
    page.fill("#number-presses", "1 4711#")
    page.fill("#number-says", "Hello?\nWhat is my balance?")
    page.click("form.form .btn.main")
    waits_for(page, ".roster", "presses 1, then 4711#")
    assert served.people.at("+46700000088").keys == ("1", "4711#")
    assert "says “Hello?”, then “What is my balance?”" in page.text(".roster")
    page.fill("#share-answer", "50")
    waits_for(page, "form[aria-label=Population]", "The shares sum to 90 %")
    page.fill("#share-busy", "30")
    page.click("form[aria-label=Population] .btn")
    page.wait_for("document.querySelector('form[aria-label=Population] .pill.ok')")
    assert served.people.population is not None


def test_settings_are_changed_and_the_callback_url_is_tested(
    page: Chromium, served: Sandbox, application: Application
) -> None:
    """What came back is said in words."""
    go(page, "#settings")
    page.wait_for("document.querySelector('#url-primary')?.value.startsWith('http')")
    page.click("form.line .two .btn:nth-child(2)")
    waits_for(page, ".tested", "Answered 200 in")
    page.fill("#url-primary", "http://127.0.0.1:1/voice")
    page.click("form.line .two .btn:nth-child(2)")
    waits_for(page, ".tested", "Nothing listens at 127.0.0.1:1.")
    page.fill("#url-primary", "localhost")
    page.click("form.line .two .btn")
    waits_for(page, "form.line", "Enter an http or https URL")
    assert served.account.callback_urls.primary == "http://127.0.0.1:1/voice"
    page.click("form[aria-label=Account] .switch")
    page.wait_for("document.querySelector('form[aria-label=Account] .switch').ariaChecked === 'true'")
    assert served.account.out_of_credit
    page.click("form[aria-label=Faults] .btn")
    waits_for(page, "form[aria-label=Faults]", "Every request answers 503")


def test_svaml_is_edited_checked_and_tried(page: Chromium, served: Sandbox) -> None:
    """Faults by path, a completion by keyboard, the menus as a picture, and a call that uses the document."""
    served.account.callback_urls.primary = ""
    go(page, "#svaml")
    waits_for(page, ".head", "Valid")
    page.wait_for("document.querySelectorAll('.picture .node').length === 4")
    page.click("#svaml-text")
    page.fill("#svaml-text", '{"instructions": [{"name": "say", "txt": "x"}], "action": {"name": "continue"}}')
    waits_for(page, ".faults", "instructions[0].text is missing")
    waits_for(page, ".faults", "continue is not allowed in ICE")
    assert page.evaluate("document.querySelector('.gutter .error').textContent") == "1"
    page.fill("#svaml-text", '{"action": {"name": "hang')
    page.wait_for("document.querySelector('.choices li')?.innerText.startsWith('hangup')")
    page.press("Enter")
    page.wait_for("document.querySelector('#svaml-text').value.endsWith('\"hangup\"')")
    document = {"instructions": [{"name": "say", "text": "From the bench."}], "action": {"name": "park"}}
    page.fill("#svaml-text", json.dumps(document))
    waits_for(page, ".head", "Valid")
    page.click(".head .btn.main")
    page.wait_for("location.hash.startsWith('#call=')")
    waits_for(page, ".talk-list", "From the bench.")
    [call] = served.calls
    assert call.is_inbound


def test_the_focus_survives_an_update(page: Chromium, served: Sandbox) -> None:
    """A list that grows keeps its nodes: the row that has the focus has it still, and so has the search."""
    served.account.callback_urls.primary = ""
    place(served, destination={"type": "number", "endpoint": "+46711"})
    page.wait_for("document.querySelectorAll('.rows .row').length === 1")
    page.evaluate("{ window.row = document.querySelector('.rows .row'); row.focus() }")
    place(served, destination={"type": "number", "endpoint": "+46722"})
    page.wait_for("document.querySelectorAll('.rows .row').length === 2")
    assert page.evaluate("document.activeElement === row && row.isConnected")
