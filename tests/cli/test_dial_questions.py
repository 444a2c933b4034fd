"""``sinch-voice dial`` asks, keeps options, and is steered from another terminal."""

import contextlib
import csv
import gzip
import io
import json
import os
import re
import signal
import sys
import threading
import time
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import click
import pytest

from sinch_voice_async import CampaignError, ConfigurationError, JournalError
from sinch_voice_async.cli import campaigns, live, main
from sinch_voice_async.cli.app import PowerShellComplete
from sinch_voice_async.cli.campaigns import CampaignOptions, Findings, Template, forecast
from sinch_voice_async.cli.commands import dial, dial_journal
from sinch_voice_async.cli.failures import ExitCode, explain
from sinch_voice_async.cli.live import Interrupts, WatchedRun
from sinch_voice_async.cli.settings import Settings
from sinch_voice_async.dialer import (
    AttemptUpdate,
    Campaign,
    Change,
    Claim,
    Contact,
    ContactState,
    Control,
    Counts,
    OptOutList,
    Outcome,
    Preview,
    Total,
)
from sinch_voice_async.models.calls import Price
from sinch_voice_async.sandbox import Sandbox

from .conftest import CLI, Command, InThread, Stdin, Terminal
from .test_dial import NUMBERS, QUICK, SPOKEN, callouts, contacts, rung

NIGHT = datetime(2026, 11, 27, 3, 0).astimezone().timestamp()


