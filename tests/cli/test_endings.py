"""How a command ends: exit codes that mean one thing each, a sentence or two, and Ctrl-C."""

import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from sinch_voice_async.cli import app, main
from sinch_voice_async.cli.client import on_loop
from sinch_voice_async.cli.failures import ExitCode, Failure, StoppedError, masked
from sinch_voice_async.cli.settings import Settings
from sinch_voice_async.dialer import OptOutList
from sinch_voice_async.sandbox import Sandbox

from .conftest import CALLEE, CLI, KEY, SECRET, Command

CALL = ("call", CALLEE, "Hello", "--cli", CLI, "--max-attempts", "1")


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        ({"status": 400}, ExitCode.REJECTED, "400"),
        ({"status": 402}, ExitCode.REJECTED, "The account needs credit."),
        ({"status": 403}, ExitCode.REJECTED, "Check in the dashboard"),
        ({"status": 429, "retry_after": 7}, ExitCode.REJECTED, "Wait 7 s"),
        ({"status": 401, "code": 40102}, ExitCode.AUTHENTICATION, "`sinch-voice doctor`"),
        ({"status": 404}, ExitCode.NOT_FOUND, "the region"),
        ({"status": 500}, ExitCode.UNKNOWN, "look before you repeat it"),
        ({"drop": "after"}, ExitCode.UNKNOWN, "look before you repeat it"),
        ({"body": b"{}"}, ExitCode.FAILED, "call"),
    ],
)
def test_each_outcome_has_its_exit_code(
    either: Command, sandbox: Sandbox, fault: dict[str, Any], code: ExitCode, said: str
) -> None:
    """What a script would do differently has a number of its own, and a person is told what to do."""
    sandbox.faults.add("POST", **fault)
    ran = either(*CALL)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_streams_that_the_shell_has_closed(tmp_path: Path, closed: str) -> None:
    """The exit code tells all the same; and the first file that is opened does not become stdout."""
    program = f"exec {sys.executable} -m sinch_voice_async"
    for command, code in (
        ("opt-outs add list.sqlite +46700000001", ExitCode.OK),
        ("dial status nothing.sqlite", ExitCode.USAGE),
    ):
        ran = subprocess.run(
            ["sh", "-c", f"{program} {command} {closed}"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (ran.returncode, "Traceback" in ran.stderr, "fault" in ran.stderr) == (code, False, False)
    with closing(OptOutList(tmp_path / "list.sqlite")) as listed:
        assert "+46700000001" in listed


def test_streams_that_python_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service of Windows has none of them, and its numbers are free."""
    taken: list[int] = []

    real = os.fstat

    def fstat(number: int) -> os.stat_result:
        if number in {0, 1, 2} - {*taken}:
            raise OSError(number)
        return real(number)

    monkeypatch.setattr(os, "fstat", fstat)
    monkeypatch.setattr(os, "open", lambda *_: taken.append(len(taken)))
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    try:
        assert main(["completion", "bash"]) == ExitCode.OK
        assert taken == [0, 1, 2]
    finally:
        for stream in (sys.stdin, sys.stdout, sys.stderr):
            stream.close()


def test_nothing_sent_is_safe_to_repeat(either: Command) -> None:
    """Nobody listens: that is not the exit code of a callout that may have rung."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        ran = either(*CALL, "--base-url", f"http://127.0.0.1:{unused.getsockname()[1]}")
    assert ran.code == ExitCode.UNSENT
    assert "Nothing was sent" in ran.err


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("400 (40001): +46700000001 is barred", "400 (40001): **********01 is barred"),
        ("46700000001 is barred", "*********01 is barred"),
        ("no answer from 127.0.0.1:40123 for 822aa4b7-05b4-4d83-87c7-1f835ee0b6f6_257", None),
        ("base_url is plain http: pass allow_insecure=True", "--base-url is plain http: pass --allow-insecure"),
        (
            "redial needs results: pass follow='poll' or 'callbacks'",
            "redial needs results: pass --follow poll or 'callbacks'",
        ),
    ],
)
def test_whole_numbers_stay_out_of_errors(text: str, shown: str | None) -> None:
    """Also where the platform repeats them; ids and ports stay, and options are named as they are given here."""
    assert masked(text) == (shown or text)


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [("It is damaged", "It is damaged."), ("Is it?", "Is it?"), ("It is. (It was.)", "It is. (It was.)")],
)
def test_a_sentence_ends_once(sentence: str, shown: str) -> None:
    """A question and a remark in brackets have their own end."""
    assert str(Failure(ExitCode.FAILED, sentence)) == shown
    assert str(Failure(ExitCode.FAILED, sentence, "Repair it.")) == f"{shown} Repair it."


