"""``sinch-voice dial``: a file of contacts in, no number dialled twice, and a report."""

import csv
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import pytest

from sinch_voice_async.cli.campaigns import CampaignOptions
from sinch_voice_async.cli.failures import ExitCode
from sinch_voice_async.cli.live import Interrupts
from sinch_voice_async.sandbox import Sandbox

if TYPE_CHECKING:
    from tests.dialer.cluster.postgres import Postgres

from .conftest import CLI, SECRET, Command, InThread, Ran, Stdin, Terminal

NUMBERS = [f"+467000000{last:02}" for last in range(1, 5)]
SPOKEN = ("--text", "Hi {name}", "--cli", CLI)
QUICK = (*SPOKEN, "--cps", "100", "--poll-interval", "0.05")


@pytest.fixture
def command(command: Command) -> Command:
    """The command in a thread."""
    return InThread(command.capsys)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def contacts(*rows: str, name: str = "contacts.csv") -> str:
    """Write a file of contacts, all of ``NUMBERS`` where no rows are given."""
    Path(name).write_text("\n".join(["number,name", *(rows or [f"{number},Ann" for number in NUMBERS])]), "utf-8")
    return name


def callouts(sandbox: Sandbox) -> list[Any]:
    """What the sandbox was asked for."""
    return [call.request["ttsCallout"] for call in sandbox.calls]


def rung(sandbox: Sandbox) -> Counter[str]:
    """How often each number was rung."""
    return Counter(each["destination"]["endpoint"] for each in callouts(sandbox))


def told(ran: Ran) -> list[str]:
    """What is on stderr, without a warning that depends on the time of day."""
    return [line for line in ran.err.splitlines() if not line.startswith("Warning: ")]


class TestRun:
    """``dial FILE``."""

    def test_everybody_is_rung_once(self, either: Command, sandbox: Sandbox) -> None:
        """On either event loop: the text of their row, the report on stdout, and how it went on stderr."""
        ran = either("dial", contacts(), *QUICK, "--locale", "en-GB")
        assert ran.code == ExitCode.OK
        assert rung(sandbox) == dict.fromkeys(NUMBERS, 1)
        assert {each["text"] for each in callouts(sandbox)} == {"Hi Ann"}
        assert ran.out.startswith("contacts: 4 contacts, 4 callouts\n  4 done: 4 ANSWERED\n")
        said, *_, standing = told(ran)  # how far it is is said now and then
        assert said == "contacts.csv: UTF-8, columns separated by commas: number, name"
        assert standing.startswith("campaign: 4 of 4 done, 0 to do, 0 active, 4 answered, ")

    def test_json_is_a_line_for_each_contact(self, command: Command, sandbox: Sandbox) -> None:
        """And the totals at the end."""
        sandbox.phone(NUMBERS[0]).is_busy()
        *each, totals = command("dial", contacts(), *QUICK, "--json").lines
        assert {one["number"]: one["result"] for one in each} == dict.fromkeys(NUMBERS, "ANSWERED") | {
            NUMBERS[0]: "BUSY"
        }
        assert totals["results"] == {"ANSWERED": 3, "BUSY": 1}

    @pytest.mark.parametrize("kind", ["csv", "json"])
    def test_the_report_is_a_file(self, command: Command, kind: str) -> None:
        """One row for each contact, in the form that the file's name says."""
        command("dial", contacts(), *QUICK, "--report", f"out.{kind}")
        with Path(f"out.{kind}").open(encoding="utf-8") as file:
            rows = [*csv.DictReader(file)] if kind == "csv" else json.load(file)["contacts"]
        assert {row["number"].lstrip("'") for row in rows} == {*NUMBERS}

    def test_other_files_are_read_by_their_names(self, command: Command, sandbox: Sandbox) -> None:
        """JSON lines, with another name for the number."""
        Path("people.jsonl").write_text(json.dumps({"phone": NUMBERS[0], "name": "Bo"}), "utf-8")
        assert command("dial", "people.jsonl", *QUICK, "--number-column", "phone").code == ExitCode.OK
        assert rung(sandbox) == {NUMBERS[0]: 1}

    def test_a_column_says_who_is_called_first(self, command: Command, sandbox: Sandbox) -> None:
        """The higher number; a cell that is not one is a broken row."""
        rows = [f"{number},{vip}" for number, vip in zip(NUMBERS[:4], ("", "2", "high", "100"), strict=True)]
        Path("people.csv").write_text("\n".join(["number,vip", *rows]), "utf-8")
        one_by_one = ("--text", "Hi", "--cli", CLI, "--cps", "100", "--in-flight", "1", "--follow", "none")
        ran = command("dial", "people.csv", *one_by_one, "--priority-column", "vip")
        assert [*rung(sandbox)] == [NUMBERS[3], NUMBERS[1], NUMBERS[0]]
        assert "line 4: priority must be a whole number from 0 to 100" in ran.err

    def test_nobody_need_be_followed(self, command: Command, sandbox: Sandbox) -> None:
        """Then it is over when all have been accepted."""
        ran = command("dial", contacts(), *QUICK, "--follow", "none", "--json")
        assert ran.lines[-1]["states"] == {"accepted": 4}
        assert sandbox.calls

    def test_who_is_on_the_list_is_not_rung(self, command: Command, sandbox: Sandbox) -> None:
        """``--do-not-call`` names them, one number on a line."""
        Path("stop.txt").write_text(NUMBERS[1] + "\n", "utf-8")
        ran = command("dial", contacts(), *QUICK, "--do-not-call", "stop.txt")
        assert (ran.code, "1 skipped (on the do-not-call list)" in ran.err) == (ExitCode.REJECTED, True)
        assert {*rung(sandbox)} == {*NUMBERS} - {NUMBERS[1]}

    def test_who_is_busy_is_rung_again(self, command: Command, sandbox: Sandbox) -> None:
        """``--attempts`` and ``--redial-after``; here a busy line looks like one that declined."""
        sandbox.phone(NUMBERS[0]).is_busy()
        again = ("--attempts", "2", "--redial-after", "0", "--redial-declined")
        command("dial", contacts(f"{NUMBERS[0]},Ann"), *QUICK, *again)
        assert rung(sandbox) == {NUMBERS[0]: 2}

    def test_it_is_drawn_on_a_terminal(self, command: Command, terminal: Terminal) -> None:
        """A bar, and lines under it, in place."""
        with terminal():
            command("dial", contacts(), *QUICK)
        assert "4/4  0 to do" in terminal.shown
        assert "campaign: 0 active, 4 answered" in terminal.shown


