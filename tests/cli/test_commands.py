"""Each command does on a served sandbox what its help says, and prints it for people and for programs."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from sinch_voice_async import CalloutReceipt
from sinch_voice_async._endpoints.callouts import Callouts
from sinch_voice_async.sandbox import Sandbox

from .conftest import CALLEE, CLI, KEY, Command, Stdin, Terminal


def _call(command: Command, *more: str) -> str:
    return command("call", CALLEE, "Hello", "--cli", CLI, *more).out.strip()


def _placed(sandbox: Sandbox, call_id: str) -> Any:
    return sandbox.calls[call_id].request["ttsCallout"]


class TestCall:
    """``sinch-voice call``."""

    def test_it_rings_and_prints_the_id(self, either: Command, sandbox: Sandbox) -> None:
        """On either event loop, the text and every option reach the platform, and stdout is the id alone."""
        options = ("--locale", "en-GB", "--custom", "mine", "--enable-dice", "--no-enable-ace", "--dtmf", "1w2")
        ran = either("call", CALLEE, "Hello", "--cli", CLI, *options, "--callback-header", "X-CB-A=b")
        assert (ran.code, ran.err) == (0, "")
        assert _placed(sandbox, ran.out.strip()) == {
            "destination": {"type": "number", "endpoint": CALLEE},
            "text": "Hello",
            "cli": CLI,
            "locale": "en-GB",
            "custom": "mine",
            "dtmf": "1w2",
            "enableDice": True,
            "enableAce": False,
        }

    def test_json_is_one_document(self, command: Command) -> None:
        """The receipt, with the names of the model."""
        ran = command("call", CALLEE, "Hello", "--cli", CLI, "--json")
        assert [*ran.document] == ["call_id"]

    def test_it_waits_for_the_end(self, either: Command) -> None:
        """With --wait the answer is the call that has ended; that it rings is told on stderr."""
        ran = either("call", CALLEE, "Hello", "--cli", CLI, "--wait", "--json")
        assert ran.document["result"] == "ANSWERED"
        assert ran.err == f"Ringing: call {ran.document['call_id']}\n"
        assert "result    ANSWERED" in command_text(either)

    def test_it_gives_up_waiting(self, command: Command, sandbox: Sandbox) -> None:
        """The call goes on: exit code 1, and no answer on stdout."""
        sandbox.phone(CALLEE).hangs_up(after=None)
        ran = command("call", CALLEE, "Hello", "--cli", CLI, "--wait", "--give-up-after", "0.05")
        assert (ran.code, ran.out) == (1, "")
        assert "not final after 0.05 s" in ran.err

    def test_an_id_that_cannot_be_asked_for(self, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        """The callout was placed, so the arguments were not wrong: exit code 1, and a sentence."""

        async def place(*_: object, **__: object) -> CalloutReceipt:
            return CalloutReceipt(call_id="a\x1bb")

        monkeypatch.setattr(Callouts, "place", place)
        ran = command("call", CALLEE, "Hello", "--cli", CLI, "--wait")
        assert (ran.code, ran.out) == (1, "")
        assert "The callout was placed, and no call can be asked for by that id" in ran.err
        assert "\x1b" not in ran.err

    def test_a_text_comes_from_stdin(self, command: Command, sandbox: Sandbox, stdin: Stdin) -> None:
        """A text of - keeps what is said out of the arguments."""
        stdin("From a pipe\n")
        call_id = command("call", CALLEE, "-", "--cli", CLI).out.strip()
        assert _placed(sandbox, call_id)["text"] == "From a pipe"

    def test_users_and_sip_addresses_are_called(self, command: Command, sandbox: Sandbox) -> None:
        """--to says what the destination is."""
        call_id = command("call", "johndoe", "--to", "username", "--prompts", "#tts[Hi]", "--cli", CLI).out.strip()
        assert _placed(sandbox, call_id)["destination"]["type"] == "username"

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (
                ("hello", "Hello"),
                "such as +46 70 123 45 67; say --to username or --to sip for anything else",
            ),
            (("a b", "Hello", "--to", "sip"), "DESTINATION must be a SIP address without spaces"),
            ((CALLEE, "x" * 11, "--max-text-length", "10"), "text"),
            ((CALLEE, "Hello", "--dtmf", "abc"), "dtmf"),
            ((CALLEE, "Hello", "--callback-header", "Nonsense=1"), "X-CB-"),
        ],
    )
    def test_what_cannot_be_sent_is_said_and_not_sent(
        self, command: Command, sandbox: Sandbox, arguments: tuple[str, ...], problem: str
    ) -> None:
        """Exit code 2, a sentence that names the field, and nobody is rung."""
        ran = command("call", *arguments, "--cli", CLI)
        assert (ran.code, ran.out, sandbox.executed) == (2, "", 0)
        assert problem in ran.err


def command_text(command: Command) -> str:
    """Return what a person reads of a call that was waited for."""
    return command("call", CALLEE, "Hello", "--cli", CLI, "--wait").out


class TestCalls:
    """``sinch-voice status`` and ``hangup``."""

    def test_status_prints_the_fields(self, either: Command) -> None:
        """One field on each line; what the platform left out is not there."""
        call_id = _call(either)
        lines = either("status", call_id).out.splitlines()
        assert lines[0].split() == ["call", call_id]
        assert "None" not in "".join(lines)
        assert either("status", call_id, "--json").document["call_id"] == call_id

    def test_watch_prints_every_change_until_the_end(self, either: Command, sandbox: Sandbox) -> None:
        """A line for each change; JSON lines with --json; it ends with the call."""
        call_id = _call(either)
        sandbox.faults.add("GET", body=b'{"callId": "%s", "status": "ONGOING"}' % call_id.encode(), times=3)
        lines = either("status", call_id, "--watch", "--every", "0.01", "--json").lines
        assert [each["status"] for each in lines] == ["ONGOING", "FINAL"]
        assert all(first != second for first, second in itertools.pairwise(lines))
        assert "FINAL  ANSWERED" in either("status", lines[0]["call_id"], "--watch").out

    def test_hangup_ends_a_call(self, command: Command, sandbox: Sandbox) -> None:
        """The call is over on the platform."""
        sandbox.phone(CALLEE).hangs_up(after=None)
        call_id = _call(command)
        assert command("hangup", call_id).out == f"Hung up {call_id}\n"
        assert command("hangup", call_id).code == 4


class TestConference:
    """``sinch-voice conference``."""

    def test_everything_takes_the_conference_first(self, either: Command, sandbox: Sandbox) -> None:
        """Call, show, mute, unmute, hold, resume, kick, and kick all."""
        sandbox.phone(CALLEE).hangs_up(after=None)
        call_id = either("conference", "call", "board", CALLEE, "--cli", CLI, "--greeting", "Welcome").out.strip()
        assert either("conference", "show", "board").out.startswith(f"{call_id}\t")
        for verb, done in (("mute", "muted"), ("unmute", "unmuted"), ("hold", "on hold"), ("resume", "resumed")):
            assert either("conference", verb, "board", call_id).out == f"{done}: {call_id}\n"
        assert either("conference", "hold", "board", call_id, "--moh", "music1").code == 0
        (participant,) = either("conference", "show", "board", "--json").document
        assert (participant["call_id"], participant["on_hold"]) == (call_id, True)
        assert either("conference", "kick", "board", call_id).code == 0
        assert either("conference", "kick-all", "board").code == 4

    def test_everybody_is_kicked(self, command: Command, sandbox: Sandbox) -> None:
        """That ends the conference."""
        sandbox.phone(CALLEE).hangs_up(after=None)
        command("conference", "call", "board", CALLEE, "--cli", CLI)
        assert command("conference", "kick-all", "board", "--json").document["done"] == "kicked all"


class TestConfiguration:
    """``sinch-voice numbers`` and ``callbacks``."""

    def test_numbers_are_assigned_listed_and_taken_away(self, either: Command) -> None:
        """Without a terminal a listing is columns with tabs."""
        assert either("numbers", "assign", "+46700000002", "+46700000003", "--capability", "voice").code == 0
        assert either("numbers", "list").out.splitlines()[0].split("\t") == ["+46700000002", KEY, "voice"]
        assert either("numbers", "unassign", "+46700000002").out == "unassigned +46700000002\n"
        assert [each["application_key"] for each in either("numbers", "list", "--json").document] == [None, KEY]

    def test_a_number_is_looked_up(self, command: Command) -> None:
        """Its country, kind and price."""
        assert "country     SE" in command("numbers", "query", "+46700000002").out
        assert command("numbers", "query", "+46700000002", "--json").document["country_id"] == "SE"

    def test_a_terminal_gets_a_table(self, command: Command, terminal: Terminal) -> None:
        """With heads, and columns that stand under them."""
        command("numbers", "assign", "+46700000002")
        with terminal():
            command("numbers", "list")
        assert "application" in terminal.shown

    def test_callback_urls_are_set_and_read(self, command: Command) -> None:
        """Both of them, also of another application's key where the platform knows it."""
        urls = ("https://example.com/a", "https://example.com/b")
        assert command("callbacks", "set", *urls).code == 0
        assert command("callbacks", "get").out == f"primary   {urls[0]}\nfallback  {urls[1]}\n"
        assert command("callbacks", "get", "--json").document == {"primary": urls[0], "fallback": urls[1]}
        assert command("callbacks", "get", "--application", "other").code == 3


