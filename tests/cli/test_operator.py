"""An operator and a spreadsheet of twenty quirks: preview, Ctrl-C, a changed file, a kill, an opt-out, a report."""

import contextlib
import csv
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import define, field

from sinch_voice_async.dialer import OptOutList
from sinch_voice_async.sandbox import Sandbox

from .conftest import CLI, KEY, SECRET
from .test_dial import rung

PATIENCE = 300.0
ASKED, LATER, GONE, NEW, MENDED = "+46701000030", "+46701000031", "+46701000032", "+46701000040", "+46701000041"
# UTF-16 with tabs, as "Unicode text" of a spreadsheet, with a line that names the delimiter and columns without names.
QUIRKS = [
    "sep=\t",
    "Namn\tMobil\tHem\tOrt\t\t",
    "Ann\t+46 70 100 00 01\t\tUmeå\t\t",
    "Bo\t070-100 00 02\t\tUmeå\t\t",
    "Cy\t0046701000003\t\tUmeå\t\t",
    "Di\t+46 (0)70 100 00 04\t\tUmeå\t\t",
    "Ed\t'+46701000005\t\tUmeå\t\t",
    "Fi\t70 100 00 06\t\tUmeå\t\t",
    "Gi\t\u00a0+46\u201170\u2011100\u00a000\u00a007\u00a0\t\tUmeå\t\t",
    'Hå\t+46701000008\t"+46 8 123 456 78"\t"Umeå, norr"\t\t',
    "\t\t\t\t\t",
    "Iö\t46701000009.0\t\tUmeå\t\t",
    "Jo\t4.6701E+10\t\tUmeå\t\t",
    "Ka\t070-100 00 11 ankn. 5\t\tUmeå\t\t",
    "Li\t070-100 00 12 / 070-100 00 13\t\tUmeå\t\t",
    "Mi\t2026-11-27\t\tUmeå\t\t",
    "Ni\t20261127\t\tUmeå\t\t",
    "Ol\t\u202a+46701000016\u202c\t\tUmeå\t\t",
    "Pi\t0900-123 45 67\t\tUmeå\t\t",
    "Qi\t112\t\tUmeå\t\t",
    "Ro\t#N/A\t\tUmeå\t\t",
    "Si\tsaknas\t\tUmeå\t\t",
    "Ty\t+460701000022\t\tUmeå\t\t",
    "Ann\t+46701000001\t\tUmeå\t\t",
    "\t+46701000024\t\tUmeå\t\t",
    '=CMD()\t+46701000025\t\t"Ume\u00e5"\t\t',
    f"Up\t{ASKED}\t\tUmeå\t\t",
    f"Va\t{LATER}\t\tUmeå\t\t",
    f"Wi\t{GONE}\t\tUmeå\t\t",
    "Xi\t+46701000033\t\tUmeå\t\t",
    "Yo\t+46701000034\t\tUmeå\t\t",
]
SOUND = {f"+4670100000{last}" for last in range(1, 9)} | {"+46701000025", "+46701000033", "+46701000034"}


def write(rows: list[str]) -> None:
    """Save the spreadsheet."""
    Path("kunder.txt").write_text("\r\n".join(rows), "utf-16")