@pytest.fixture
def command(command: Command) -> Command:
    """The command in a thread."""
    return InThread(command.capsys)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A person at a terminal, who types these answers."""

    def types(*answers: str) -> None:
        reader = io.StringIO("".join(f"{answer}\n" for answer in answers))
        monkeypatch.setattr(dial, "_has_terminal", lambda: True)
        monkeypatch.setattr(sys, "stdin", reader)
        monkeypatch.setattr(click.termui, "visible_prompt_func", lambda _: reader.readline().rstrip("\n"))
        monkeypatch.setattr(dial, "_has_typed", lambda _: bool(answers))

    return types


class TestConfirmation:
    """On a terminal it asks before it dials."""

    @pytest.mark.parametrize(("answer", "code", "called"), [("n", 130, 0), ("y", 0, 4), ("", 0, 4)])
    def test_a_sandbox_is_a_question_too(
        self,
        command: Command,
        sandbox: Sandbox,
        person: Any,
        monkeypatch: pytest.MonkeyPatch,
        answer: str,
        code: int,
        called: int,
    ) -> None:
        """With the figures, the local time and the cost; a bare Enter is a yes, since no real calls are placed."""
        monkeypatch.setattr(campaigns, "_ESTIMATE_PATIENCE", 300.0)
        person(answer)
        ran = command("dial", contacts(), *QUICK)
        assert (ran.code, sum(rung(sandbox).values())) == (code, called)
        assert "4 contacts to call, about 0 s at 100 calls/s\n" in ran.err
        assert "Local time of the called now: " in ran.err
        assert "Cost: about " in ran.err
        assert "The platform is a sandbox on this machine" in ran.err
        assert ("No calls placed." in ran.err) == (not called)

    def test_a_sandbox_waits_for_no_answer(self, command: Command, sandbox: Sandbox, person: Any) -> None:
        """Silence is a yes there."""
        person()
        assert command("dial", contacts(), *QUICK).code == ExitCode.OK
        assert len(rung(sandbox)) == 4

    @pytest.mark.parametrize(("answer", "code"), [("n", 130), ("y", 0)])
    def test_the_platform_is_not_called_without_a_yes(
        self, command: Command, sandbox: Sandbox, person: Any, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
    ) -> None:
        """However long it takes."""
        person(answer)
        monkeypatch.setattr(dial, "_LOOPBACK", ())
        assert command("dial", contacts(), *QUICK).code == code
        assert bool(rung(sandbox)) == (code == 0)

    @pytest.mark.parametrize("more", [("--yes",), ("--json",)])
    def test_yes_skips_the_question(self, command: Command, person: Any, more: tuple[str, ...]) -> None:
        """And so does JSON, which a program reads."""
        person("n")
        assert command("dial", contacts(), *QUICK, *more).code == ExitCode.OK

    def test_where_waiting_is_not_possible(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Some systems cannot wait for a terminal: no answer."""
        controller, terminal = os.openpty()
        with os.fdopen(terminal, "r") as stdin, os.fdopen(controller, "w") as keys:
            monkeypatch.setattr(sys, "stdin", stdin)
            assert dial._read_line("? ", 0.01) is None
            keys.write("y\n")
            keys.flush()
            assert dial._read_line("? ", 20.0) == "y\n"
        monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
        assert dial._read_line("? ", 1.0) is None

    def test_a_cost_that_is_not_known_is_left_out(self, command: Command, sandbox: Sandbox, person: Any) -> None:
        """The platform refuses to say, or has no price."""
        person("n")
        sandbox.faults.add("GET", status=403, times=1)
        assert "Cost" not in command("dial", contacts(), *QUICK).err
        person("n")
        sandbox.faults.add("GET", body=b'{"number": {"countryId": "SE"}}', times=1)
        assert "Cost" not in command("dial", contacts(), *QUICK).err

    async def test_a_cost_of_some_countries_is_left_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The price of one country came in time and that of another did not: their sum is not known."""
        asked: list[str] = []

        async def query(number: str) -> Any:
            asked.append(number)
            if len(asked) > 1:
                await anyio.sleep_forever()
            return SimpleNamespace(rate=Price(currency_id="EUR", amount=Decimal("0.01")))

        client: Any = SimpleNamespace(numbers=SimpleNamespace(query=query))
        monkeypatch.setattr(campaigns, "_ESTIMATE_PATIENCE", 0.01)
        assert await campaigns.estimate_cost(client, findings(Contact(NUMBERS[0]), Contact("+18005550123"))) == ""
        assert await campaigns.estimate_cost(client, findings()) == ""


def findings(*people: Contact, **options: Any) -> Findings:
    """What a look at some people found."""
    wanted = CampaignOptions(text="Hi", **options)
    found = Findings(wanted.callout_of(Template.parse("Hi")))
    for person in people:
        found(person)
    return found


class TestHours:
    """The local time of the called."""

    SWEDE = Contact(NUMBERS[0], zone="Europe/Stockholm")
    ANYWHERE = Contact("+18005550123")

    def test_people_asleep_are_a_warning_if_no_window_was_given(self) -> None:
        """Also if it is early for one of the places in which a number may be."""
        now = datetime.fromisoformat("2026-11-27T03:00:00+01:00").timestamp()
        found = findings(self.SWEDE, self.ANYWHERE)
        said = campaigns.outside_hours(found, found.make.options, now)
        assert said is not None
        assert said.startswith("Warning: for 2 contacts it is outside of 8:00-21:00")
        windowed = findings(self.SWEDE, window="any")
        assert campaigns.outside_hours(windowed, windowed.make.options, now) is None
        noon = datetime.fromisoformat("2026-11-27T12:00:00+01:00").timestamp()
        assert campaigns.outside_hours(findings(self.SWEDE), found.make.options, noon) is None

    def test_times_are_counted(self) -> None:
        """Two clocks are named, more are a range, and none is unknown."""
        now = datetime.fromisoformat("2026-11-27T12:00:00+01:00").timestamp()
        found = findings(self.SWEDE, self.SWEDE, self.ANYWHERE)
        times = {shown: number for shown, number, _ in found.local_times(now)}
        assert times["12:00"] == 2
        assert any(" to " in shown for shown in times)

    def test_what_a_run_would_do_is_forecast(self) -> None:
        """With what the journal has, and when the first window opens."""
        preview = _preview()
        lines = forecast(preview, findings(), CampaignOptions(text="Hi"), NIGHT)
        assert lines[0] == "1,200 contacts to call, about 20 min at 1 call/s"
        assert lines[1].startswith("  3 of them wait for their calling window; the first window opens ")
        assert "  the file has 1 new, 2 changed, 3 removed" in lines
        assert "  1 row with the number of another row" in lines


def _preview() -> Preview:
    return Preview(
        to_call=1200,
        waiting=3,
        opens_at=NIGHT,
        skipped=Counter({"on the do-not-call list": 2}),
        called=Counter({ContactState.DONE: 5}),
        new=1,
        changed=2,
        removed=3,
        duplicates=1,
        broken_rows=0,
        broken=(),
        seconds=1200.0,
    )


@pytest.fixture
def stopped(command: Command, sandbox: Sandbox) -> Command:
    """A campaign that stopped before its first call, with a list of numbers that are never called."""
    Path("stop.txt").write_text(f"{NUMBERS[3]}\n", "utf-8")
    sandbox.faults.add("POST", status=402, times=1)
    ran = command("dial", contacts(), *QUICK, "--do-not-call", "stop.txt", "--window", "00:00-24:00")
    assert ran.code == ExitCode.REJECTED
    return command


class TestKeptOptions:
    """The journal keeps what was said."""

    def test_resume_needs_no_option(self, stopped: Command, sandbox: Sandbox) -> None:
        """The text, the list and the file are those of the first run."""
        ran = stopped("dial", "--resume", "--journal", "contacts.sqlite")
        assert ran.code == ExitCode.REJECTED
        assert "1 skipped (on the do-not-call list)" in ran.err
        assert {each["text"] for each in callouts(sandbox)} == {"Hi Ann"}
        assert {*rung(sandbox)} == {*NUMBERS[:3]}

    def test_a_file_that_is_gone_is_said(self, stopped: Command, sandbox: Sandbox) -> None:
        """The contacts of the journal are called."""
        Path("contacts.csv").unlink()
        ran = stopped("dial", "--resume", "--journal", "contacts.sqlite")
        assert "contacts.csv is gone: only the contacts of the journal are called." in ran.err
        assert {*rung(sandbox)} == {*NUMBERS[:3]}

    def test_another_text_is_refused_without_a_terminal(self, stopped: Command, sandbox: Sandbox) -> None:
        """It names the option; --yes says that it is meant."""
        again = ("dial", "--resume", "--journal", "contacts.sqlite", "--text", "Dear {name}", "--cps", "50")
        ran = stopped(*again)
        assert (ran.code, "--text Dear {name} now, Hi {name} before" in ran.err) == (ExitCode.USAGE, True)
        assert "--cps" not in ran.err
        assert not rung(sandbox)
        stopped(*again, "--yes")
        assert {each["text"] for each in callouts(sandbox)} == {"Dear Ann"}

    @pytest.mark.parametrize(("answer", "called"), [("n", False), ("y", True)])
    def test_a_person_is_asked(
        self, stopped: Command, sandbox: Sandbox, person: Any, answer: str, called: bool
    ) -> None:
        """Whether to go on with the new options."""
        person(answer, "y")
        ran = stopped("dial", "--resume", "--journal", "contacts.sqlite", "--window", "any")
        assert "The campaign began with other options:\n  --window not set now, 00:00-24:00 before" in ran.err
        assert bool(rung(sandbox)) == called

    def test_the_command_to_resume_has_what_the_journal_does_not(self) -> None:
        """The options of the connection, and names that a shell would split."""
        settings = Settings(region="euc1", allow_insecure=True, backend="trio")
        said = campaigns.resume_command("my list.sqlite", "spring", settings)
        assert said == (
            "sinch-voice dial --resume --journal 'my list.sqlite' --name spring --region euc1 --backend trio "
            "--allow-insecure"
        )

    def test_a_journal_elsewhere_has_a_name(self) -> None:
        """That of its file or database; a file outside of this folder keeps its whole path."""
        assert campaigns.name_of("postgresql://me@host/calls") == "calls"
        assert campaigns.name_of("/x/spring.sqlite") == "spring"
        assert campaigns.name_of("") == "campaign"

    def test_a_file_in_another_folder(self, command: Command, sandbox: Sandbox, tmp_path: Path) -> None:
        """Is found again from here."""
        folder = tmp_path / "lists"
        folder.mkdir()
        (folder / "c.csv.gz").write_bytes(gzip.compress(f"number\n{NUMBERS[0]}\n".encode()))
        (tmp_path / "here").mkdir()
        os.chdir(tmp_path / "here")
        assert command("dial", str(folder / "c.csv.gz"), "--text", "Hi", *QUICK[4:]).code == ExitCode.OK
        assert (folder / "c.sqlite").exists()


class TestOptions:
    """Options of people: days, times, columns."""

    @pytest.mark.parametrize(
        ("days", "found"),
        [
            ("mon-fri", ["mon", "tue", "wed", "thu", "fri"]),
            ("sat-mon", ["sat", "sun", "mon"]),
            ("Mon, wednesday", ["mon", "wed"]),
        ],
    )
    def test_days_are_ranges_and_names(self, days: str, found: list[str]) -> None:
        """Over the weekend too."""
        assert campaigns._days(days) == found

    def test_a_window_on_days(self) -> None:
        """Both are those of the campaign."""
        options = CampaignOptions(text="Hi", window="09:00-20:00", days="mon-fri", zone="Europe/Stockholm")
        assert str(options._window()) == "09:00-20:00 mon,tue,wed,thu,fri Europe/Stockholm"

    def test_until_may_be_a_time_of_today(self, command: Command) -> None:
        """Or a date with a time; nobody is called after it."""
        past = (datetime.now().astimezone() - timedelta(days=1)).isoformat()
        ran = command("dial", contacts(), *SPOKEN, "--dry-run", "--until", past, "--window", "00:00-24:00")
        assert "0 contacts to call" in ran.out
        assert command("dial", contacts(), *SPOKEN, "--dry-run", "--until", "00:00").code == 0

    def test_tabs_have_a_name(self, command: Command) -> None:
        """Which a shell does not swallow."""
        Path("c.tsv").write_text(f"number\tname\n{NUMBERS[0]}\tAnn\n", "utf-8")
        ran = command("dial", "c.tsv", *SPOKEN, "--dry-run", "--delimiter", "tab")
        assert "columns separated by tabs" in ran.err

    def test_attempts_per_day_are_kept(self) -> None:
        """As rules of the campaign."""
        rules = CampaignOptions(text="x", attempts=3, attempts_per_day=2)._redial_rules()
        assert rules is not None
        assert (rules.attempts, rules.attempts_per_day) == (3, 2)


class TestRejects:
    """``--rejects`` accounts for every row that cannot be called."""

    @pytest.mark.parametrize("cell", ["=1+1", ";=1+1", "a\n=1", "a\t@SUM(1)", "\uff1d1+1", ' "=1+1', "\ufeff=1", "|-1"])
    def test_no_spreadsheet_finds_a_formula(self, command: Command, cell: str) -> None:
        """Whatever separator it takes, as in a report; before a run and after it."""
        with Path("odd.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("number", "name"), (NUMBERS[0], "Ann"), ("0701", cell), (cell, "Bo")])
        command("dial", "odd.csv", *SPOKEN, "--dry-run", "--rejects", "bad.csv")
        command("dial", "odd.csv", *QUICK)
        command("dial", "report", "odd.sqlite", "--rejects", "after.csv")
        formula = re.compile('(?:^|[;\t\r\n|,])[\\s"\ufeff]*[=+\\-@\uff1d]')
        for name in ("bad.csv", "after.csv"):
            with Path(name).open(encoding="utf-8", newline="") as file:
                rows = [*csv.reader(file)]
            assert len(rows) == 3
            assert not [each for row in rows for each in row if formula.search(each)]

    def test_every_row_is_there_with_its_columns(self, command: Command) -> None:
        """Broken, doubled and unspeakable ones; the file may be mended and dialled."""
        file = contacts(
            f"{NUMBERS[0]},Ann", "0701,Bo", f"{NUMBERS[0]},Ann", f"{NUMBERS[1]}, ", "=1+1,Cy", "+1 900 555 0123,D"
        )
        ran = command("dial", file, *SPOKEN, "--dry-run", "--rejects", "bad.csv")
        assert "5 rows that cannot be called: bad.csv" in ran.err
        assert "national numbers need --country" in ran.err
        with Path("bad.csv").open(encoding="utf-8") as written:
            rows = [*csv.DictReader(written)]
        assert [(row["line"], row["name"]) for row in rows] == [
            ("3", "Bo"),
            ("4", "Ann"),
            ("5", " "),
            ("6", "Cy"),
            ("7", "D"),
        ]
        assert rows[1]["problem"] == "the same number as line 2"
        assert "--allow-premium" in rows[4]["problem"]
        assert rows[3]["number"] == "'=1+1"
        ran = command("dial", file, *SPOKEN, "--dry-run", "--rejects", "bad.csv")
        assert (ran.code, "bad.csv exists already; pass --force" in ran.err) == (2, True)
        assert command("dial", file, *SPOKEN, "--dry-run", "--rejects", "bad.csv", "--force").code == 0

    @pytest.mark.parametrize(
        "outputs",
        [
            ("--report", "x.sqlite"),
            ("--rejects", "x.sqlite"),
            ("--report", "./sub/../x.sqlite-wal"),
            ("--report", "contacts.csv"),
            ("--rejects", "other.csv"),
            ("--report", "stop.txt"),
            ("--report", "out.csv", "--rejects", "out.csv"),
        ],
    )
    def test_what_the_command_needs_is_not_replaced(self, command: Command, outputs: tuple[str, ...]) -> None:
        """Not the journal, which knows who was called, nor a list, by whatever name and with --force."""
        file = contacts(f"{NUMBERS[0]},Ann")
        Path(file).rename("contacts.csv")
        Path("sub").mkdir()
        Path("other.csv").symlink_to("contacts.csv")
        Path("stop.txt").write_text(f"{NUMBERS[1]}\n", "utf-8")
        ran = command(
            "dial", "contacts.csv", "--journal", "x.sqlite", *SPOKEN, "--do-not-call", "stop.txt", "--force", *outputs
        )
        assert (ran.code, "would replace" in ran.err) == (ExitCode.USAGE, True)
        assert NUMBERS[0] in Path("contacts.csv").read_text("utf-8")
        assert not Path("x.sqlite").exists()

    def test_a_report_does_not_replace_its_journal(self, command: Command, tmp_path: Path) -> None:
        """It would take with it who was called."""
        anyio.run(Campaign("x", journal="x.sqlite").enqueue, [NUMBERS[0]])
        ran = command("dial", "report", "x.sqlite", "--output", str(Path("x.sqlite").absolute()), "--force")
        assert (ran.code, "would replace" in ran.err) == (ExitCode.USAGE, True)
        assert Path("x.sqlite").read_bytes().startswith(b"SQLite")

    def test_values_of_json_are_cells(self, command: Command) -> None:
        """Lists as JSON, nothing as nothing."""
        Path("c.jsonl").write_text(json.dumps({"number": "x", "a": [1], "b": None}) + "\n", "utf-8")
        ran = command("dial", "c.jsonl", "--text", "Hi", "--dry-run", "--rejects", "bad.csv")
        assert ran.code == ExitCode.USAGE
        assert not Path("bad.csv").exists()


class TestControl:
    """From another terminal."""

    def test_a_campaign_is_paused_resumed_and_paced(self, command: Command, sandbox: Sandbox) -> None:
        """The running command waits, and goes on."""
        file, codes = contacts(), list[int]()
        run = threading.Thread(target=lambda: codes.append(main(["dial", file, *QUICK, "--cps", "1"])))
        run.start()
        _until(lambda: sandbox.calls)
        assert command("dial", "pause", "contacts.sqlite", "--reason", "lunch").out.startswith("Paused.")
        ran = command("dial", "status", "contacts.sqlite")
        assert "paused: lunch" in ran.out
        assert command("dial", "pace", "contacts.sqlite", "50").out.startswith("Set to 50 calls per second.")
        _until(lambda: "paused: lunch" in command("dial", "status", "contacts.sqlite").out)
        assert command("dial", "resume", "contacts.sqlite").out.startswith("Resumed.")
        command("dial", "watch", "contacts.sqlite", "--every", "0.1")
        run.join(300)
        assert codes == [ExitCode.OK]
        assert sum(rung(sandbox).values()) == 4

    def test_a_campaign_is_cancelled(self, command: Command, sandbox: Sandbox) -> None:
        """What is left stays to do; the pace may be given back, and must be a number."""
        file, codes = contacts(), list[int]()
        run = threading.Thread(target=lambda: codes.append(main(["dial", file, *SPOKEN, "--cps", "0.2"])))
        run.start()
        _until(lambda: sandbox.calls)
        assert command("dial", "cancel", "contacts.sqlite").code == ExitCode.OK
        run.join(300)
        assert codes == [ExitCode.INTERRUPTED]
        assert "left to call" in command.capsys.readouterr().err
        assert sum(rung(sandbox).values()) < 4
        assert command("dial", "pace", "contacts.sqlite", "own").out.startswith("Set to its own pace.")
        assert command("dial", "pace", "contacts.sqlite", "fast").code == ExitCode.USAGE

    def test_a_campaign_that_no_process_dials_is_told_from_one_that_runs(
        self, command: Command, sandbox: Sandbox
    ) -> None:
        """By the view and by each command, before, while and after a process dials."""
        file, resting = contacts(), "No process dial"
        anyio.run(Campaign("contacts", journal="contacts.sqlite").enqueue, NUMBERS[:2])
        journal = ("contacts.sqlite",)
        assert "no process dials it now" in command("dial", "status", *journal).out
        assert command("dial", "status", *journal, "--json").document["running"] is False
        for words in (["pause"], ["resume"], ["pace", "0.2"], ["cancel"]):
            said = command("dial", words[0], *journal, *words[1:]).out
            assert resting in said
            assert max(map(len, said.splitlines())) <= 80
        run = threading.Thread(target=main, args=(["dial", file, *SPOKEN, "--resume", "--yes", "--cps", "0.2"],))
        run.start()
        _until(lambda: sandbox.calls)
        assert command("dial", "status", *journal, "--json").document["running"] is True
        assert "no process" not in command("dial", "status", *journal).out
        for words in (["pause"], ["resume"], ["pace", "own"], ["cancel"]):
            assert resting not in command("dial", words[0], *journal, *words[1:]).out
        run.join(300)
        assert "no process dials it now" in command("dial", "status", *journal).out

    def test_calls_that_are_not_followed_are_over(self, command: Command) -> None:
        """Who watches such a campaign is not kept waiting for results that nobody asks for."""
        command("dial", contacts(), *SPOKEN, "--follow", "none")
        *_, last = command("dial", "watch", "contacts.sqlite", "--json").lines
        assert (last["active"], last["accepted"]) == (0, 4)

    def test_a_campaign_is_watched_to_its_end(self, command: Command, terminal: Terminal) -> None:
        """Line by line as JSON, and in place on a terminal."""
        command("dial", contacts(), *QUICK)
        *_, last = command("dial", "watch", "contacts.sqlite", "--json").lines
        assert (last["total"], last["answered"]) == (4, 4)
        with terminal():
            command("dial", "watch", "contacts.sqlite")
        assert "4/4  0 to do" in terminal.shown

    def test_nothing_to_list_is_said(self, command: Command) -> None:
        """A table without rows."""
        command("dial", contacts(), *QUICK)
        ran = command("dial", "unknowns", "contacts.sqlite")
        assert (ran.out, ran.err) == ("", "Nothing to list.\n")


def _until(so: Any) -> None:
    end = time.monotonic() + 300
    while not so():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_other_signals_are_ctrl_c(name: str) -> None:
    """A service that is stopped, a terminal that is closed."""
    number = getattr(signal, name)
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with Interrupts() as interrupts:
            os.kill(os.getpid(), number)
            assert interrupts.count == 1
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)


def test_an_answer_that_is_no_is_an_error_of_the_options() -> None:
    """Nothing was changed."""
    dial._confirm_differences((), Settings(), yes=False)
    with pytest.raises(ConfigurationError, match="--report /nowhere/x: there is no such folder"):
        campaigns.check_output(Path("/nowhere/x"), "--report", force=False)


@pytest.mark.parametrize(("error", "resumes"), [(CampaignError("the list is gone"), True), (JournalError("x"), False)])
def test_only_a_run_that_failed_is_resumed(
    monkeypatch: pytest.MonkeyPatch, error: CampaignError, *, resumes: bool
) -> None:
    """Another run would meet the same fault of the journal, and no other command resumes anything."""

    def fail(*_: object, **__: object) -> Any:
        raise error

    monkeypatch.setattr(live, "with_client", fail)
    watched = WatchedRun(settings=Settings(), campaign=Campaign("c", journal="c.sqlite"), resuming="")
    with pytest.raises(CampaignError) as caught:
        watched.run(fail, 600)
    assert ("no number is dialled twice" in str(explain(caught.value))) is resumes
    assert "resumes" not in str(explain(CampaignError("the list is gone")))


def test_a_file_that_could_not_be_written_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is refused before a contact is called: a link to nothing, a pipe, and a folder that is read-only."""
    path = tmp_path / "report.csv"
    path.symlink_to("nowhere")
    with pytest.raises(ConfigurationError, match="exists already; pass --force"):
        campaigns.check_output(path, "--report", force=False)
    campaigns.check_output(path, "--report", force=True)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ConfigurationError, match=r"--report .*report\.csv: it is not a regular file"):
        campaigns.check_output(path, "--report", force=True)
    monkeypatch.setattr(os, "access", lambda *_: False)
    path.unlink()
    with pytest.raises(ConfigurationError, match=r"--report .*report\.csv: its folder cannot be written to"):
        campaigns.check_output(path, "--report", force=False)


