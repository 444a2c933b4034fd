"""``sinch-voice opt-outs``: numbers go in with who, when and why, and campaigns do not call them."""

import getpass
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sinch_voice_async.cli.failures import ExitCode
from sinch_voice_async.dialer import OptOutList
from sinch_voice_async.sandbox import Sandbox

from .conftest import Command, InThread, Terminal
from .test_dial import NUMBERS, QUICK, contacts, rung


@pytest.fixture
def command(command: Command) -> Command:
    """The command in a thread."""
    return InThread(command.capsys)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_numbers_are_added_listed_and_checked(command: Command, terminal: Terminal) -> None:
    """An entry has who, when and why; the first one of a number stays."""
    ran = command("opt-outs", "add", "o.sqlite", "070-000 00 01", "--country", "SE", "--why", "letter", "--who", "Ann")
    assert ran.out == "1 number added to o.sqlite, which has 1 number\n"
    Path("stop.txt").write_text(f"{NUMBERS[0]}\n{NUMBERS[1]}  # asked\n", "utf-8")
    assert command("opt-outs", "add", "o.sqlite", "--from", "stop.txt", "--json").document == {"added": 1, "numbers": 2}
    first, second = command("opt-outs", "list", "o.sqlite", "--json").document
    assert (first["number"], first["who"], first["why"]) == (NUMBERS[0], "Ann", "letter")
    assert (second["who"], second["why"], second["since"][-1]) == (getpass.getuser(), "by hand", "Z")
    assert f"{NUMBERS[0]}\t" in command("opt-outs", "list", "o.sqlite").out
    ran = command("opt-outs", "check", "o.sqlite", NUMBERS[0], NUMBERS[3])
    assert (ran.code, ran.out.count("\n"), "letter" in ran.out) == (ExitCode.REJECTED, 1, True)
    assert command("opt-outs", "check", "o.sqlite", NUMBERS[3]).out == "Not on the list.\n"
    assert command("opt-outs", "check", "o.sqlite", NUMBERS[2], NUMBERS[3]).out == "Not on the list.\n"
    ran = command("opt-outs", "check", "o.sqlite", NUMBERS[3], "--json")
    assert (ran.code, ran.document) == (ExitCode.OK, [])
    with terminal():
        command("opt-outs", "list", "o.sqlite")
    assert "letter" in terminal.shown


def test_they_are_not_called(command: Command, sandbox: Sandbox) -> None:
    """The list is what --do-not-call takes."""
    command("opt-outs", "add", "o.sqlite", NUMBERS[0])
    ran = command("dial", contacts(), *QUICK, "--do-not-call", "o.sqlite", "--yes")
    assert (ran.code, sorted(rung(sandbox))) == (ExitCode.REJECTED, NUMBERS[1:])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "o.sqlite"), "Name the NUMBERS, or pass --from"),
        (("add", "o.sqlite", "0701"), "number begins with 0"),
        (("check", "o.sqlite"), "Name the NUMBERS"),
        (("check", "o.sqlite", NUMBERS[0]), "the opt-out list o.sqlite does not exist"),
        (("list", "o.sqlite"), "the opt-out list o.sqlite does not exist"),
    ],
)
def test_what_is_missing_is_said(command: Command, arguments: tuple[str, ...], said: str) -> None:
    """In the words of the command line, with exit code 2."""
    ran = command("opt-outs", *arguments)
    assert (ran.code, said in ran.err) == (ExitCode.USAGE, True)


@pytest.mark.parametrize("arguments", [("list", "o.sqlite"), ("add", "o.sqlite", NUMBERS[0])])
def test_a_list_that_cannot_be_used(command: Command, arguments: tuple[str, ...]) -> None:
    """The advice is not that of a campaign: nothing would resume here."""
    Path("o.sqlite").symlink_to("other.sqlite")
    Path("other.sqlite").write_text("")
    ran = command("opt-outs", *arguments)
    assert (ran.code, "o.sqlite is a link" in ran.err) == (ExitCode.FAILED, True)
    assert "resumes" not in ran.err


def test_a_user_without_a_name(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container: the entry has no name."""

    def nameless() -> str:
        raise KeyError

    monkeypatch.setattr(getpass, "getuser", nameless)
    command("opt-outs", "add", "o.sqlite", NUMBERS[0])
    assert command("opt-outs", "list", "o.sqlite", "--json").document[0]["who"] is None


def test_a_list_of_a_former_release(command: Command) -> None:
    """It kept no names; its entries stay."""
    OptOutList("o.sqlite").close()
    plain = sqlite3.connect("o.sqlite", isolation_level=None)
    plain.execute("ALTER TABLE opt_out DROP COLUMN who")
    plain.execute("INSERT INTO opt_out VALUES (?, 1, 'old')", (NUMBERS[0],))
    plain.close()
    command("opt-outs", "add", "o.sqlite", NUMBERS[1], "--who", "Bo", "--why", "x" * 400)
    entries = command("opt-outs", "list", "o.sqlite", "--json").document
    assert [(each["number"], each["who"]) for each in entries] == [(NUMBERS[0], None), (NUMBERS[1], "Bo")]
    assert len(entries[1]["why"]) == 300


def test_a_cap_over_campaigns(command: Command, sandbox: Sandbox) -> None:
    """A second campaign does not call within these days whom the first one has called."""
    cap = ("--cap", "1/30", "--cap-file", "cap.sqlite", "--yes")
    assert command("dial", contacts(), *QUICK, *cap).code == ExitCode.OK
    tomorrow = (datetime.now(UTC).astimezone() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    until = ("--until", tomorrow, "--journal", "second.sqlite")
    assert command("dial", contacts(), *QUICK, *cap, *until).code == ExitCode.REJECTED
    assert set(rung(sandbox).values()) == {1}


@pytest.mark.parametrize("cap", [("--cap", "4"), ("--cap", "x/30", "--cap-file", "c"), ("--cap-file", "c")])
def test_what_is_no_cap(command: Command, cap: tuple[str, ...]) -> None:
    """It is said how one is written."""
    ran = command("dial", contacts(), *QUICK, *cap)
    assert (ran.code, "--cap is such as 4/30" in ran.err) == (ExitCode.USAGE, True)
