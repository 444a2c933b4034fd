"""``python -m sinch_voice_async.sandbox``: what it prints, and how it ends."""

import os
import re
import runpy
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from sinch_voice_async.sandbox import __main__ as command
from sinch_voice_async.sandbox.__main__ import main
from sinch_voice_async.sandbox.control.people import seed_people
from sinch_voice_async.sandbox.exchange.people import People, Person, Population

COMMAND = [sys.executable, "-X", "dev", "-W", "error", "-m", "sinch_voice_async.sandbox"]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_stopped(ending: signal.Signals) -> None:
    """Address, key, secret and settings come first, each request is a line, and Ctrl-C ends it with exit code 0."""
    with subprocess.Popen(
        [*COMMAND, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        greeting = [process.stdout.readline() for _ in range(9)]
        settings = dict(re.findall(r"export (\w+)=(\S+)", "".join(greeting)))
        httpx.get(settings["SINCH_VOICE_BASE_URL"])
        process.send_signal(ending)
        output, errors = process.communicate(timeout=300)
    assert set(settings) == {"SINCH_APPLICATION_KEY", "SINCH_APPLICATION_SECRET", "SINCH_VOICE_BASE_URL"}
    assert re.search(r"^\d\d:\d\d:\d\d  GET +/  401  40100  [\d.]+ ms$", output, re.MULTILINE)
    assert output.endswith("Stopped. 0 callouts were placed.\n")
    assert (process.returncode, errors) == (0, "")


def test_options_reach_the_sandbox(capsys: pytest.CaptureFixture[str]) -> None:
    """Key, secret and address are as said."""
    # The command only ever ends by a signal, which reaches the main thread: this one.
    threading.Thread(target=_interrupt_soon).start()
    town = ["--ring-seconds", "2", "--talk-seconds", "never"]
    options = ["--port", "0", "--host", "localhost", "--key", "my-key", "--secret", "c2VjcmV0", "--speed", "10"]
    town += ["--population", "answer=0.5, busy=0.5", "--seed", "3", "--calls-per-second", "50", "--history", "100"]
    assert main([*options, *town, "--quiet", "--callback-url", "http://localhost:9"]) == 0
    output = capsys.readouterr().out
    assert "export SINCH_APPLICATION_KEY=my-key\nexport SINCH_APPLICATION_SECRET=c2VjcmV0\n" in output


def test_lines_for_powershell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """On Windows, the lines to paste are those of its shell."""
    monkeypatch.setattr(command, "SETS", '$env:{} = "{}"')
    threading.Thread(target=_interrupt_soon).start()
    assert main(["--port", "0", "--key", "my-key", "--secret", "c2VjcmV0", "--quiet"]) == 0
    assert '\n$env:SINCH_APPLICATION_KEY = "my-key"\n$env:SINCH_APPLICATION_SECRET' in capsys.readouterr().out


def test_help_is_a_page(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Run as a program, as ``python -m`` does."""
    monkeypatch.setattr(sys, "argv", ["sandbox", "--help"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(command.__file__, run_name="__main__")
    assert caught.value.code == 0
    assert "\nExample:\n  python -m sinch_voice_async.sandbox --callback-url " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--secret", "no base64"], "not base64"),
        (["--host", "0.0.0.0"], "not loopback"),  # refused
        (["--history", "-1"], "history must be a whole number of 0 or more"),
        (["--speed", "-1"], "speed must be a number from 0.0 to 1,000,000.0"),
        (["--speed", "nan"], "speed must be a number from 0.0 to 1,000,000.0"),
        (["--calls-per-second", "0"], "calls_per_second must be more than 0"),
        (["--callback-url", "me.example"], "callback_url must be an http or https URL"),
        (["--callback-url", "http://"], "callback_url must be an http or https URL with a host"),
        (["--callback-url", "http://[me"], "callback_url must be an http or https URL with a host"),
        (["--seed", "missing.toml"], "No such file or directory: missing.toml"),
        (["--port", "99999"], "'99999' is no port: those are 0 to 65535"),
        (["--host", "127.0.0.1.", "--allow-remote"], "cannot listen at 127.0.0.1. port 8070:"),
        (["--population", "answer=0.5"], "add up to 0.5 and not to 1"),
        (["--population", "asleep=1"], "'asleep' is none of answer, busy, no_answer, machine"),
        (["--population", "answer=all"], "answer needs a share from 0 to 1"),
        (["--talk-seconds", "soon"], "'soon' is not a number of seconds, or never"),
        (["--ring-seconds", "nan"], "'nan' is not a number of seconds, or never"),
        (["--ring-seconds", "-1"], "'-1' is not a number of seconds, or never"),
    ],
)
def test_wrong_options_end_with_one_clear_message(
    capsys: pytest.CaptureFixture[str], options: list[str], problem: str
) -> None:
    """Exit code 2, no traceback, and nothing wider than a terminal."""
    with pytest.raises(SystemExit) as caught:
        main(options)
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert problem in " ".join(said.split())
    assert max(map(len, said.splitlines())) <= 80


SEED = """
[everybody]
answersAfter = 1.5

[population]
answer = 0.5
busy = 0.5
seed = 3

[phones."+46700000001"]
presses = ["1", "4711#"]

[phones.alice]
refuses = "busy"
"""


def test_people_come_from_a_file(tmp_path: Path) -> None:
    """With the members that the control API takes."""
    people = People(Person())
    file = tmp_path / "people.toml"
    file.write_text(SEED, encoding="utf-8")
    seed_people(people, file)
    assert people.default.answers_after == 1.5
    assert people.population == Population(answer=0.5, busy=0.5, seed=3)
    assert (people.at("+46700000001").keys, people.at("alice").refuses) == (("1", "4711#"), "busy")
    file.write_text("", encoding="utf-8")
    seed_people(people, file)
    assert people.at("alice").refuses == "busy"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[", "people.toml:"),
        ("[phone]", "'phone': is not known here"),
        ("[phones.a]\nanswers = 1", "'phones.a.answers': is not known here"),
        ("[phones.a]\npresses = 1", "'phones.a.presses'"),
        ("[population]\nanswer = 0.5", "add up to 0.5"),
        ("phones = 1", "'phones': must be an object"),
        (b"\xff", "people.toml:"),
        (None, "No such file"),
    ],
)
def test_a_file_with_a_mistake_ends_with_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | bytes | None, problem: str
) -> None:
    """It names the file and the member."""
    file = tmp_path / "people.toml"
    if text is not None:
        file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(SystemExit):
        main(["--port", "0", "--seed", str(file)])
    assert problem in " ".join(capsys.readouterr().err.split())


def test_the_page_is_opened_and_names_are_allowed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """In the browser that the system names; a name of a container reaches the control API."""
    opened: list[str] = []

    def look(url: str) -> None:
        opened.append(url)
        state = httpx.get(f"{url}api/state", headers={"host": "sandbox:1"}, trust_env=False).json()
        opened.extend([*state["hosts"], *(phone["number"] for phone in state["phones"])])
        # From here on Ctrl-C ends it in good order.
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("webbrowser.open", look)
    (tmp_path / "people.toml").write_text(SEED, encoding="utf-8")
    seed = ["--seed", str(tmp_path / "people.toml")]
    assert main(["--port", "0", "--open", "--allow-host", "sandbox", "--quiet", *seed]) == 0
    assert opened[1:] == ["sandbox", "46700000001", "alice"]
    assert capsys.readouterr().out.endswith("Stopped. 0 callouts were placed.\n")


def _interrupt_soon() -> None:
    # What the tests were started with: Python's own, or nothing where they run in the background.
    while signal.getsignal(signal.SIGINT) in (signal.default_int_handler, signal.SIG_IGN):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
@pytest.mark.parametrize("options", [[], ["--help"]])
def test_without_its_extra_it_says_so_in_one_line(tmp_path: Path, missing: str, options: list[str]) -> None:
    """Half of the extra is not enough; nothing is shown of what Python was doing."""
    hidden = f"""
from importlib.machinery import PathFinder
found = PathFinder.find_spec
PathFinder.find_spec = classmethod(lambda cls, name, *rest: None if name == {missing!r} else found(name, *rest))
"""
    (tmp_path / "sitecustomize.py").write_text(hidden)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "sinch_voice_async.sandbox", *options],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    expected = "the sandbox needs more packages: pip install 'sinch-voice-async[sandbox]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", expected)