class TestPowerShell:
    """Completion for PowerShell."""

    def test_its_script_is_printed(self, command: Command) -> None:
        """With the name of the program."""
        said = command("completion", "powershell").out
        assert said.startswith("Register-ArgumentCompleter -Native -CommandName sinch-voice ")
        assert "$env:_SINCH_VOICE_COMPLETE" in said

    @pytest.mark.parametrize(
        ("words", "word", "line"),
        [
            ("sinch-voice conf", "conf", "conference\tCall into conferences, and manage them."),
            ("sinch-voice call --enable-d", "--enable-d", "--enable-dice\tAsk for the DisconnectedCall event."),
            ("sinch-voice dial ", "", "release\tLet NUMBERS be dialled again."),
        ],
    )
    def test_it_completes(self, monkeypatch: pytest.MonkeyPatch, words: str, word: str, line: str) -> None:
        """Commands, options, and what follows a space."""
        from sinch_voice_async.cli.app import app

        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_WORD", word)
        found = PowerShellComplete(app, {}, "sinch-voice", "_SINCH_VOICE_COMPLETE").complete()
        assert line in found.splitlines()


def test_stdin_is_needed_for_an_answer(command: Command, sandbox: Sandbox, stdin: Stdin) -> None:
    """Without a terminal nothing is asked, and the calls are placed."""
    stdin("")
    assert command("dial", contacts(), *QUICK).code == ExitCode.OK
    assert len(rung(sandbox)) == 4
    assert CLI


