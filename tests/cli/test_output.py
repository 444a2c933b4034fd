"""What is printed: nothing that a terminal would obey, words that count rightly, and lines that fit."""

import json
import logging
import re
import sys
from collections.abc import Iterator

import attrs
import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinch_voice_async.cli.app import app
from sinch_voice_async.cli.failures import in_options, masked
from sinch_voice_async.cli.live import Display, Rate, Standing
from sinch_voice_async.cli.output import (
    _document,
    aligned,
    colours,
    count,
    duration,
    log_to_stderr,
    say_marked,
    tell,
    visible,
)
from sinch_voice_async.sandbox import Sandbox

from .conftest import CALLEE, CLI, Command, Terminal

ESCAPES = "\x1b]52;c;ZXZpbA==\x07\x1b[2J\x9b31m\u202e\r"


@given(st.text())
def test_whatever_is_printed_can_be_seen(text: str) -> None:
    """No control, format or surrogate character is left; what can be seen stays as it is."""
    assert visible(text).isprintable()
    assert visible(text, lines=True).replace("\n", "").replace("\t", "").isprintable()
    if text.isprintable():
        assert visible(text) == text
    assert json.loads(_document({"x": text})) == {"x": text}
    assert _document({"x": text}).isprintable()


@pytest.mark.parametrize("json_", [(), ("--json",)])
@pytest.mark.parametrize("arguments", [("status", f"x{ESCAPES}"), ("recordings", "download", f"a{ESCAPES}")])
def test_no_escape_reaches_a_terminal(
    command: Command, terminal: Terminal, arguments: tuple[str, ...], json_: tuple[str, ...]
) -> None:
    """Ids and keys among the arguments, repeated in messages."""
    with terminal():
        command.run([*arguments, *json_])
    assert terminal.shown
    assert not re.search(r"[\x07\x9b\u202e]|\x1b[\]\[]", terminal.shown)


def test_what_the_platform_says_is_shown_as_text(command: Command, sandbox: Sandbox, terminal: Terminal) -> None:
    """In a table, in lines and in JSON."""
    sandbox.add_recording(f"a{ESCAPES}.wav")
    for more in ((), ("--json",)):
        with terminal():
            command.run(["recordings", "list", *more])
        assert "\\u202e" in terminal.shown
        assert not re.search(r"[\x07\x9b\u202e]|\x1b[\]]", terminal.shown)


def test_warnings_of_the_library_are_lines_too(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is logged past the one place; a process that logs by itself is left alone."""
    logger = logging.getLogger("sinch_voice_async")
    root, before = logging.getLogger(), logger.handlers[:]
    kept, root.handlers[:] = root.handlers[:], []
    logger.handlers[:] = []
    try:
        handler = log_to_stderr()
        logger.warning("the clock is %s\x1b[2J", "off")
        logger.info("quiet")
        assert logger.handlers == [handler]
        log_to_stderr()
        assert logger.handlers == [handler]
    finally:
        logger.handlers[:], root.handlers[:] = before, kept
    assert capsys.readouterr().err == "sinch-voice: warning: the clock is off\\x1b[2J\n"


def test_colours_are_asked_for(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """NO_COLOR wins; FORCE_COLOR colours a pipe."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert colours() is None
    monkeypatch.setenv("FORCE_COLOR", "1")
    say_marked("ok", "green", "fine\x1b[2J")
    assert capsys.readouterr().out == "\x1b[32mok\x1b[0m fine\\x1b[2J\n"
    monkeypatch.setenv("NO_COLOR", "1")
    say_marked("ok", "green", "fine")
    assert capsys.readouterr().out == "ok fine\n"


def test_long_lines_break_between_words_on_a_terminal(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    """In a pipe they stay one line."""
    text = "sinch-voice: " + "word " * 40
    with terminal():
        tell(text)
    lines = terminal.shown.split("\r\n")
    assert max(map(len, lines)) < 100
    assert all(line.replace("word", "").strip(" :") in ("", "sinch-voice") for line in lines)
    tell(text)
    assert capsys.readouterr().err == text + "\n"


def test_words_count_rightly() -> None:
    """One row, two rows."""
    assert [count(number, "row") for number in (0, 1, 2, 12_345)] == ["0 rows", "1 row", "2 rows", "12,345 rows"]
    assert aligned({"a": 1, "long": "x\n\x1b", "none": None}) == "a     1\nlong  x\\n\\x1b"
    assert aligned({}) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0 s"), (20.2, "20 s"), (89, "89 s"), (90, "2 min"), (5399, "1 h 30 min"), (3600 * 1234, "1,234 h 00 min")],
)
def test_durations_are_as_people_say_them(seconds: float, text: str) -> None:
    """Seconds, minutes or hours."""
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("python", "shell"),
    [
        ('pass encoding="cp1252"', "pass --encoding cp1252"),
        ("has no column 'x': pass number='Mobil'", "has no column 'x': pass --number-column Mobil"),
        ("pass number=", "pass --number-column"),
        ("or pass country=", "or pass --country"),
        (
            "application_secret (or SINCH_APPLICATION_SECRET) is malformed",
            "the application secret (or SINCH_APPLICATION_SECRET) is malformed",
        ),
        ("pass overwrite=True to replace it", "pass --force to replace it"),
        ("or set enable_ace=True", "or pass --enable-ace"),
        ("calls_per_second must be positive", "--cps must be positive"),
        ("country must be two letters", "--country must be two letters"),
        ("a text of another country must be", "a text of another country must be"),
        ("conference_id must be a str", "CONFERENCE_ID must be a str"),
        ("do_not_call, entry 3", "--do-not-call, entry 3"),
        ("pass allow_premium=True to call it", "pass --allow-premium to call it"),
    ],
)
def test_messages_speak_of_options(python: str, shell: str) -> None:
    """Parameters of Python become what can be typed."""
    assert in_options(python) == shell
    assert masked(python) == shell


