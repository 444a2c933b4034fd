"""A browser for the whole folder, and the page of a served sandbox in it."""

from collections.abc import Iterator

import pytest

from sinch_voice_async.sandbox import Sandbox

from .application import Application
from .chromium import Chromium, chromium_program

MENU = {
    "action": {
        "name": "runMenu",
        "barge": True,
        "menus": [
            {
                "id": "main",
                "mainPrompt": "#tts[Press 1 to confirm your appointment.]",
                "options": [{"dtmf": "1", "action": "return(confirmed)"}],
                "timeoutMills": 60_000,
            }
        ],
    }
}
THANKS = {
    "instructions": [{"name": "say", "text": "Thank you. <b>Goodbye</b>.", "locale": "en-GB"}],
    "action": {"name": "connectConf", "conferenceId": "waiting room"},
}


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """Start a browser once; a fresh machine may have none."""
    program = chromium_program()
    if program is None:  # pragma: no cover  # where the tests are measured there is one
        pytest.skip("no Chromium on this machine: `apt install chromium`, or any Chrome, runs the tests of the page")
    with Chromium(program, tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def application() -> Application:
    """An application that offers a menu to whoever answers or calls, and thanks for the key."""
    return Application({"ice": MENU, "ace": MENU, "pie": THANKS})


@pytest.fixture
def served(application: Application) -> Iterator[Sandbox]:
    """A sandbox that tells the application."""
    with application.served() as url, Sandbox(callback_url=url).serve() as sandbox:
        yield sandbox


@pytest.fixture
def page(chromium: Chromium, served: Sandbox) -> Iterator[Chromium]:
    """The sandbox's page, which may do anything but complain."""
    chromium.complaints.clear()
    chromium.appear()
    chromium.open(f"{served.url}/_sandbox/#calls")
    chromium.wait_for("document.getElementById('live')?.textContent === 'Live'")
    chromium.wait_for("document.querySelector('.phone')?.dataset.state === 'idle'")
    yield chromium
    # A test that failed may have left tabs, whose complaints would be the next test's.
    chromium.close_tabs()
    chromium.open("about:blank")
    assert chromium.complaints == []