class TestEdges:
    """What happens seldom."""

    def test_a_watched_campaign_is_drawn_line_by_line(
        self, command: Command, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
    ) -> None:
        """As JSON too, while calls are left: here a campaign that stopped for want of credit, until it is resumed."""
        sandbox.faults.add("POST", status=402, times=1)
        command("dial", contacts(), *QUICK)
        looks = [0]

        async def sleep(_: float) -> None:
            looks[0] += 1
            if looks[0] == 2:
                raise KeyboardInterrupt

        monkeypatch.setattr(dial_journal, "anyio", SimpleNamespace(sleep=sleep))
        ran = command("dial", "watch", "contacts.sqlite", "--json")
        assert ran.code == ExitCode.INTERRUPTED
        assert [line["to_do"] for line in ran.lines] == [4, 4]
        assert "Stopped watching; that does not stop the campaign." in ran.err
        looks[0] = 0
        assert command("dial", "watch", "contacts.sqlite").code == ExitCode.INTERRUPTED

    def test_a_release_without_a_question(self, command: Command, sandbox: Sandbox) -> None:
        """--yes; all that are unknown, of which there are none."""
        sandbox.faults.add("POST", status=400, times=1)
        command("dial", contacts(f"{NUMBERS[0]},Ann"), *QUICK)
        ran = command("dial", "release", "contacts.sqlite", NUMBERS[0], "--yes", "--json")
        assert ran.document == {"released": 1}

    def test_a_number_that_comes_twice_is_one(self, command: Command, sandbox: Sandbox) -> None:
        """However it is written."""
        sandbox.faults.add("POST", status=400, times=1)
        command("dial", contacts(f"{NUMBERS[0]},Ann"), *QUICK)
        spelled = (NUMBERS[0], f"00{NUMBERS[0][1:]}")
        ran = command("dial", "release", "contacts.sqlite", *spelled, "--yes")
        assert ran.out == "1 contact may be dialled again\n"

    def test_a_list_in_another_encoding(self, command: Command, sandbox: Sandbox) -> None:
        """--encoding is for it too; a list in UTF-8 beside contacts in another encoding is read as it is."""
        Path("stop.txt").write_bytes(f"# får ej ringas\n{NUMBERS[1]}\n".encode("cp1252"))
        arguments = ("dial", contacts(), *QUICK, "--do-not-call", "stop.txt")
        assert "pass --encoding cp1252" in command(*arguments).err
        command(*arguments, "--encoding", "cp1252")
        assert NUMBERS[1] not in rung(sandbox)

    def test_an_opt_out_list_is_a_list(self, command: Command, sandbox: Sandbox) -> None:
        """The file that a program keeps; one that is missing is an error."""
        with contextlib.closing(OptOutList("opt-outs.sqlite")) as opt_outs:
            opt_outs.add(NUMBERS[1], "pressed 9")
        command("dial", contacts(), *QUICK, "--do-not-call", "opt-outs.sqlite")
        assert {*rung(sandbox)} == {*NUMBERS} - {NUMBERS[1]}
        ran = command("dial", contacts(name="b.csv"), *QUICK, "--do-not-call", "none.txt")
        assert (ran.code, "none.txt cannot be read" in ran.err) == (ExitCode.USAGE, True)

    def test_nothing_to_say(self, command: Command) -> None:
        """A campaign needs a text, and so does a worker."""
        assert "Nothing to say: pass --text" in command("dial", contacts()).err
        assert "Nothing to say: pass --text" in command("dial", "worker", "postgresql://x/y").err

    def test_a_journal_of_another_program_has_no_file(self, command: Command) -> None:
        """Then its contacts are called, and the text is asked for."""
        import anyio

        from sinch_voice_async.dialer import Campaign

        async def begin() -> None:
            await Campaign("spring", journal="spring.sqlite").enqueue([NUMBERS[0]])

        anyio.run(begin)
        ran = command("dial", "--resume", "--journal", "spring.sqlite", "--text", "Hi", *QUICK[2:])
        assert ran.code == ExitCode.OK

    @pytest.mark.parametrize(
        ("option", "value"),
        [
            ("--base-url", "http://me:pw@127.0.0.1"),
            ("--configuration-url", "http://me%3Apw@127.0.0.1"),
            ("--proxy", "http://token@127.0.0.1"),
            ("--proxy", "me:pw@127.0.0.1:80"),
        ],
    )
    def test_no_option_takes_a_password(self, command: Command, option: str, value: str) -> None:
        """However it is written, and it is not repeated."""
        ran = command("status", "x", option, value)
        assert (ran.code, "holds a password" in ran.err, "pw" in ran.err) == (ExitCode.USAGE, True, False)

    @pytest.mark.parametrize("option", ["--base-url", "--configuration-url"])
    def test_an_empty_url_is_not_the_platform(self, command: Command, option: str) -> None:
        """A variable of a script that is not set."""
        ran = command("status", "x", option, " ")
        assert (ran.code, "is empty" in ran.err) == (ExitCode.USAGE, True)

    def test_a_region_of_tomorrow_is_told(self, command: Command) -> None:
        """In one line, and it is used."""
        ran = command("numbers", "list", "--region", "mars1")
        assert ran.code == ExitCode.OK
        assert ran.err.startswith("Warning: ")

    def test_no_is_an_answer(self, command: Command, sandbox: Sandbox, person: Any) -> None:
        """Nothing is released."""
        sandbox.faults.add("POST", status=400, times=1)
        command("dial", contacts(f"{NUMBERS[0]},Ann"), *QUICK)
        person("n")
        assert command("dial", "release", "contacts.sqlite", NUMBERS[0]).code == ExitCode.INTERRUPTED

    def test_a_world_of_countries_has_no_estimate(self, command: Command, person: Any) -> None:
        """More than five country codes would take too many questions to the platform."""
        people = ["+46700000001", "+4790000001", "+33612345678", "+442079460018", "+12015550123", "+81312345678"]
        person("n")
        assert "Cost" not in command("dial", contacts(*(f"{number},Ann" for number in people)), *QUICK).err

    @pytest.mark.parametrize("pause", ["lunch", None])
    async def test_only_a_pause_of_a_person_is_waited_for(self, pause: str | None) -> None:
        """Also in the moment when it was ended and the run has not seen it; any other pause ends the command."""
        looks, cancelled = [pause, None], list[int]()

        async def control() -> Control:
            return Control(pause=looks.pop(0))

        campaign: Any = SimpleNamespace(control=control)
        running: Any = SimpleNamespace(paused="lunch", cancel=lambda: cancelled.append(1))
        watched = WatchedRun(settings=Settings(), campaign=campaign, resuming="")
        for _ in range(2 if pause else 1):
            await watched._stop_if_needed(running, Interrupts())
        assert (watched.stopped is None, not cancelled) == (bool(pause), bool(pause))

    def test_a_system_without_a_signal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Windows has no SIGHUP."""
        monkeypatch.delattr(signal, "SIGHUP")
        with Interrupts() as interrupts:
            os.kill(os.getpid(), signal.SIGTERM)
        assert interrupts.count == 1

    def test_nohup_is_obeyed(self) -> None:
        """A campaign that was started with nohup goes on when its terminal is closed."""
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            with Interrupts() as interrupts:
                os.kill(os.getpid(), signal.SIGHUP)
            assert interrupts.count == 0
        finally:
            signal.signal(signal.SIGHUP, before)

    def test_thousands_of_problems_are_counted(self) -> None:
        """The first thousand are kept."""
        found = findings()
        for line in range(1, 1200):
            found.note(line, "x")
        assert (found.bad, len(found.problems)) == (1199, 1000)

    def test_the_zones_of_the_first_people_are_looked_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of a million, twenty thousand tell enough."""
        monkeypatch.setattr(campaigns, "_LOOKED_AT", 1)
        found = findings(Contact(NUMBERS[0]), Contact(NUMBERS[1]))
        assert (sum(found.zones.values()), found.sound) == (1, 2)


