"""What the tests of the page share: callouts, and what its parts are called."""

import json
from typing import Any

import httpx

from sinch_voice_async.sandbox import Call, Sandbox

from .chromium import Chromium

__all__ = ["CANARY", "NUMBER", "go", "place", "send", "waits_for"]

NUMBER = "+46700000001"
CANARY = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>\"'>"


def send(sandbox: Sandbox, kind: str = "ttsCallout", **members: object) -> httpx.Response:
    """Send a callout to the page's phone."""
    callout: dict[str, Any] = {
        "destination": {"type": "number", "endpoint": NUMBER},
        "cli": "+46700000000",
        "text": "Hello!",
        "enableAce": True,
        "enableDice": True,
        "enablePie": True,
        **members,
    }
    account = sandbox.account
    return httpx.post(
        f"{sandbox.url}/calling/v1/callouts",
        json={"method": kind, kind: callout},
        auth=(account.application_key, account.application_secret),
        verify=False,
        trust_env=False,
    )


def place(sandbox: Sandbox, kind: str = "ttsCallout", **members: object) -> Call:
    """Place a callout and return the call."""
    return sandbox.calls[send(sandbox, kind, **members).json()["callId"]]


def go(page: Chromium, hash_: str) -> None:
    """Go to a view of the page."""
    page.evaluate(f"{{ location.hash = {json.dumps(hash_)} }}")


def waits_for(page: Chromium, selector: str, text: str) -> None:
    """Wait until an element shows a text."""
    page.wait_for(f"document.querySelector({json.dumps(selector)})?.innerText.includes({json.dumps(text)})")
