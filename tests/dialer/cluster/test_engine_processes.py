"""Workers of procrastinate and Celery as processes of their own: what the documents show, and one that is killed."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from configparser import ConfigParser
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import anyio
import pytest

from sinch_voice_async.dialer import Campaign, Contact, ContactState
from sinch_voice_async.sandbox import Sandbox
from tests.dialer.cluster.postgres import Postgres
from tests.environment import use_sandbox

pytest.importorskip("procrastinate", reason="procrastinate is not installed")
pytest.importorskip("celery", reason="Celery is not installed")

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/how-to/campaign-on-several-machines.md").read_text(encoding="utf-8")
PATIENCE = 300.0
Start: TypeAlias = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch, postgres: Postgres) -> Iterator[Sandbox]:
    """A platform, a database, and the environment of a machine."""
    sandbox = Sandbox(speed=100_000)
    monkeypatch.setenv("DATABASE_URL", postgres.database())
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with sandbox.serve():
        use_sandbox(sandbox, monkeypatch)
        yield sandbox


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """A function that starts a program in a folder; programs that are left at the end are killed."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*command: str) -> "subprocess.Popen[bytes]":
        with (tmp_path / "log").open("ab") as log:
            started.append(
                subprocess.Popen(
                    [sys.executable, *command], cwd=tmp_path, stdout=log, stderr=log, start_new_session=True
                )
            )
        return started[-1]

    yield start
    for process in started:
        with suppress(OSError):  # it has ended
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def shown(engine: str) -> str:
    """Return the module that the how-to shows for an engine."""
    return next(block for block in PAGE.split("```python\n")[1:] if f" {engine}(" in block).partition("```")[0]


async def stand(campaign: Campaign, wanted: Callable[[Counter[str]], bool]) -> Counter[str]:
    """Return the states of a campaign when they are as wanted."""
    with anyio.fail_after(PATIENCE):
        async with campaign:
            while not wanted(states := Counter({str(k): n for k, n in (await campaign.report()).states.items()})):
                await anyio.sleep(0.05)
    return states


def dialled(sandbox: Sandbox) -> Counter[str]:
    """Return how often each number was dialled."""
    return Counter(call.to.endpoint for call in sandbox.calls)


COMMANDS = {
    "ProcrastinateEngine": ("sinch_voice_async", "dial", "worker", "reminders:engine"),
    "CeleryEngine": (
        *("celery", "--app", "reminders", "worker", "--beat", "--pool", "solo", "--queues", "sinch"),
        *("--without-mingle", "--without-gossip"),  # which take a second
    ),
}


@pytest.mark.parametrize("engine", COMMANDS)
def test_what_the_how_to_shows(
    engine: str, sandbox: Sandbox, start: Start, tmp_path: Path, redis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The module of the page and the command beside it dial all contacts, and SIGTERM ends the worker."""
    monkeypatch.setenv("REDIS_URL", redis)
    (tmp_path / "reminders.py").write_text(shown(engine), encoding="utf-8")
    campaign = Campaign("reminders", journal=os.environ["DATABASE_URL"])
    contacts = [Contact(f"+4670000{last:04}", fields={"name": "Alex"}) for last in range(20)]
    anyio.run(campaign.enqueue, contacts)
    worker = start("-m", *COMMANDS[engine])
    anyio.run(stand, campaign, lambda states: states == {ContactState.ACCEPTED: len(contacts)})
    assert dialled(sandbox) == Counter(contact.number for contact in contacts)
    worker.terminate()
    assert worker.wait(PATIENCE) == 0, (tmp_path / "log").read_text()


def test_the_unit_of_the_how_to() -> None:
    """systemd starts the worker again after every end, and stops it later than it stops itself."""
    unit = ConfigParser()
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
    unit.read_string(PAGE.partition("```ini\n")[2].partition("```")[0])
    program, *command = unit["Service"]["ExecStart"].split()
    assert program.endswith("/sinch-voice")
    assert command == ["dial", "worker", "reminders:engine", "--graceful", "45"]
    assert (unit["Service"]["Restart"], unit["Unit"]["StartLimitIntervalSec"]) == ("always", "0")
    assert int(unit["Service"]["TimeoutStopSec"]) > 45 + 30


KILLED = "from tests.dialer.cluster.reminders import by_procrastinate\nengine = by_procrastinate()\n"


def test_a_worker_is_killed(sandbox: Sandbox, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs come twice, one of two workers is killed while it dials: no number is dialled twice, none is left over."""
    from tests.dialer.cluster import reminders

    monkeypatch.setenv("PACE", "40")
    monkeypatch.setenv("LEASE", "2")
    (tmp_path / "killed.py").write_text(KILLED)
    campaign = reminders.reminders()
    anyio.run(campaign.enqueue, reminders.PEOPLE)
    workers = [start("-m", "sinch_voice_async", "dial", "worker", "killed:engine") for _ in range(2)]
    anyio.run(stand, campaign, lambda states: states[ContactState.ACCEPTED] >= 10)
    os.killpg(workers[0].pid, signal.SIGKILL)
    people = len(reminders.PEOPLE)
    states = anyio.run(
        stand, campaign, lambda found: found[ContactState.ACCEPTED] + found[ContactState.DIALING] == people
    )
    times = dialled(sandbox)
    assert set(times.values()) == {1}
    # Only a claim of the killed worker is open; it becomes unknown after two minutes.
    assert len(times) + states[ContactState.DIALING] >= people
    workers[1].terminate()
    assert workers[1].wait(PATIENCE) == 0, (tmp_path / "log").read_text()