class TestSmallWords:
    """What an operator meets and has to understand."""

    def test_nothing_to_call_is_not_asked_about(self, command: Command, sandbox: Sandbox, person: Any) -> None:
        """No question and no journal, so that the same command may be given again."""
        Path("stop.txt").write_text(f"{NUMBERS[0]}\n", "utf-8")
        person()
        for _ in range(2):
            ran = command("dial", contacts(f"{NUMBERS[0]},Ann"), *SPOKEN, "--do-not-call", "stop.txt")
            assert (ran.code, "no contact is left to call" in ran.err) == (ExitCode.REJECTED, True)
        assert not sandbox.calls
        assert not Path("contacts.sqlite").exists()

    def test_a_finished_campaign_is_not_paused(self, command: Command) -> None:
        """The next run would wait without end."""
        command("dial", contacts(), *QUICK)
        assert "nothing to pause" in command("dial", "pause", "contacts.sqlite").out
        assert "paused" not in command("dial", "status", "contacts.sqlite").out

    @pytest.mark.parametrize("journal", ["name=Ann.sqlite", "a\x1bb.sqlite"])
    def test_a_journal_of_an_odd_name(self, command: Command, sandbox: Sandbox, journal: str) -> None:
        """It is a file: made once, and continued only by --resume."""
        file = contacts(f"{NUMBERS[0]},Ann")
        assert command("dial", file, *QUICK, "--journal", journal).code == ExitCode.OK
        ran = command("dial", file, *QUICK, "--journal", journal)
        assert (ran.code, "--resume continues it" in ran.err) == (ExitCode.USAGE, True)

    def test_rejects_have_the_same_first_columns(self, command: Command) -> None:
        """Whether they are written before the calls or from the journal afterwards."""
        file = contacts(f"{NUMBERS[0]},Ann", "0701,Bo", f"{NUMBERS[0]},Ann")
        command("dial", file, *QUICK, "--rejects", "before.csv")
        command("dial", "report", "contacts.sqlite", "--rejects", "after.csv")
        tables = []
        for name in ("before.csv", "after.csv"):
            with Path(name).open(encoding="utf-8") as written:
                tables.append([*csv.DictReader(written)])
        keys = [[(row["line"], row["fate"]) for row in table] for table in tables]
        assert keys == [[("3", "broken"), ("4", "duplicate")]] * 2
        assert all("--country" in table[0]["problem"] for table in tables)

    def test_exceptions_have_words(self, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        """No name of Python's in a table for operators."""

        async def claim() -> None:
            async with Campaign("contacts", journal="contacts.sqlite") as ours:
                await ours.enqueue([NUMBERS[0]])
                journal = ours.journal
                await journal.claim(Claim(number=NUMBERS[0], token="t", at=1.0))
                await journal.change("t", Change.MARK_UNKNOWN, AttemptUpdate(note="RequestTimeoutError"), 1.0)

        anyio.run(claim)
        assert "no answer in time" in command("dial", "unknowns", "contacts.sqlite").out

    def test_a_report_does_not_replace_its_list(self, command: Command) -> None:
        """The journal knows which files the campaign reads."""
        file = contacts(f"{NUMBERS[0]},Ann")
        Path("stop.txt").write_text(f"{NUMBERS[1]}\n", "utf-8")
        command("dial", file, *QUICK, "--do-not-call", "stop.txt")
        for target in (file, "stop.txt"):
            ran = command("dial", "report", "contacts.sqlite", "--output", target, "--force")
            assert (ran.code, "would replace" in ran.err) == (ExitCode.USAGE, True)

    def test_without_tables_it_is_said(self, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        """Premium-rate numbers are recognised by the tables of an extra alone."""
        monkeypatch.setattr(dial, "tables", lambda: None)
        ran = command("dial", contacts(), *SPOKEN, "--dry-run")
        assert "Premium-rate numbers" in ran.err
        assert "Premium-rate" not in command("dial", contacts(), *SPOKEN, "--dry-run", "--allow-premium").err

    async def test_the_cost_has_a_currency(self) -> None:
        """One currency is named; the sum of two would be none."""
        counts = Counts()
        counts.start([_spent("EUR"), _spent(None)])
        assert (counts.spent, counts.currencies) == (Decimal(2), {"EUR"})
        price = Price(amount=Decimal(1), currency_id="SEK")
        counts.reach(Outcome(contact=Contact(NUMBERS[0]), state=ContactState.DONE, price=price))
        assert counts.currencies == {"EUR", "SEK"}


def _spent(currency: str | None) -> Total:
    return Total(
        state=ContactState.DONE, result=None, note=None, contacts=1, attempts=1, spent=Decimal(1), currency=currency
    )
