"""Make the pictures of the documents: a recording of the quickstart as SVG, and the sandbox page as PNG.

``python docs/pictures.py`` makes both; ``terminal`` or ``page`` makes one, and ``states FOLDER`` makes pictures
of each view. The page needs chromium; POSIX only.
"""

import fcntl
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
from sinch_voice_async.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.sandbox.page.chromium import Chromium, chromium_program  # noqa: E402  # from the clone, not installed

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


async def _calls(sandbox: Sandbox) -> str:
    """Place the calls that the page shows: to a busy line, and with a menu; return the id of the second."""
    sandbox.phone("+46701740631").answers(after=2).presses("1").hangs_up(after=60)
    sandbox.phone("+46700000003").is_busy()
    menu = svaml.Menu(
        "main",
        main_prompt=svaml.tts("You have an appointment tomorrow at nine. Press 1 to confirm."),
        options=[svaml.MenuOption("1", svaml.return_("confirmed"))],
    )
    async with VoiceClient(**sandbox.client_options()) as client:
        for number in ("+46701740605", "+46701740614", "+46701740622"):
            await client.callouts.tts(number, "Thank you. See you on Monday.", cli="+46105551200")
        await client.callouts.tts("+46700000003", "Hello!", cli="+46105551200")
        receipt = await client.callouts.custom(
            ice=svaml.Svaml(action=svaml.ConnectPstn("+46701740631", cli="+46105551200")),
            ace=svaml.Svaml(action=svaml.RunMenu([menu], locale="en-GB")),
            pie=svaml.Svaml(instructions=[svaml.Say("Thank you. See you then.")], action=svaml.Hangup()),
        )
        await sandbox.calls[receipt.call_id].until_final(timeout=30)
    return receipt.call_id


SIZES = {"wide": (1280, 800), "narrow": (390, 800)}


def make_page() -> None:
    """Take the picture of the README: a call on the page, light and dark."""
    with _page() as (browser, url, call_id):
        for name, dark in (("sandbox-page", False), ("sandbox-page-dark", True)):
            _open(browser, f"{url}#call={call_id}", dark=dark, size="wide")
            (STATIC / f"{name}.png").write_bytes(browser.picture())


def make_states(folder: Path) -> None:
    """Take pictures of each view, light and dark, wide and narrow, to look at before a release."""
    folder.mkdir(parents=True, exist_ok=True)
    with _page() as (browser, url, call_id):
        views = {name: f"#{name}" for name in ("requests", "conferences", "numbers", "svaml", "settings", "welcome")}
        for name, address in {"call": f"#call={call_id}", **views}.items():
            for dark in (False, True):
                for size in SIZES:
                    _open(browser, url + address, dark=dark, size=size)
                    path = folder / f"{name}-{size}-{'dark' if dark else 'light'}.png"
                    path.write_bytes(browser.picture())


@contextmanager
def _page() -> Generator[tuple[Chromium, str, str], None, None]:
    """Serve a sandbox with a few calls, and give a browser, the address of the page, and the id of a call."""
    program = chromium_program()
    if program is None:
        sys.exit("chromium is needed for the picture of the page")
    with (
        Sandbox(speed=20).serve() as sandbox,
        tempfile.TemporaryDirectory() as profile,
        Chromium(program, Path(profile)) as browser,
    ):
        yield browser, f"{sandbox.url}/_sandbox/", anyio.run(_calls, sandbox)


def _open(browser: Chromium, url: str, *, dark: bool, size: str) -> None:
    width, height = SIZES[size]
    browser.appear(dark=dark, width=width, height=height)
    browser.open("about:blank")
    browser.open(url)
    browser.wait_for("document.getElementById('live')?.textContent === 'Live'")
    browser.wait_for("document.querySelector('main h1') && !document.body.innerText.includes('Loading')")
    browser.wait_for("document.querySelector('.phone').dataset.state === 'idle'")


if __name__ == "__main__":
    chosen = sys.argv[1:] or ["terminal", "page"]
    if chosen[0] == "states":
        make_states(Path(chosen[1]))
    if "terminal" in chosen:
        make_terminal()
    if "page" in chosen:
        make_page()