class TestRecordings:
    """``sinch-voice recordings``."""

    def test_they_are_listed(self, either: Command, sandbox: Sandbox) -> None:
        """With --json one on each line; --limit ends the listing."""
        for key in ("a.wav", "b.wav", "c.wav"):
            sandbox.add_recording(key)
        assert len(either("recordings", "list").out.splitlines()) == 3
        assert len(either("recordings", "list", "--json").lines) == 3
        assert len(either("recordings", "list", "--limit", "2", "--json").lines) == 2
        assert either("recordings", "list", "--start", "2020-01-01", "--end", "2020-01-02").out == ""

    def test_one_is_downloaded(self, either: Command, sandbox: Sandbox, tmp_path: Path) -> None:
        """Into the file that was named; an existing one is kept unless it is forced away."""
        sandbox.add_recording("call.wav", data=b"RIFF of old")
        target = tmp_path / "mine.wav"
        assert either("recordings", "download", "call.wav", "-o", str(target)).out == f"{target}\n"
        assert target.read_bytes() == b"RIFF of old"
        assert either("recordings", "download", "call.wav", "-o", str(target)).code != 0
        ran = either("recordings", "download", "call.wav", "-o", str(target), "--force", "--json")
        assert ran.document == {"key": "call.wav", "file": str(target), "bytes": 11}

    def test_the_last_part_of_the_key_names_the_file(
        self, command: Command, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In the current folder and nowhere else; a key that makes no name asks for one."""
        monkeypatch.chdir(tmp_path)
        sandbox.add_recording("2026/../../call.wav")
        assert command("recordings", "download", "2026/../../call.wav").out == "call.wav\n"
        assert [each.name for each in tmp_path.iterdir()] == ["call.wav"]
        for key in ("..", "folder/", "C:", ".hidden"):
            assert "pass --output" in command("recordings", "download", key).err

    def test_they_are_deleted(self, command: Command, sandbox: Sandbox) -> None:
        """Each that is named; the first that is not there ends it."""
        for key in ("a.wav", "c.wav"):
            sandbox.add_recording(key)
        ran = command("recordings", "delete", "a.wav", "b.wav", "c.wav")
        assert (ran.code, ran.out, len(sandbox.recordings)) == (4, "deleted a.wav\n", 1)
        assert command("recordings", "delete", "c.wav", "--json").document == {"deleted": "c.wav"}

    def test_one_that_breaks_off_is_gone_on_with(self, command: Command, sandbox: Sandbox, tmp_path: Path) -> None:
        """The first run says so, the second finds what is there."""
        sandbox.add_recording("call.wav", data=b"RIFF" * 100)
        sandbox.faults.add("GET", cut_at=100, times=1)
        arguments = ("recordings", "download", "call.wav", "-o", str(tmp_path / "a"), "--max-attempts", "1")
        ran = command(*arguments)
        assert (ran.code, "Run the same command again and it resumes" in ran.err) == (1, True)
        assert command(*arguments, "--json").document["bytes"] == 400

    def test_everything_is_archived(self, either: Command, sandbox: Sandbox, tmp_path: Path) -> None:
        """Once: the second run finds it there."""
        sandbox.add_recording("a.wav")
        assert "1 downloaded" in either("recordings", "archive", str(tmp_path)).out
        ran = either("recordings", "archive", str(tmp_path), "--json", "--delete-after")
        assert (ran.document["already_there"], ran.document["deleted"]) == (1, 1)

    def test_a_terminal_sees_how_far_it_has_come(
        self, command: Command, sandbox: Sandbox, terminal: Terminal, tmp_path: Path
    ) -> None:
        """A bar with bytes for one, and with recordings for all."""
        sandbox.add_recording("a.wav")
        with terminal():
            command("recordings", "download", "a.wav", "-o", str(tmp_path / "bar.wav"))
        assert "bar.wav" in terminal.shown
        with terminal():
            command("recordings", "archive", str(tmp_path / "archive"))
        assert "1/1" in terminal.shown


def test_the_sandbox_has_its_own_command(command: Command) -> None:
    """Its options are passed on, and so is what is wrong with them."""
    with pytest.raises(SystemExit) as caught:
        command("sandbox", "--secret", "no base64")
    assert caught.value.code == 2
    assert "not base64" in command.capsys.readouterr().err