class TestRows:
    """What cannot be called is said, with its line, before anybody is."""

    def test_the_others_are_rung(self, command: Command, sandbox: Sandbox) -> None:
        """A number that is none, a field without a value, and a text that is too long."""
        file = contacts("12,Ann", f"{NUMBERS[0]}, ", f"{NUMBERS[1]},{'a' * 20}", f"{NUMBERS[2]},Cy")
        ran = command("dial", file, *QUICK, "--max-text-length", "20")
        assert ran.code == ExitCode.REJECTED
        _, line, empty, long, advice, *_, missed = told(ran)
        assert advice.endswith("national numbers need --country.")
        assert missed.startswith("Not all were called: 1 skipped (no callout could be made: the field 'name' is empty)")
        assert line == "line 2: number names no country (seen: '12')"
        assert empty == "line 3: the field 'name' is empty"
        assert long == "line 4: the text has 23 characters, and at most 20 may be spoken"
        assert rung(sandbox) == {NUMBERS[2]: 1}

    @pytest.mark.parametrize("wrong", [1, 25])
    def test_nobody_is_rung_if_that_is_wanted(self, command: Command, sandbox: Sandbox, wrong: int) -> None:
        """``--strict``; the first twenty lines are shown."""
        ran = command("dial", contacts(*["12,Ann"] * wrong, f"{NUMBERS[0]},Bo"), *QUICK, "--strict")
        assert ran.code == ExitCode.USAGE
        assert ran.err.endswith(f"sinch-voice: {wrong} of {wrong + 1} rows cannot be called; no calls were placed.\n")
        assert ("and 5 more lines" in ran.err) == (wrong > 20)
        assert not rung(sandbox)
        assert not Path("contacts.sqlite").exists()

    def test_a_column_that_is_not_there(self, command: Command, sandbox: Sandbox) -> None:
        """Is no reason to ring anybody."""
        ran = command("dial", contacts(), "--text", "Hi {surname}", "--cli", CLI)
        assert ran.code == ExitCode.USAGE
        assert (
            "--text has {surname}, and no column has that name: did you mean {name}? The columns are number, name."
            in ran.err
        )
        assert not rung(sandbox)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("Hi {name", "--text is not a template"),
            ("Hi {}", "only the names of columns"),
            ("Hi {name!r}", "only the names of columns"),
            ("Hi {name:>9}", "only the names of columns"),
            ("Hi {name.__class__}", "only the names of columns"),
            ("Hi {name[0]}", "only the names of columns"),
        ],
    )
    def test_a_template_that_is_none(self, command: Command, text: str, said: str) -> None:
        """Nothing but names stands between braces: whoever writes the file reaches no further."""
        ran = command("dial", contacts(), "--text", text)
        assert (ran.code, said in ran.err) == (ExitCode.USAGE, True)

    def test_a_brace_is_written_twice(self, command: Command, sandbox: Sandbox) -> None:
        """As in Python; a text may also hold no field at all."""
        command("dial", contacts(f"{NUMBERS[0]},Ann"), *QUICK, "--text", "{{Hi}}")
        assert [each["text"] for each in callouts(sandbox)] == ["{Hi}"]