@pytest.mark.parametrize("arguments", [("call",), ("nonsense",), ("status", "x", "--nonsense"), ()])
def test_wrong_usage_is_exit_code_2(command: Command, arguments: tuple[str, ...]) -> None:
    """In one line with the way to the help; without a command, the help itself."""
    ran = command(*arguments)
    assert ran.code == ExitCode.USAGE
    assert ("--help`" in ran.err and ran.err.count("\n") == 1) if arguments else "Usage: sinch-voice" in ran.err


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("stauts", "x"), "There is no command 'stauts'; did you mean status?"),
        (("frobnicate",), "There is no command 'frobnicate'. See"),
        (("status", "x", "--wacth"), "There is no option --wacth; did you mean --watch?"),
        (("status", "x", "--zzz"), "There is no option --zzz. See"),
        (("numbers", "lsit"), "There is no command 'lsit'; did you mean list?"),
        (("dial", "stauts", "x"), "There is no command or file 'stauts'; did you mean status?"),
        (("call",), "Missing argument 'DESTINATION'."),
        (("call", "+46700000001"), "Nothing to say: pass TEXT or --prompts"),
    ],
)
def test_what_was_meant_is_said(command: Command, arguments: tuple[str, ...], meant: str) -> None:
    """For commands and options, in one line."""
    ran = command(*arguments)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert meant in ran.err


def test_a_file_that_cannot_be_written_is_a_sentence(command: Command, sandbox: Sandbox) -> None:
    """Exit code 1, and the name of the file."""
    sandbox.add_recording("a.wav")
    ran = command("recordings", "download", "a.wav", "-o", "/dev/null/a.wav")
    assert ran.code == ExitCode.FAILED
    assert "/dev/null" in ran.err


