"""What an import costs: modules are counted, since seconds depend on the machine."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def ran(program: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a Python of its own, where any warning is an error."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def loaded(statement: str) -> set[str]:
    """Return the modules that a statement loads, without those of Python, which differ from one to the next."""
    done = ran(f"{statement}\nimport sys\nprint(*sys.modules)")
    assert done.returncode == 0, done.stderr
    return {name for name in done.stdout.split() if name.partition(".")[0] not in sys.stdlib_module_names}


@pytest.mark.parametrize(
    ("statement", "beside", "most"),
    [
        ("import sinch_voice_async", "pass", 3),
        ("from sinch_voice_async import VoiceClient", "import httpx, cattrs.gen, anyio", 95),
        ("from sinch_voice_async.webhooks import WebhookApp", "import cattrs.gen, anyio", 66),
    ],
)
def test_modules_are_few(statement: str, beside: str, most: int) -> None:
    """Beside what it stands on, the package loads no more modules than it did when its import time was measured."""
    more = loaded(statement) - loaded(beside)
    assert len(more) <= most, sorted(more)


@pytest.mark.parametrize(
    ("codec", "document", "cls"),
    [
        ("event_codec", '{"event": "dice", "callId": "1", "debit": {"amount": 0.25}}', "models.events.Event"),
        ("svaml_codec", '{"action": {"name": "hangup"}}', "models.svaml.document.Svaml"),
        ("codec", '{"callId": "1", "to": {"endpoint": "2"}, "debit": {"amount": 0.25}}', "models.calls.Call"),
    ],
)
def test_each_codec_is_enough_alone(codec: str, document: str, cls: str) -> None:
    """Each registers all that its models hold: an application that only answers callbacks loads no other."""
    module, _, name = f"sinch_voice_async.{cls}".rpartition(".")
    program = f"""
import sinch_voice_async._wire.{codec}
from sinch_voice_async._wire.engine import decode
from {module} import {name}
print(decode({document.encode()!r}, {name}))
"""
    done = ran(program)
    assert done.returncode == 0, done.stderr
    assert "Price(currency_id=None, amount=Decimal('0.25')" in done.stdout or name == "Svaml"


@pytest.mark.parametrize(
    ("module", "needs", "extra"),
    [
        ("sinch_voice_async.sandbox", "starlette", "sandbox"),
        ("sinch_voice_async.otel", "opentelemetry", "otel"),
        ("sinch_voice_async.dialer.cluster", "psycopg", "cluster"),
    ],
)
def test_a_missing_extra_says_its_name(module: str, needs: str, extra: str) -> None:
    """Whoever has left an extra out reads what to install, not which module of somebody else is missing."""
    done = ran(f"import sys; sys.modules[{needs!r}] = None\nimport {module}")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ModuleNotFoundError: ")
    assert f"pip install 'sinch-voice-async[{extra}]'" in last
