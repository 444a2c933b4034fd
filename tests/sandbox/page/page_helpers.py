"""What the tests of the page share: callouts, and what its parts are called."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx

from sinch_voice_async.sandbox import Call, Sandbox
from sinch_voice_async.sandbox.request_log import LoggedRequest

from .chromium import Chromium

__all__ = ["CANARY", "NUMBER", "go", "go_by_keys", "logged", "place", "send", "signed_wrongly", "waits_for"]

NUMBER = "+46700000001"
PATH = "/calling/v1/callouts"
BODY = {"method": "ttsCallout", "ttsCallout": {"text": "Hi", "destination": {"type": "number", "endpoint": "+46711"}}}
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


def go_by_keys(page: Chromium) -> None:
    """Go to the requests by the keys g and r, which are one command only if they come within a second."""
    while page.evaluate("location.hash") != "#requests":
        page.press("g")
        page.press("r")


def waits_for(page: Chromium, selector: str, text: str) -> None:
    """Wait until an element shows a text."""
    page.wait_for(f"document.querySelector({json.dumps(selector)})?.innerText.includes({json.dumps(text)})")


def signed_wrongly(sandbox: Sandbox) -> str:
    """Send a callout whose JSON was written again after it was signed; return the id of the request."""
    sent, signed = json.dumps(BODY, separators=(",", ":")).encode(), json.dumps(BODY).encode()
    stamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    digest = base64.b64encode(hashlib.md5(signed, usedforsecurity=False).digest()).decode()
    text = "\n".join(("POST", digest, "application/json", f"x-timestamp:{stamp}", PATH))
    secret = base64.b64decode(sandbox.account.application_secret)
    signature = base64.b64encode(hmac.digest(secret, text.encode(), "sha256")).decode()
    headers = {
        "content-type": "application/json",
        "x-timestamp": stamp,
        "authorization": f"Application {sandbox.account.application_key}:{signature}",
    }
    httpx.post(f"{sandbox.url}{PATH}", content=sent, headers=headers, trust_env=False, verify=False)
    return logged(sandbox, lambda entry: entry.status == 401).id


def logged(sandbox: Sandbox, holds: Callable[[LoggedRequest], object]) -> LoggedRequest:
    """Return the first request for which something holds; it is logged when its answer has gone out, not before."""
    deadline = time.monotonic() + 300
    while not (found := [entry for entry in sandbox.exchange.log if holds(entry)]):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found[0]