class TestDryRun:
    """``--dry-run`` rings nobody."""

    def test_it_says_what_would_be(self, command: Command, sandbox: Sandbox) -> None:
        """How many, how long, and who not, and why; no journal is begun."""
        file = contacts("12,Ann", f"{NUMBERS[0]}, ", f"{NUMBERS[1]},Bo", f"{NUMBERS[1]},Bo", f"{NUMBERS[2]},Cy")
        ran = command("dial", file, *SPOKEN, "--cps", "0.5", "--dry-run")
        first, *rest, last = ran.out.splitlines()
        assert first == "Dry run: 2 contacts to call, about 4 s at 0.5 calls/s."
        assert rest[:-1] == [
            "  1 skipped: no callout could be made: the field 'name' is empty",
            "  1 row with the number of another row",
            "  1 broken row",
        ]
        assert rest[-1].startswith("Local time of the called now: ")
        assert last == "No calls placed."
        assert not rung(sandbox)
        assert not Path("contacts.sqlite").exists()

    def test_what_was_done_before_counts(self, command: Command) -> None:
        """It looks into the journal where there is one."""
        command("dial", contacts(), *QUICK)
        ran = command("dial", contacts(), *SPOKEN, "--dry-run")
        assert "  4 done before" in ran.out.splitlines()

    def test_who_has_to_wait_for_their_window(self, command: Command) -> None:
        """Half the day is never enough: one of these two windows is shut."""
        waiting = 0
        for window in ("00:00-12:00", "12:00-24:00"):
            ran = command("dial", contacts(), *SPOKEN, "--dry-run", "--window", window, "--zone", "Europe/Stockholm")
            waiting += "  4 of them wait for their calling window" in ran.out
        assert waiting == 1


def test_the_hours_of_the_french_decree() -> None:
    """Two intervals a day, weekdays and holidays make the window of the library; spaces do not matter."""
    options = CampaignOptions(
        text="Hi",
        window="10:00-13:00, 14:00-20:00",
        days="mon-fri",
        closed="2026-12-25, 2027-01-01",
        zone="Europe/Paris",
    )
    window = options.campaign("x.sqlite", "x").settings.window
    assert window is not None
    assert str(window) == "10:00-20:00 mon,tue,wed,thu,fri Europe/Paris, break 13:00-14:00, closed days"
    assert window.closed == {date(2026, 12, 25), date(2027, 1, 1)}


