"""``sinch-voice dial --results-url``: signed results, with the secret from the environment alone."""

import base64
from pathlib import Path

import pytest

from sinch_voice_async.cli.failures import ExitCode
from sinch_voice_async.testing import serve_app
from tests.dialer.test_results import SECRET, Receiver

from .conftest import Command
from .test_dial import NUMBERS, QUICK, contacts


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_results_are_posted(either: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each contact, when its call is over."""
    monkeypatch.setenv("SINCH_VOICE_RESULTS_SECRET", SECRET)
    receiver = Receiver()
    with serve_app(receiver) as url:
        ran = either("dial", contacts(), *QUICK, "--results-url", f"{url}/results")
    assert ran.code == ExitCode.OK
    found = receiver.results()
    assert {each["number"]: each["result"] for each in found} == dict.fromkeys(NUMBERS, "ANSWERED")
    assert {each["fields"]["name"] for each in found} == {"Ann"}
    assert base64.b64encode(b"secret").decode() not in ran.err


@pytest.mark.parametrize(
    ("secret", "url", "said"),
    [
        ("", "https://me.example/r", "set SINCH_VOICE_RESULTS_SECRET"),
        ("short", "https://me.example/r", "24 to 64 bytes"),
        (SECRET, "http://me.example/r", "must be https"),
    ],
)
def test_what_cannot_be_posted(
    command: Command, monkeypatch: pytest.MonkeyPatch, secret: str, url: str, said: str
) -> None:
    """It is said before anything begins."""
    monkeypatch.setenv("SINCH_VOICE_RESULTS_SECRET", secret)
    ran = command("dial", contacts(), *QUICK, "--results-url", url)
    assert (ran.code, said in ran.err) == (ExitCode.USAGE, True)
    assert not Path("contacts.sqlite").exists()
