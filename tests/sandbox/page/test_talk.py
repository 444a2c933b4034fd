"""The page's telephone talks on a media stream, in a real browser with a fake microphone that beeps."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from sinch_voice_async.sandbox import Call, Sandbox, StreamRules
from sinch_voice_async.testing import serve_app
from tests.sandbox.independent_server import Independent

from .application import Application
from .chromium import Chromium, chromium_program
from .page_helpers import waits_for

PHONE = "#phone-rail"
RULES = StreamRules(answer_within=300.0)
TALKS = f"document.querySelector('{PHONE} .talk')?.dataset.talks === 'true'"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A browser whose microphone beeps each second, and that grants it without a question."""
    program = chromium_program()
    if program is None:  # pragma: no cover  # where the tests are measured there is one
        pytest.skip("no Chromium on this machine: `apt install chromium`, or any Chrome, runs the tests of the page")
    flags = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    with Chromium(program, tmp_path_factory.mktemp("profile"), *flags) as chromium:
        yield chromium


@contextmanager
def connected(browser: Chromium, server: Independent, rate: int = 16_000) -> Iterator[tuple[Sandbox, Call]]:
    """A call of the page's phone to an application that connects it to a server."""
    application = Application({})
    with (
        serve_app(server.app) as voice,
        application.served() as url,
        Sandbox(callback_url=url, streams=RULES).serve() as sandbox,
    ):
        application.answers["ice"] = _stream_to(voice, rate)
        browser.complaints.clear()
        browser.open(f"{sandbox.url}/_sandbox/#calls")
        browser.wait_for(f"document.querySelector('{PHONE}')?.dataset.state === 'idle'")
        browser.click(f"{PHONE} > .btn")
        waits_for(browser, f"{PHONE} .talk button", "Talk")
        [call] = sandbox.calls
        yield sandbox, call
        browser.open("about:blank")
        assert browser.complaints == []


def _stream_to(voice: str, rate: int) -> dict[str, Any]:
    endpoint = voice.replace("http", "ws").rstrip("/") + "/voice"
    destination = {"type": "Websocket", "endpoint": endpoint}
    return {
        "action": {
            "name": "connectStream",
            "destination": destination,
            "streamingOptions": {"version": 1, "sampleRate": rate},
        }
    }


def talk(browser: Chromium) -> None:
    """Click on Talk, and wait until both directions are open."""
    browser.click(f"{PHONE} .talk button")
    browser.wait_for(TALKS)


def loudest(frames: list[bytes]) -> int:
    """Return the height of the loudest sample."""
    pcm = b"".join(frames)
    return max(map(abs, struct.unpack(f"<{len(pcm) // 2}h", pcm)), default=0)


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000])
def test_the_microphone_reaches_the_server_and_the_server_the_loudspeaker(browser: Chromium, rate: int) -> None:
    """The beep of the fake microphone goes to the server as PCM, its echo comes back, and both levels show it."""
    server = Independent("echo")
    with connected(browser, server, rate) as (_sandbox, call):
        assert loudest(list(server.frames)) == 0
        talk(browser)
        for name in ("said", "heard"):
            browser.wait_for(f"document.querySelector('{PHONE} meter.{name}').value > 0.05")
        assert loudest(list(server.frames)) > 1_000
        assert server.connect["sampleRate"] == rate
        browser.evaluate(f"{{ location.hash = '#call={call.call_id}' }}")
        # Both directions stand in the call, and grow while it is looked at.
        browser.wait_for("document.querySelectorAll('.lanes .levels path').length === 2")
        before = browser.evaluate("document.querySelector('.levels').viewBox.baseVal.width")
        browser.wait_for(f"document.querySelector('.levels').viewBox.baseVal.width > {before}")
        browser.click(f"{PHONE} .talk button")
        waits_for(browser, f"{PHONE} .talk button", "Talk")
        assert not call.is_final


def test_sound_of_the_server_reaches_the_level_of_the_loudspeaker(browser: Chromium) -> None:
    """The person says nothing. The end of the call ends the talk and closes the microphone."""
    script = (
        "{ window.opened = []; const devices = navigator.mediaDevices; const get = devices.getUserMedia.bind(devices);"
        " devices.getUserMedia = async (what) => { const found = await get(what);"
        " for (const track of found.getTracks()) track.enabled = false; opened.push(found); return found; } }"
    )
    with connected(browser, Independent("speech", seconds=30)) as (_sandbox, call):
        browser.evaluate(script)
        talk(browser)
        browser.wait_for(f"document.querySelector('{PHONE} meter.heard').value > 0.2")
        assert browser.evaluate(f"document.querySelector('{PHONE} meter.said').value") == 0
        call.put_down()
        browser.wait_for(f"!document.querySelector('{PHONE} .talk')")
        browser.wait_for("opened[0].getTracks().every((track) => track.readyState === 'ended')")


def test_a_second_page_that_talks_is_refused_in_words(browser: Chromium) -> None:
    """The first goes on."""
    with connected(browser, Independent("echo")) as (sandbox, call):
        with sandbox.streams.talk(call.call_id):
            browser.click(f"{PHONE} .talk button")
            waits_for(browser, f"{PHONE} .talk", "Another page talks on this call.")
        talk(browser)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("Object.defineProperty(navigator, 'mediaDevices', {value: undefined})", "on https or localhost only"),
        (
            "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'))",
            "does not allow this page to use the microphone",
        ),
        (
            "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotFoundError'))",
            "No microphone was found",
        ),
    ],
)
def test_a_microphone_that_does_not_open_is_explained(browser: Chromium, script: str, words: str) -> None:
    """In words, beside the button, which may be tried again."""
    with connected(browser, Independent("quiet")):
        browser.evaluate(f"{{ {script} }}")
        browser.click(f"{PHONE} .talk button")
        waits_for(browser, f"{PHONE} .talk", words)
        assert browser.text(f"{PHONE} .talk button") == "Talk"