class TestResume:
    """A campaign goes on, and is never begun again by mistake."""

    def test_a_second_run_must_be_meant(self, command: Command, sandbox: Sandbox) -> None:
        """The journal is there already."""
        command("dial", contacts(), *QUICK)
        ran = command("dial", contacts(), *QUICK)
        assert (ran.code, "--resume continues it" in ran.err) == (ExitCode.USAGE, True)
        assert rung(sandbox) == dict.fromkeys(NUMBERS, 1)

    def test_it_goes_on_with_new_rows(self, command: Command, sandbox: Sandbox) -> None:
        """And rings nobody of before."""
        command("dial", contacts(f"{NUMBERS[0]},Ann"), *QUICK)
        assert command("dial", contacts(), *QUICK, "--resume").code == ExitCode.OK
        assert rung(sandbox) == dict.fromkeys(NUMBERS, 1)

    def test_the_journal_alone_is_enough(self, command: Command, sandbox: Sandbox) -> None:
        """It has the rows."""
        sandbox.faults.add("POST", status=402, times=1)
        command("dial", contacts(), *SPOKEN)
        ran = command("dial", "run", "--journal", "contacts.sqlite", "--resume", *QUICK)
        assert ran.code == ExitCode.OK
        assert rung(sandbox) == dict.fromkeys(NUMBERS, 1)

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ((), "Name the FILE of contacts"),
            (("--resume",), "--resume needs FILE or --journal"),
            (("nobody.csv", "--resume"), "there is no journal nobody.sqlite to resume"),
            (("nobody.csv",), "nobody.csv cannot be read"),
            (("x" * 250 + ".csv",), "journal cannot be used: "),
            (("nobody.csv", "--journal", "no/such.sqlite"), "journal no/such.sqlite: there is no such folder"),
            (("nobody.csv", "--journal", "no/such.sqlite", "--dry-run"), "there is no such folder"),
        ],
    )
    def test_there_is_nothing_to_dial(self, command: Command, arguments: tuple[str, ...], said: str) -> None:
        """One sentence says what is missing."""
        ran = command("dial", "run", *arguments, *SPOKEN)
        assert (ran.code, said in ran.err, ran.out) == (ExitCode.USAGE, True, "")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--window", "nine"), "--window must be such as 09:00-20:00"),
        (("--window", "09:00-99:00"), "99:00"),
        (("--zone", "Europe/Stockholm"), "--zone needs --window"),
        (("--days", "mon-fri"), "--days needs --window"),
        (("--days", "mon-fry", "--window", "09:00-20:00"), "--days must be such as mon-fri"),
        (("--closed", "2026-12-25"), "--closed needs --window"),
        (("--closed", "Christmas", "--window", "09:00-20:00"), "--closed must be dates, such as 2026-12-25"),
        (("--window", "10:00-13:00,14:00"), "or 10:00-13:00,14:00-20:00"),
        (("--window", "10:00-13:00,16:00-15:00,17:00-18:00"), "16:00 to"),
        (("--window", "10:00-13:00,12:00-20:00"), "each interval must begin after"),
        (("--window", "14:00-20:00,10:00-13:00"), "each interval must begin after"),
        (("--until", "tomorrow"), "must be such as 2026-11-27T20:00"),
        (("--country", "Sweden"), "--country must be two letters of ISO 3166-1, such as SE"),
        (("--encoding", "klingon"), "--encoding must be a text encoding"),
        (("--delimiter", "::"), "--delimiter must be one character"),
        (("--report", "nowhere/r.csv"), "--report nowhere/r.csv: there is no such folder"),
        (
            ("--journal", "service=calls", "--report", "nowhere/r.csv"),
            "--report nowhere/r.csv: there is no such folder",
        ),
        (("--rejects", "."), "'--rejects': . is a folder"),
        (("--dry-run", "--report", "r.csv"), "use --rejects"),
        (("--max-call-duration", "0"), "--max-call-duration"),
        (("--spend-limit", "much"), "--spend-limit must be an amount"),
        (("--spend-limit", "nan"), "--spend-limit must be more than 0"),
        (("--in-flight", "0"), "'--in-flight': 0 is not in the range"),
        (("--cps", "0"), "'--cps': 0.0 is not in the range"),
        (("--number-column", "phone"), "phone"),
        (("--priority-column", "vip"), "has no column 'vip'"),
        (("--journal", "postgresql://me:secret@host/db"), "PGPASSWORD"),
    ],
)
def test_an_option_that_cannot_be(command: Command, sandbox: Sandbox, options: tuple[str, ...], said: str) -> None:
    """Is named before anybody is rung; a password has no place among the arguments."""
    ran = command("dial", contacts(), *SPOKEN, *options)
    assert (ran.code, said in ran.err, ran.out) == (ExitCode.USAGE, True, "")
    assert not rung(sandbox)


