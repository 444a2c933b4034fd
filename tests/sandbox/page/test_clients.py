"""Clients of others as the inspector shows them: curl, and the vendor's library for Node."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sinch_voice_async.sandbox import Sandbox

from .chromium import Chromium
from .page_helpers import NUMBER, go, waits_for

CURL, NODE = shutil.which("curl"), shutil.which("node")
MODULES = os.environ.get("SINCH_NODE_MODULES", "")
PROGRAM = Path(__file__).parents[1] / "vendors" / "every_operation.js"
CALLOUT = '{"method":"ttsCallout","ttsCallout":{"text":"Hello","destination":{"type":"number","endpoint":"+46711"}}}'


def curl(sandbox: Sandbox, *arguments: str, user: str | None = None) -> str:
    """Run curl as a person would, and return what it printed."""
    account = sandbox.account
    given = ["-u", user or f"{account.application_key}:{account.application_secret}"]
    run = subprocess.run(
        [str(CURL), "-sS", "--noproxy", "*", *given, *arguments], capture_output=True, timeout=300, check=True
    )
    return run.stdout.decode()


@pytest.mark.skipif(CURL is None, reason="no curl on this machine")
def test_a_session_with_curl(page: Chromium, served: Sandbox) -> None:
    """A callout, a wrong secret, broken JSON: each is one row, and each says what was wrong."""
    url, json = f"{served.url}/calling/v1/callouts", ("-H", "Content-Type: application/json")
    assert "callId" in curl(served, *json, "-d", CALLOUT, url)
    assert "401" in curl(served, *json, "-d", CALLOUT, url, user=f"{served.account.application_key}:d3Jvbmc=")
    assert "400" in curl(served, *json, "-d", '{"method": ', url)
    go(page, "#requests?q=curl")
    page.wait_for("document.querySelectorAll('.rows .row').length === 3")
    assert page.evaluate("[...document.querySelectorAll('.rows .row .right')].map((each) => each.innerText)") == [
        "400",
        "401",
        "200",
    ]
    right, wrong, broken = [entry.id for entry in served.exchange.log if entry.direction == "api"]
    go(page, f"#request={right}")
    waits_for(page, ".verdict", "The credentials are right.")
    waits_for(page, ".facts", "curl/")
    assert served.account.application_secret not in page.text(".detail")
    go(page, f"#request={wrong}")
    waits_for(page, ".verdict", "The key or the secret is not the sandbox's.")
    go(page, f"#request={broken}")
    waits_for(page, ".head", "400")


@pytest.mark.skipif(
    NODE is None or not (Path(MODULES) / "@sinch" / "voice").is_dir(),
    reason="the vendor's library is not installed: `nox -s vendors` brings it",
)
def test_every_operation_of_the_vendors_library_for_node(page: Chromium, served: Sandbox) -> None:
    """Each request is there with a valid signature, and the library with its version; an unknown call is a 404."""
    served.clock.speed = 0
    served.phone(NUMBER).answers(after=0)
    account = served.account
    subprocess.run(
        [str(NODE), str(PROGRAM), served.url, account.application_key, account.application_secret],
        env={**os.environ, "NODE_PATH": MODULES},
        capture_output=True,
        timeout=300,
        check=True,
    )
    entries = [entry for entry in served.exchange.log if entry.direction == "api"]
    assert len(entries) > 20
    failed = [entry for entry in entries if entry.failed]
    go(page, "#requests?q=direction:api")
    page.wait_for(f"document.querySelector('.foot').innerText.startsWith('{len(entries)} of {len(entries)}')")
    for entry in entries:
        go(page, f"#request={entry.id}")
        page.wait_for(f"document.querySelector('article.detail h1')?.innerText === '{entry.method} {entry.path}'")
        waits_for(page, ".facts", "sinch-sdk/")
        waits_for(page, ".detail", "404" if entry in failed else "The signature is valid.")
    assert [entry.status for entry in failed] == [404]
    page.complaints[:] = [each for each in page.complaints if not each.startswith("Failed to load resource")]