def test_every_parameter_has_an_option(command: Command) -> None:
    """What a message is translated to can be typed in some command."""
    known = {"--number-column"}
    context = click.Context(app)
    groups: list[click.Group] = [app]
    while groups:
        group = groups.pop()
        for name in group.list_commands(context):
            found = group.get_command(context, name)
            assert found is not None
            known |= {option for each in found.params for option in each.opts}
            groups += [found] if isinstance(found, click.Group) else []
    for parameter in (
        "overwrite",
        "allow_premium",
        "country",
        "encoding",
        "delimiter",
        "calls_per_second",
        "in_flight",
    ):
        assert in_options(f"pass {parameter}=True").removeprefix("pass ") in known


class TestLive:
    """How a campaign stands while it runs."""

    STANDING = Standing(
        scope="campaign",
        total=1200,
        to_do=700,
        active=12,
        answered=300,
        busy=40,
        failed=38,
        accepted=1,
        rejected=7,
        unknown=2,
        skipped=100,
        broken=3,
        rate=4.0,
        cost="12.40 EUR",
        health="paused: no credit\x1b[2J",
    )

    @pytest.mark.parametrize("width", [50, 60, 79, 119])
    def test_every_line_fits(self, width: int) -> None:
        """Two to six lines, nothing cut but at very narrow widths."""
        lines = self.STANDING.lines(width)
        assert 2 <= len(lines) <= 6
        assert max(map(len, lines)) <= width
        assert not any("\x1b" in line for line in lines)
        text = " ".join(lines)
        assert "..." not in text
        if width >= 60:
            for part in (
                "488/1,200",
                "700 to do",
                "4.0 calls/s",
                "3 min left",
                "300 answered",
                "3 broken rows",
                "12.40",
            ):
                assert part in text

    def test_what_did_not_happen_is_left_out(self) -> None:
        """A campaign at its start has two lines."""
        quiet = Standing(scope="campaign", total=0, to_do=0, active=0)
        assert [line.strip() for line in quiet.lines()] == [
            f"[{'':24}] 0/0  0 to do",
            "campaign: 0 active",
        ]
        assert quiet.line() == "campaign: 0 of 0 done, 0 to do, 0 active"

    @pytest.mark.parametrize(
        ("running", "to_do", "polled", "is_said"),
        [
            (False, 1, False, True),
            (False, 0, True, True),  # results of active calls are not asked for
            (False, 0, False, False),  # callbacks bring them
            (None, 1, True, False),
            (True, 1, True, False),
        ],
    )
    def test_a_campaign_that_no_process_dials(
        self, running: bool | None, to_do: int, polled: bool, is_said: bool
    ) -> None:
        """That is said if it is certain and contacts or results are left, also beside the reason of a pause."""
        standing = Standing(
            scope="campaign", total=3, to_do=to_do, active=1, health="paused: lunch", running=running, polled=polled
        )
        said = "no process dials it now: `dial --resume --journal JOURNAL` continues it"
        assert (standing.lines()[-1] == said) is is_said
        assert standing.line().endswith(f"(paused: lunch; {said})" if is_said else "(paused: lunch)")

    def test_a_line_now_and_then_in_a_pipe(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Every ten seconds, and at the end."""
        now = [100.0]
        display = Display(lambda: now[0])
        standing = attrs.evolve(self.STANDING, health="")
        for now[0] in (100.0, 109.0, 110.0, 119.0):
            display(standing)
        display.end(self.STANDING)
        first, last = capsys.readouterr().err.splitlines()
        assert first.startswith("campaign: 488 of 1,200 done, 700 to do, 12 active, 300 answered, 40 busy, 38 failed, ")
        assert first.endswith("4.0 calls/s, 3 min left")
        assert last.endswith("(paused: no credit\\x1b[2J)")

    def test_the_rate_is_that_of_the_last_seconds(self) -> None:
        """What was ten seconds ago is forgotten."""
        now = [0.0]
        rate = Rate(lambda: now[0])
        assert rate.of(0) is None
        now[0] = 5.0
        assert rate.of(50) == 10
        now[0] = 15.0
        assert rate.of(70) == 2


# `dial FILE` is short for `dial run FILE`.
SHORT: dict[tuple[str, ...], str] = {("dial", "run"): "sinch-voice dial"}


def every_command(group: click.Group, *before: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of a group and of all commands in it that are not hidden."""
    yield before
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from every_command(found, *before, name)
        elif found is not None and not found.hidden:
            yield *before, name


def test_every_help_has_an_example_and_fits(command: Command) -> None:
    """At 80 columns, with lines that stay as they are written; the example is one of that very command."""
    names = [name for name in every_command(app) if name != ("sandbox",)]  # a program of its own
    assert len(names) > 50
    for name in names:
        ran = command(*name, "--help")
        assert ran.code == 0, name
        program = SHORT.get(name) or " ".join(("sinch-voice", *name))
        assert re.search(rf"\n *Examples?:\n(.*\n)*? +{re.escape(program)}\b", ran.out), name
        assert max(map(len, ran.out.splitlines())) <= 80, name


def test_a_reader_that_has_seen_enough_is_no_fault(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `head` is: no message."""

    def broken(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(app, "main", broken)
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    ran = command("call", CALLEE, "x", "--cli", CLI)
    sys.stdout.close()
    assert (ran.code, ran.out, ran.err) == (1, "", "")