def test_a_fault_of_the_program_is_a_sentence_too(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody meets a traceback who has not asked for one."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("canary")

    monkeypatch.setattr(app.app, "main", broken)
    ran = command("status", "x")
    assert (ran.code, "RuntimeError" in ran.err, "canary" in ran.err) == (1, True, False)
    monkeypatch.setenv("SINCH_VOICE_DEBUG", "1")
    assert main(["status", "x"]) == 1
    assert "RuntimeError: canary" in command.capsys.readouterr().err


def test_an_error_of_the_system_without_a_file_is_a_sentence(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system says."""

    def full(*_: object, **__: object) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(app.app, "main", full)
    assert command("status", "x").err == "sinch-voice: the disk is gone.\n"


@contextmanager
def interrupting(*, answers: list[bytes] | None = None) -> Iterator[int]:
    """Listen; press Ctrl-C once bytes have come that are not to be answered any more."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener.accept()[0] as connection:
            for answer in answers or []:
                connection.recv(65_536)
                connection.sendall(answer)
            connection.recv(65_536)
            os.kill(os.getpid(), signal.SIGINT)
            done.wait(300)

    done = threading.Event()
    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1]
    done.set()
    thread.join()
    listener.close()


class Pressing(logging.Handler):
    """Presses Ctrl-C when the log says that a request will be repeated."""

    def emit(self, record: logging.LogRecord) -> None:
        """Press it."""
        if record.name == "sinch_voice_async" and "again in" in record.getMessage():
            os.kill(os.getpid(), signal.SIGINT)


class TestCtrlC:
    """One line, exit code 130, and what became of the callout."""

    def test_a_callout_on_its_way_may_ring(self, either: Command) -> None:
        """Its request was written: nobody can call it back."""
        with interrupting() as port:
            ran = either(*CALL, "--base-url", f"http://127.0.0.1:{port}")
        assert ran.code == ExitCode.INTERRUPTED
        assert ran.err.endswith("the telephone may ring. Look before you repeat it.\n")

    def test_a_callout_that_was_not_written_does_not_ring(self, either: Command) -> None:
        """Ctrl-C in the middle of TLS: not a byte of the request was sent, and that is said."""
        with interrupting() as port:
            ran = either(*CALL, "--base-url", f"https://127.0.0.1:{port}")
        assert ran.code == ExitCode.INTERRUPTED
        assert ran.err.endswith("the callout was not sent; no telephone rings.\n")

    def test_a_refused_callout_does_not_ring(
        self, either: Command, sandbox: Sandbox, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Ctrl-C while a 429 is waited out."""
        sandbox.faults.add("POST", status=429, retry_after=25)
        caplog.set_level(logging.INFO, "sinch_voice_async")
        monkeypatch.setattr(logging.getLogger("sinch_voice_async"), "handlers", [Pressing()])
        ran = either("call", CALLEE, "Hello", "--cli", CLI)
        assert ran.code == ExitCode.INTERRUPTED
        assert ran.err.endswith("refused the callout; no telephone rings.\n")

    def test_a_call_that_is_waited_for_goes_on(self, either: Command) -> None:
        """How to end it is said."""
        receipt = b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"callId":"id"}'
        with interrupting(answers=[receipt]) as port:
            ran = either(*CALL, "--wait", "--base-url", f"http://127.0.0.1:{port}")
        assert ran.code == ExitCode.INTERRUPTED
        assert ran.err.endswith("the call goes on. `sinch-voice hangup id` ends it.\n")

    # httpx leaves the iterator over the body of an interrupted request to the garbage collector, and trio says so.
    @pytest.mark.filterwarnings("ignore:Async generator 'httpx._content:ResourceWarning")
    def test_behind_a_proxy_nobody_can_know(self, either: Command) -> None:
        """The proxy has the request, and what it did with it is its secret."""
        with interrupting() as port:
            ran = either(*CALL, "--proxy", f"http://127.0.0.1:{port}")
        assert ran.code == ExitCode.INTERRUPTED
        assert "may ring" in ran.err

    def test_watching_ends_and_the_call_does_not(self, either: Command) -> None:
        """A status that is watched is left alone."""
        with interrupting() as port:
            ran = either("status", "id", "--watch", "--base-url", f"http://127.0.0.1:{port}")
        assert (ran.code, "the call goes on" in ran.err) == (130, True)

    def test_anything_else_is_stopped_plainly(self, either: Command) -> None:
        """A listing has nothing to explain."""
        with interrupting() as port:
            ran = either("numbers", "list", "--base-url", f"http://127.0.0.1:{port}")
        assert (ran.code, ran.err) == (130, "sinch-voice: Stopped.\n")

    def test_ctrl_c_before_anything_runs(self, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        """Even while arguments are read."""

        def pressed(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(app.app, "main", pressed)
        assert command("status", "x").code == 130


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_what_a_group_of_tasks_raises_is_unpacked(backend: Any) -> None:
    """An error of ours in a group is that error; Ctrl-C in a group is Ctrl-C."""

    async def fail(error: BaseException) -> None:
        raise BaseExceptionGroup("outer", [BaseExceptionGroup("inner", [error])])

    with pytest.raises(ValueError, match="canary"):
        on_loop(Settings(backend=backend), lambda: fail(ValueError("canary")), str)
    with pytest.raises(StoppedError, match="left"):
        on_loop(Settings(backend=backend), lambda: fail(KeyboardInterrupt()), lambda: "left")


def test_the_real_program_ends_cleanly(sandbox: Sandbox) -> None:
    """As a process of its own, without a terminal: Ctrl-C is one line, code 130, and no warning."""
    sandbox.phone(CALLEE).hangs_up(after=None)
    environment = {
        **os.environ,
        "SINCH_APPLICATION_KEY": KEY,
        "SINCH_APPLICATION_SECRET": SECRET,
        "SINCH_VOICE_BASE_URL": sandbox.url,
    }
    program = [sys.executable, "-W", "error", "-m", "sinch_voice_async"]
    with subprocess.Popen(
        [*program, *CALL, "--wait"],
        env=environment,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("Ringing: call ")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=300)
    assert (process.returncode, out) == (130, "")
    assert err.startswith("sinch-voice: Stopped waiting; the call goes on.")
    assert err.count("\n") == 1


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_imports_are_kept_out_of_collections(backend: Any) -> None:
    """While a command runs, a full collection leaves out what was there before; afterwards all is as it was."""

    async def frozen() -> int:
        return gc.get_freeze_count()

    assert on_loop(Settings(backend=backend), frozen, str) > 1000
    assert gc.get_freeze_count() == 0