def press_ctrl_c(when: Callable[[], object], *, times: int = 1, heard: threading.Semaphore | None = None) -> None:
    """Press Ctrl-C as soon as something is so, and again a little later."""

    def press() -> None:
        while not when():
            time.sleep(0.01)
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)
            # Two that come while the main thread is busy are one.
            assert heard is None or heard.acquire(timeout=300)
            time.sleep(0.3)

    threading.Thread(target=press).start()


def loud(command: Command) -> Command:
    """Return the command in the main thread, which alone hears Ctrl-C; a test calls it last."""
    return Command(command.capsys, command.more)


class TestStopping:
    """Whatever stops it, what happened is in the journal, and how to go on is said."""

    def test_ctrl_c_waits_for_what_is_on_its_way(self, either: Command, sandbox: Sandbox) -> None:
        """Nobody is unknown; the next run rings the others."""

        def check(ran: Ran) -> None:
            assert ran.code == ExitCode.INTERRUPTED
            assert "Ctrl-C once more stops at once." in ran.err
            assert "To resume: `sinch-voice dial --resume --journal contacts.sqlite" in ran.err
            assert "unknown" not in ran.lines[-1]["states"]
            assert either("dial", contacts(), *QUICK, "--resume").code == ExitCode.OK
            assert rung(sandbox) == dict.fromkeys(NUMBERS, 1)

        press_ctrl_c(lambda: len(sandbox.calls))
        check(loud(either)("dial", contacts(), *SPOKEN, "--cps", "0.05", "--json"))

    def test_ctrl_c_twice_waits_for_nothing(
        self, either: Command, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever was being rung is unknown, and not rung again."""

        def check(ran: Ran) -> None:
            assert (ran.code, "on their way are unknown now" in ran.err) == (ExitCode.INTERRUPTED, True)
            found = either("dial", "unknowns", "contacts.sqlite", "--json").document
            assert {each["state"] for each in found} == {"unknown"}

        heard, hear = threading.Semaphore(0), Interrupts._hear

        def tell(self: Interrupts, number: int, frame: FrameType | None) -> None:
            hear(self, number, frame)
            heard.release()

        monkeypatch.setattr(Interrupts, "_hear", tell)
        sandbox.faults.add("POST", latency=300.0, times=len(NUMBERS))
        press_ctrl_c(lambda: sandbox.faults.armed[0][1] != len(NUMBERS), times=2, heard=heard)
        check(loud(either)("dial", contacts(), *QUICK))

    def test_from_the_third_on_it_is_the_event_loops(self) -> None:
        """For when nobody looks at the count any more."""
        with Interrupts() as interrupts:
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGINT)
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.count == 3

    def test_without_credit_it_stops(self, command: Command, sandbox: Sandbox) -> None:
        """It does not wait where nobody may be."""
        sandbox.faults.add("POST", status=402, times=1)
        ran = command("dial", contacts(), *SPOKEN, "--cps", "5", "--json")
        assert ran.code == ExitCode.REJECTED
        assert "Stopped: the account has no credit (402)" in ran.err
        assert command("dial", contacts(), *QUICK, "--resume").code == ExitCode.OK
        assert rung(sandbox) == dict.fromkeys(NUMBERS, 1)

    def test_wrong_credentials_mark_nobody(
        self, command: Command, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The first refusal ends it."""
        monkeypatch.setenv("SINCH_APPLICATION_SECRET", "d3JvbmcgYnkgb25l")
        assert command("dial", contacts(), *QUICK).code == ExitCode.AUTHENTICATION
        monkeypatch.setenv("SINCH_APPLICATION_SECRET", SECRET)
        assert command("dial", "report", "contacts.sqlite", "--json").document["states"] == {"todo": 4}
        assert not rung(sandbox)

    def test_what_may_have_rung_has_an_exit_code(self, command: Command, sandbox: Sandbox) -> None:
        """It is listed, rung again only where somebody says so, and only once they have."""
        sandbox.faults.add("POST", drop="after", times=1)
        assert command("dial", contacts(f"{NUMBERS[0]},Ann"), *QUICK).code == ExitCode.UNKNOWN
        number, placed_at, note = command("dial", "unknowns", "contacts.sqlite").out.rstrip("\n").split("\t")
        assert (number, bool(placed_at), bool(note)) == (NUMBERS[0], True, True)
        assert command("dial", "release", "contacts.sqlite", "--unknown", "--yes").out == (
            "1 contact may be dialled again\n"
        )
        assert command("dial", contacts(f"{NUMBERS[0]},Ann"), *QUICK, "--resume").code == ExitCode.OK
        assert rung(sandbox) == {NUMBERS[0]: 2}


class TestJournal:
    """What looks into a journal makes none."""

    def test_releasing_is_asked_for(self, command: Command, sandbox: Sandbox, stdin: Stdin) -> None:
        """By the number of contacts that it would release; saying nothing is a no."""
        sandbox.faults.add("POST", status=400, times=1)
        command("dial", contacts(f"{NUMBERS[0]},Ann"), *QUICK)
        stdin("")
        ran = command("dial", "release", "contacts.sqlite", NUMBERS[0], NUMBERS[1])
        assert ran.code == ExitCode.INTERRUPTED
        assert "1 contact may be called once more (1 of 2 cannot be released). Go on?" in ran.err
        stdin("y\n")
        ran = command("dial", "release", "contacts.sqlite", NUMBERS[0])
        assert ran.out == "1 contact may be dialled again\n"

    def test_nobody_can_be_released(self, command: Command) -> None:
        """Then nothing is asked, and the exit code says so; the former name of the command is told."""
        command("dial", contacts(), *QUICK)
        ran = command("dial", "release", "contacts.sqlite", NUMBERS[0])
        assert (ran.code, "none of these can be released" in ran.err) == (ExitCode.USAGE, True)
        ran = command("dial", "forget", "contacts.sqlite", NUMBERS[0])
        assert ran.code == ExitCode.USAGE
        assert ran.err.startswith("`dial forget` is now `dial release`.")
        assert command("dial", "release", "contacts.sqlite", "--unknown").code == ExitCode.USAGE

    @pytest.mark.parametrize("more", [(), ("--unknown", NUMBERS[0])])
    def test_contacts_are_released_by_number_or_all(self, command: Command, more: tuple[str, ...]) -> None:
        """One of the two is said."""
        assert command("dial", "release", "contacts.sqlite", *more).code == ExitCode.USAGE

    @pytest.mark.parametrize("what", ["report", "unknowns", "release", "status", "pause", "cancel"])
    def test_there_is_none(self, command: Command, what: str) -> None:
        """A slip of the keyboard begins no campaign."""
        ran = command("dial", what, "nobody.sqlite", *(["--unknown"] if what == "release" else []))
        assert (ran.code, ran.err) == (ExitCode.USAGE, "sinch-voice: there is no journal nobody.sqlite.\n")
        assert not Path("nobody.sqlite").exists()

    def test_it_is_something_else(self, command: Command) -> None:
        """A file that no campaign wrote."""
        Path("letter.sqlite").write_text("Dear Ann", "utf-8")
        ran = command("dial", "report", "letter.sqlite")
        assert (ran.code, "it is not a journal" in ran.err) == (ExitCode.FAILED, True)

    def test_it_is_another_campaigns(self, command: Command) -> None:
        """The name of the journal is said."""
        command("dial", contacts(), *QUICK)
        ran = command("dial", "report", "contacts.sqlite", "--name", "debts")
        assert (ran.code, "'contacts', not 'debts'" in ran.err) == (ExitCode.FAILED, True)

    def test_the_report_is_written_afterwards_too(self, command: Command) -> None:
        """``dial report -o``."""
        command("dial", contacts("12,Ann", *(f"{number},Ann" for number in NUMBERS)), *QUICK)
        ran = command("dial", "report", "contacts.sqlite", "-o", "out.csv", "--rejects", "bad.csv", "--bom")
        assert ran.out.startswith("contacts: 4 contacts")
        assert Path("out.csv").read_text("utf-8").startswith("\ufeffnumber")
        assert Path("out.csv").read_text("utf-8").count("ANSWERED") == 4
        assert "broken" in Path("bad.csv").read_text("utf-8")
        ran = command("dial", "report", "contacts.sqlite", "-o", "out.csv")
        assert (ran.code, "pass --force to replace it" in ran.err) == (ExitCode.USAGE, True)
        assert command("dial", "report", "contacts.sqlite", "-o", "out.csv", "--force").code == ExitCode.OK


@pytest.mark.parametrize(
    "arguments", [("enqueue", "contacts.csv", "contacts.sqlite"), ("worker", "other.sqlite", *SPOKEN)]
)
def test_workers_share_no_file(command: Command, arguments: tuple[str, ...]) -> None:
    """A journal in a file is dialled from by one process, and none is begun by a slip."""
    command("dial", contacts(), *QUICK)
    ran = command("dial", *arguments)
    assert (ran.code, "workers share a journal in PostgreSQL" in ran.err) == (ExitCode.USAGE, True)
    assert not Path("other.sqlite").exists()


class TestWorkers:
    """One campaign of many machines, in PostgreSQL."""

    @pytest.fixture(autouse=True)
    def _journal(self, postgres: "Postgres", monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SINCH_VOICE_JOURNAL", postgres.database())

    def test_what_was_enqueued_is_dialled(self, command: Command, sandbox: Sandbox) -> None:
        """Once, however often it is enqueued; the environment may name the journal."""
        assert command("dial", "enqueue", contacts(), "--name", "reminders").out == "4 contacts added\n"
        assert command("dial", "enqueue", contacts(), "--name", "reminders").out == "0 contacts added\n"
        ran = command("dial", "worker", "--name", "reminders", *QUICK, "--json")
        assert ran.code == ExitCode.OK
        assert ran.lines[-1]["results"] == {"ANSWERED": 4}
        assert rung(sandbox) == dict.fromkeys(NUMBERS, 1)

    def test_a_worker_may_stay(self, command: Command, sandbox: Sandbox) -> None:
        """Until Ctrl-C, and without a name the campaign is called like the database."""
        command("dial", "enqueue", contacts())

        def check(ran: Ran) -> None:
            assert (ran.code, "Another worker resumes, or this one" in ran.err) == (ExitCode.INTERRUPTED, True)
            assert "4 contacts" in command("dial", "report").out

        press_ctrl_c(lambda: len(sandbox.calls) == len(NUMBERS))
        check(loud(command)("dial", "worker", *QUICK, "--stay"))


class TestEngines:
    """``dial worker module:engine`` runs the worker of an engine that a module of the user makes."""

    ENGINE = (
        "class Engine:\n    async def work(self, **options):\n        print(sorted(options))\n\n\nengine = Engine()\n"
    )

    @pytest.fixture(autouse=True)
    def _module(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "path", [*sys.path])
        monkeypatch.delitem(sys.modules, "my_engines", raising=False)
        Path("my_engines.py").write_text(self.ENGINE, encoding="utf-8")

    def test_it_works(self, command: Command) -> None:
        """The worker gets the options, and those that PgBouncer needs."""
        ran = command("dial", "worker", "my_engines:engine")
        assert (ran.code, ran.out) == (ExitCode.OK, "['concurrency', 'shutdown_graceful_timeout']\n")
        assert "The worker of my_engines:engine has started." in ran.err
        assert "'listen_notify'" in command("dial", "worker", "my_engines:engine", "--no-listen").out

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("my_other:engine",), "there is no module 'my_other'"),
            (("my_engines:motor",), "there is no 'motor' in the module my_engines"),
            (("my_engines:Engine.__name__",), "is a str, and must be a ProcrastinateEngine"),
            (("my_engines:engine", "--backend", "trio"), "procrastinate runs on asyncio alone"),
        ],
    )
    def test_what_is_no_engine(self, command: Command, arguments: tuple[str, ...], said: str) -> None:
        """One sentence says what is missing."""
        ran = command("dial", "worker", *arguments)
        assert (ran.code, said in ran.err) == (ExitCode.USAGE, True), ran.err


def test_the_hour_of_the_called_is_told_without_a_question(command: Command) -> None:
    """At any hour it is night in one of three places that are eight hours apart."""
    rows = [f"{number},Ann" for number in ("+46700000001", "+81312345678", "+12133734253")]
    ran = command("dial", contacts(*rows), *QUICK, "--yes")
    assert "it is outside of 8:00-21:00" in " ".join(ran.err.split())
