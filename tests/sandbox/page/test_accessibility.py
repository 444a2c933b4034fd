"""The page under axe: WCAG 2.0 to 2.2, A and AA, on every view, light and dark, wide and narrow."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sinch_voice_async.sandbox import Sandbox

from .application import Application
from .chromium import Chromium
from .page_helpers import NUMBER, go, logged, place, send

AXE = Path(os.environ.get("SINCH_NODE_MODULES", "")) / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RUN = f"axe.run(document, {{runOnly: {json.dumps(TAGS)}}}).then((found) => found.violations)"
SIZES = [(dark, width) for width in (390, 760, 1280, 1920) for dark in (False, True)]

if not AXE.is_file():
    pytest.skip(
        "axe-core is not installed: `npm install axe-core@4`, and SINCH_NODE_MODULES names its node_modules",
        allow_module_level=True,
    )


@pytest.fixture
def lively(page: Chromium, served: Sandbox, application: Application) -> Iterator[dict[str, str]]:
    """A sandbox with calls in each state, a conference, a refused request; the address of each view."""
    served.clock.speed = 20
    served.phone("+46711").is_busy()
    served.phone("+46722").presses("1")
    busy = place(served, destination={"type": "number", "endpoint": "+46711"})
    call = place(served, destination={"type": "number", "endpoint": "+46722"})
    application.event("pie")
    place(served, "conferenceCallout", conferenceId="standup", destination={"type": "number", "endpoint": "+46733"})
    send(served, text="x" * 700)
    busy.until_final_sync(300)
    served.clock.speed = 1
    refused = logged(served, lambda entry: entry.status == 400)
    callback = logged(served, lambda entry: entry.event == "ace")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    yield {
        "calls": "#calls",
        "busy": f"#call={busy.call_id}",
        "transcript": f"#call={call.call_id}",
        "events": f"#call={call.call_id}&tab=events",
        "svaml of a call": f"#call={call.call_id}&tab=svaml",
        "request of a call": f"#call={call.call_id}&tab=request",
        "requests": "#requests",
        "refused": f"#request={refused.id}",
        "callback": f"#request={callback.id}",
        "conferences": "#conferences",
        "conference": "#conference=waiting%20room",
        "numbers": "#numbers",
        "number": "#number=new",
        "svaml": "#svaml",
        "settings": "#settings",
        "welcome": "#welcome",
        "phone": "#phone",
        "more": "#more",
    }
    page.appear()


def violations(page: Chromium) -> list[tuple[str, Any]]:
    """Return what axe finds on the page as it is now."""
    return [(each["id"], [node["html"][:160] for node in each["nodes"][:3]]) for each in page.evaluate(RUN)]


@pytest.mark.parametrize(("dark", "width"), SIZES)
def test_every_view(page: Chromium, lively: dict[str, str], dark: bool, width: int) -> None:
    """No violation, and nothing wider than the screen."""
    page.appear(dark=dark, width=width)
    found = {}
    for name, address in lively.items():
        go(page, address)
        page.wait_for(
            "document.querySelector('main h1') && !document.querySelector('main').innerText.includes('Loading…')"
        )
        if wrong := violations(page):
            found[name] = wrong
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found[f"{name}, width"] = [("overflow", width)]
    assert found == {}


@pytest.mark.parametrize(("dark", "width"), SIZES)
def test_dialogs_and_a_phone_that_rings(
    page: Chromium, served: Sandbox, lively: dict[str, str], dark: bool, width: int
) -> None:
    """The form of a new call with a mistake, help, and the phone while it rings."""
    page.appear(dark=dark, width=width)
    go(page, "#calls")
    page.evaluate("document.activeElement.blur()")
    page.press("n")
    page.wait_for("document.querySelector('dialog')?.open")
    page.fill("#new-to", "0701")
    page.wait_for("document.querySelector('#new-to').ariaInvalid === 'true'")
    assert violations(page) == []
    page.press("Escape")
    page.wait_for("!document.querySelector('dialog')")
    page.press("?")
    page.wait_for("document.querySelector('dialog')?.open")
    assert violations(page) == []
    page.press("Escape")
    page.wait_for("!document.querySelector('dialog')")
    place(served, destination={"type": "number", "endpoint": NUMBER})
    page.wait_for("document.querySelector('.phone').dataset.state === 'ringing'")
    assert violations(page) == []