@define
class Terminal:
    """A terminal of 80 columns in which an operator types commands; ``shown`` is everything that stood there."""

    environment: dict[str, str]
    shown: str = ""
    _process: "subprocess.Popen[bytes] | None" = None
    _end: int = -1
    _seen: str = field(default="")

    def start(self, *words: str) -> None:
        """Begin a command."""
        self._end, other = pty.openpty()
        self.shown += f"\n$ sinch-voice {' '.join(words)}\n"
        self._seen = ""
        command = [sys.executable, "-m", "sinch_voice_async", *words]
        self._process = subprocess.Popen(
            command, stdin=other, stdout=other, stderr=other, env=self.environment, start_new_session=True
        )
        os.close(other)

    def wait_for(self, happened: Callable[[], bool]) -> None:
        """Read what is shown until something has happened."""
        end = time.monotonic() + PATIENCE
        while not happened():
            assert time.monotonic() < end, self._seen
            self._read()

    def type(self, text: str, after: str) -> None:
        """Answer a question."""
        self.wait_for(lambda: after in self._seen)
        os.write(self._end, text.encode())

    def send(self, number: int) -> None:
        """Send the process a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def finish(self) -> int:
        """Read to the end, and return the exit code."""
        process = self._process
        assert process is not None
        self.wait_for(lambda: process.poll() is not None)
        self._read()
        os.close(self._end)
        self.shown += self._seen
        return process.returncode

    def _read(self) -> None:
        while select.select([self._end], [], [], 0.02)[0]:
            try:
                piece = os.read(self._end, 65_536)
            except OSError:
                return  # Linux says so when the process has ended
            if not piece:  # pragma: no cover  # as macOS says it
                return
            self._seen += piece.decode("utf-8", "replace").replace("\r\n", "\n")


def plain(shown: str) -> list[str]:
    """The lines of a terminal, without colours and movements of the cursor."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).replace("\r", "\n").split("\n")


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal")
def test_an_operator_and_a_spreadsheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is called twice, nobody who must not be, every row is accounted for, and no line is over 80 columns."""
    monkeypatch.chdir(tmp_path)
    with Sandbox(KEY, SECRET, speed=1000).serve() as sandbox:
        settings = {"SINCH_APPLICATION_KEY": KEY, "SINCH_APPLICATION_SECRET": SECRET}
        settings |= {"SINCH_VOICE_BASE_URL": sandbox.url, "COLUMNS": "80", "TERM": "xterm", "NO_COLOR": "1"}
        terminal = Terminal({**os.environ, **settings})
        operate(terminal, sandbox)
        called = rung(sandbox)
    assert set(called.values()) == {1}
    unknown = {row["Namn"] for row in rows("samtal.csv") if row["state"] == "unknown"}
    assert {*called} == SOUND | {NEW, MENDED}
    assert len(unknown) <= 1  # the callout that was on its way when the machine was pulled out
    shown = [line for line in plain(terminal.shown) if not line.startswith("$ ")]
    assert [line for line in shown if len(line) > 80] == []
    assert_accounted()


def rows(name: str) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with Path(name).open(encoding="utf-8") as written:
        return [*csv.DictReader(written)]


def operate(terminal: Terminal, sandbox: Sandbox) -> None:
    """Do what an operator does on a day with bad luck."""
    write(QUIRKS)
    with contextlib.closing(OptOutList("nej.sqlite")) as opt_outs:
        opt_outs.add(ASKED, "brev")
    options = ["--number-column", "Mobil", "--number-column", "Hem", "--country", "SE", "--do-not-call", "nej.sqlite"]
    quick = ["--cps", "1", "--poll-interval", "0.2"]
    terminal.start(
        "dial", "kunder.txt", "--text", "Hej {Namn}!", "--cli", CLI, *options, *quick, "--rejects", "fel.csv"
    )

    def written() -> bool:
        called = bool(sandbox.calls)
        is_there = Path("fel.csv").exists()
        assert is_there or not called
        return is_there

    terminal.wait_for(written)
    terminal.type("y\n", after="Start calling?")
    terminal.wait_for(lambda: len(sandbox.calls) >= 3)
    terminal.send(signal.SIGINT)
    assert terminal.finish() == 130
    mended = [row.replace("+460701000022", MENDED) for row in QUIRKS if GONE not in row]
    write([*mended, f"Zo\t{NEW}\t\tUmeå\t\t"])
    resume = ["dial", "--resume", "--journal", "kunder.sqlite"]
    before = len(sandbox.calls)
    terminal.start(*resume)
    terminal.type("y\n", after="Start calling?")
    terminal.wait_for(lambda: len(sandbox.calls) >= before + 2)
    terminal.send(signal.SIGKILL)
    assert terminal.finish() == -signal.SIGKILL
    with contextlib.closing(OptOutList("nej.sqlite")) as opt_outs:
        opt_outs.add(LATER, "ringde oss")
    terminal.start("dial", "pace", "kunder.sqlite", "50")
    assert terminal.finish() == 0
    terminal.start(*resume)
    terminal.type("y\n", after="Start calling?")
    assert terminal.finish() in (3, 7)
    terminal.start("dial", "report", "kunder.sqlite", "--output", "samtal.csv", "--rejects", "rader.csv")
    assert terminal.finish() == 0


def assert_accounted() -> None:
    """Each row of the spreadsheet is a contact, or stands with its line and the reason among the rejects."""
    contacts = rows("samtal.csv")
    states = {row["number"].lstrip("'"): (row["state"], row["note"]) for row in contacts}
    assert states[ASKED] == states[LATER] == ("skipped", "on the do-not-call list")
    assert states[GONE] == ("skipped", "no longer in the list")
    assert states["+46701000024"][0] == "skipped"  # nothing to put into its text
    before = {int(row["line"]): row["problem"] for row in rows("fel.csv")}
    problems = {row["Namn"]: row["problem"] for row in rows("fel.csv")}
    assert "decimals" in problems["Iö"]
    assert "exponent" in problems["Jo"]
    assert "extension" in problems["Ka"]
    assert "two numbers" in problems["Li"]
    assert "date" in problems["Mi"]
    assert "date" in problems["Ni"]
    assert "emergency" in problems["Qi"]
    assert "error of a spreadsheet" in problems["Ro"]
    assert len(before) == 14
    after = {row["line"] for row in rows("rader.csv") if row["fate"] in ("broken", "duplicate")}
    assert len(after) == 12  # one was mended, and the row without a name is a contact that was skipped
