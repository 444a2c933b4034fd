"""Make the pictures of the documents: a recording of the quickstart as SVG, and the sandbox page as PNG.

``python docs/pictures.py`` makes both; ``terminal`` or ``page`` makes one, and ``states FOLDER`` makes pictures
of each view. The page needs chromium; POSIX only.
"""

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Generator
from contextlib import contextmanager
from html import escape
from pathlib import Path

import anyio
from rich.console import Console
from rich.style import Style
from rich.text import Text

from sinch_voice_async import VoiceClient, svaml
from sinch_voice_async.sandbox import HangUp, Sandbox, Tone, Wait
from sinch_voice_async.testing import serve_app

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

# From the clone, not installed.
from tests.sandbox.independent_server import Independent  # noqa: E402
from tests.sandbox.page.application import Application  # noqa: E402
from tests.sandbox.page.chromium import Chromium, chromium_program  # noqa: E402
from tests.sandbox.page.page_helpers import place, signed_wrongly  # noqa: E402

STATIC = ROOT / "docs" / "_static"
COLUMNS, CHARACTER, LINE, EDGE = 80, 8.4, 19, 16
CONSOLE = Console(width=COLUMNS, color_system="truecolor", force_terminal=True)
COLOURS = {1: "#ff7b72", 2: "#7ee787", 3: "#d29922", 4: "#79c0ff", 6: "#79c0ff"}  # by ANSI number
HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" role="img" aria-label="{label}">
<style>
  text {{ font: 14px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #e6edf3; white-space: pre; }}
  g {{ visibility: hidden; animation: show 1ms linear forwards; }}
  @keyframes show {{ to {{ visibility: visible; }} }}
  @media (prefers-reduced-motion: reduce) {{ g {{ visibility: visible; animation: none; }} }}
</style>
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
"""


def recorded(command: list[str]) -> list[tuple[float, str]]:
    """Run a command in a terminal of 80 columns; return its lines, and the second at which each began."""
    above, below = pty.openpty()
    fcntl.ioctl(below, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
    with subprocess.Popen(command, stdout=below, stderr=below, cwd=ROOT, env=environment) as process:
        os.close(below)
        start, lines, rest = time.monotonic(), [], b""
        while True:
            try:
                chunk = os.read(above, 65536)
            except OSError:  # Linux says so at the end of a pseudo terminal
                break
            *whole, rest = (rest + chunk).split(b"\n")
            lines += [(time.monotonic() - start, line.decode().rstrip("\r")) for line in whole]
    os.close(above)
    if process.returncode:
        sys.exit(f"{command} failed with exit code {process.returncode}")
    return lines


def drawn(typed: str, lines: list[tuple[float, str]]) -> str:
    """Return an SVG in which each line appears when it appeared in the terminal."""
    shown = [(0.0, Text.from_ansi(f"\x1b[1;32m$\x1b[0m {typed}")), *((at, Text.from_ansi(line)) for at, line in lines)]
    width, height = COLUMNS * CHARACTER + 2 * EDGE, len(shown) * LINE + 2 * EDGE
    parts = [HEAD.format(width=width, height=height, label=escape(typed, quote=True))]
    for row, (at, text) in enumerate(shown):
        spans = "".join(_span(segment.text, segment.style or Style()) for segment in text.render(CONSOLE, end=""))
        y = EDGE + row * LINE + 14
        parts.append(f'<g style="animation-delay:{at:.2f}s"><text x="{EDGE}" y="{y}">{spans}</text></g>\n')
    return "".join([*parts, "</svg>\n"])


def _span(text: str, style: Style) -> str:
    look = "font-weight:bold;" if style.bold else ""
    if style.dim:
        look += "opacity:0.6;"
    if style.color is not None and style.color.number is not None:
        look += f"fill:{COLOURS.get(style.color.number % 8, '#e6edf3')};"
    return f'<tspan style="{look}">{escape(text)}</tspan>' if look else escape(text)


def make_terminal() -> None:
    """Record the quickstart."""
    lines = recorded([sys.executable, "examples/quickstart.py"])
    (STATIC / "quickstart.svg").write_text(drawn("python -m nox -s quickstart", lines), encoding="utf-8")


NUMBER, BUSY, CALLER, STREAM = "+46701740631", "+46700000003", "+46702219014", "+46700000009"
CLI = "+46105551200"
HELLO = "#tts[Hello Anna. This is Nordvik Dental. You have an appointment on Monday at 10:30. Press 1 to confirm.]"
OPTIONS = [{"dtmf": "1", "action": "return(confirmed)"}, {"dtmf": "2", "action": "return(change)"}]
MENUS = [{"id": "main", "mainPrompt": HELLO, "options": OPTIONS}]
ANSWERS = {
    "ice": {"action": {"name": "hangup"}},
    "ace": {
        "instructions": [{"name": "startRecording", "options": {}}],
        "action": {
            "name": "runMenu",
            "locale": "en-GB",
            "menus": [{"id": "main", "mainPrompt": HELLO, "options": OPTIONS}],
        },
    },
    "pie": {
        "instructions": [{"name": "say", "text": "Thank you. See you on Monday.", "locale": "en-GB"}],
        "action": {"name": "hangup"},
    },
}
SIZES = {"wide": (1280, 800), "narrow": (390, 800)}
RINGS = "document.querySelector('.phone').dataset.state === 'ringing'"
IDLE = "document.querySelector('.phone').dataset.state === 'idle'"


def make_page() -> None:
    """Take the picture of the README: calls on the page while the test phone rings, light and dark."""
    with _page() as (browser, url, views):
        for name, dark in (("sandbox-page", False), ("sandbox-page-dark", True)):
            _open(browser, url + views["call"], dark=dark, size="wide")
            (STATIC / f"{name}.png").write_bytes(browser.picture())


def make_states(folder: Path) -> None:
    """Take pictures of each view, light and dark, wide and narrow, to look at before a release."""
    folder.mkdir(parents=True, exist_ok=True)
    with _page() as (browser, url, views):
        for name, address in views.items():
            for dark in (False, True):
                for size in SIZES:
                    _open(browser, url + address, dark=dark, size=size)
                    if name == "new-call":
                        browser.press("n")
                        browser.wait_for("document.querySelector('dialog')?.open")
                    path = folder / f"{name}-{size}-{'dark' if dark else 'light'}.png"
                    path.write_bytes(browser.picture())


@contextmanager
def _page() -> Generator[tuple[Chromium, str, dict[str, str]], None, None]:
    """Serve a sandbox in which much has happened; give a browser, the page's address, and the views by name."""
    program = chromium_program()
    if program is None:
        sys.exit("chromium is needed for the picture of the page")
    application = Application(dict(ANSWERS))
    with (
        serve_app(Independent("echo").app) as voice,
        application.served() as callbacks,
        Sandbox(speed=20, callback_url=callbacks).serve() as sandbox,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        Chromium(program, Path(profile)) as browser,
    ):
        views = anyio.run(_happens, sandbox, application, voice)
        sandbox.clock.speed = 1
        _open(browser, f"{sandbox.url}/_sandbox/#calls", dark=False, size="wide", phone=IDLE)
        place(sandbox, "customCallout", ice=_to("+46700000001"), ace=None)
        browser.wait_for(RINGS)
        # It rings until the last picture is taken.
        sandbox.clock.speed = 0
        yield browser, f"{sandbox.url}/_sandbox/", views


def _to(number: str) -> str:
    return json.dumps({"action": {"name": "connectPstn", "number": number, "cli": CLI}})


async def _happens(sandbox: Sandbox, application: Application, voice: str) -> dict[str, str]:
    """Place calls of each kind; return the address of each view that is worth a picture."""
    sandbox.phone(NUMBER).answers(after=3.2).presses("1").hangs_up(after=60)
    sandbox.phone(BUSY).is_busy()
    for number in ("+46701740605", "+442079460018"):
        sandbox.phone(number).hangs_up(after=None)
    sandbox.phone(STREAM).says(Tone(300, 1.0), Wait.until_silence(), Tone(440, 1.5), Wait(1.0), HangUp())
    refused = signed_wrongly(sandbox)
    async with VoiceClient(**sandbox.client_options()) as client:
        for number in ("+46701740663", "+14155550132", BUSY):
            await client.callouts.tts(number, "Your PIN code is 1 2 3 4.", cli=CLI)
        url = f"{voice.replace('http', 'ws').rstrip('/')}/voice"
        application.answers["ice"] = json.loads(svaml.dumps(svaml.Svaml(action=svaml.ConnectStream(url))))
        stream = await sandbox.dial_in(STREAM, CLI)
        await stream.until_final(timeout=30)
        application.answers["ice"] = ANSWERS["ice"]
        for number in ("+46701740605", "+442079460018"):
            seat = await client.callouts.conference(number, "standup", cli=CLI)
        await client.conferences.mute("standup", seat.call_id)
        right, sandbox.account.callback_urls.primary = sandbox.account.callback_urls.primary, "http://127.0.0.1:9/voice"
        failed = await sandbox.dial_in(CALLER, CLI)
        await failed.until_final(timeout=30)
        sandbox.account.callback_urls.primary = right
        ace = {"enable_ace": True, "enable_dice": True, "enable_pie": True}
        call = await client.callouts.tts(NUMBER, "Hello.", cli=CLI, custom="booking=8112", **ace)
        await sandbox.calls[call.call_id].until_final(timeout=30)
    callback = next(entry for entry in sandbox.exchange.log if entry.direction == "callback" and entry.failed)
    return {
        "call": f"#call={call.call_id}",
        "stream": f"#call={stream.call_id}",
        "refused": f"#request={refused}",
        "callback": f"#request={callback.id}",
        "conference": "#conference=standup",
        "new-call": "#calls",
        **{name: f"#{name}" for name in ("requests", "numbers", "svaml", "settings", "welcome", "phone")},
    }


def _open(browser: Chromium, url: str, *, dark: bool, size: str, phone: str = RINGS) -> None:
    width, height = SIZES[size]
    browser.appear(dark=dark, width=width, height=height)
    browser.open("about:blank")
    browser.open(url)
    browser.wait_for("document.getElementById('live')?.textContent === 'Live'")
    browser.wait_for("document.querySelector('main h1') && !document.body.innerText.includes('Loading')")
    browser.wait_for("!document.querySelector('.wave') || document.querySelector('.wave i')")
    browser.wait_for(phone)


if __name__ == "__main__":
    chosen = sys.argv[1:] or ["terminal", "page"]
    if chosen[0] == "states":
        make_states(Path(chosen[1]))
    if "terminal" in chosen:
        make_terminal()
    if "page" in chosen:
        make_page()
