"""A path that is refused is not changed: over every option and parameter that takes a path, and kinds of foreign files.

The content, the mode and the times of the file stay, and no companion (-wal, -shm, .part, .new) appears beside it.
"""

import os
import shutil
import sqlite3
import stat
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

from sinch_voice_async import VoiceClient
from sinch_voice_async.cli import main
from sinch_voice_async.dialer import Campaign, OptOutList, SqliteJournal, kept
from sinch_voice_async.sandbox import Sandbox
from sinch_voice_async.streams.recording import Recording as StreamRecording

pytestmark = pytest.mark.skipif(os.name == "nt", reason="files have no modes there")
NUMBERS = ["+46700000001"]


def text(path: Path) -> None:
    """A program that everybody may run."""
    path.write_text("#!/bin/sh\necho hello\n" * 20)
    path.chmod(0o755)


def one_line(path: Path) -> None:
    """A file without the end of a line."""
    path.write_bytes(b"precious")
    path.chmod(0o644)


def binary(path: Path) -> None:
    """A program for the machine."""
    path.write_bytes(b"\x7fELF" + bytes(range(256)) * 40)
    path.chmod(0o755)


def database(path: Path) -> None:
    """The database of another program."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mine (x)")
        connection.execute("INSERT INTO mine VALUES (1)")
        connection.commit()
    path.chmod(0o644)


def database_with_a_log(path: Path) -> None:
    """The database of another program that was killed: what it wrote last stands in the log beside it."""
    program = "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
    program += "c.execute('PRAGMA journal_mode = WAL'); c.execute('CREATE TABLE mine (x)'); os._exit(0)"
    os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", program, str(path)])
    for each in (path, Path(f"{path}-wal")):
        each.chmod(0o644)


def journal_of_another_campaign(path: Path) -> None:
    """A journal whose run was killed, under the name of another campaign."""
    program = "import anyio, os, sys; from sinch_voice_async.dialer import SqliteJournal\n"
    program += "async def run():\n    await SqliteJournal(sys.argv[1]).open('another')\n    os._exit(0)\nanyio.run(run)"
    os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", program, str(path)])


def newer_journal(path: Path) -> None:
    """A journal that a later version made."""
    anyio.run(Campaign("x", journal=path).enqueue, NUMBERS)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    path.chmod(0o644)


def newer_state(path: Path) -> None:
    """The state of a later sandbox."""
    Sandbox(state=path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    path.chmod(0o644)


FOREIGN = [text, one_line, binary, database, database_with_a_log]


def state(path: Path) -> None:
    """``Sandbox(state=)``."""
    Sandbox(state=path).close()


def opt_outs(path: Path) -> None:
    """``OptOutList``."""
    OptOutList(path).close()


def campaign(path: Path) -> None:
    """``Campaign(journal=)``."""
    anyio.run(Campaign("x", journal=path).enqueue, NUMBERS)


def journal(path: Path) -> None:
    """``SqliteJournal``."""
    anyio.run(SqliteJournal(path).open, "x")


def asked(path: Path) -> None:
    """``kept``."""
    anyio.run(kept, path)


def reported(path: Path) -> None:
    """``campaign.report``."""
    anyio.run(Campaign("x", journal=path).report)


def recorded(path: Path) -> None:
    """``call.record`` of a media stream."""
    StreamRecording(path, 16_000, object(), overwrite=False)  # type: ignore[arg-type]


def archived(path: Path) -> None:
    """``recordings.archive`` into a directory whose manifest is another file."""
    anyio.run(_archive, path.parent)


async def _archive(directory: Path) -> None:
    async with VoiceClient("key", "c2VjcmV0", base_url="http://127.0.0.1:9") as client:
        await client.recordings.archive(directory, end=datetime(2020, 1, 1, tzinfo=UTC))


def saved(path: Path) -> None:
    """``recordings.download(key).save``."""
    anyio.run(_save, path)


async def _save(path: Path) -> None:
    sandbox = Sandbox("key", "c2VjcmV0")
    key = sandbox.add_recording(seconds=0.1).key
    async with (
        sandbox.serve(),
        VoiceClient(**sandbox.client_options()) as client,
        client.recordings.download(key) as download,
    ):
        await download.save(path)


def command(*arguments: str) -> Callable[[Path], None]:
    """A command of the command line, FILE being the path."""

    def run(path: Path) -> None:
        contacts = path.parent.parent / "contacts.csv"
        contacts.write_text("number\n+46700000001\n")
        places = {"FILE": path, "CSV": contacts, "DIRECTORY": path.parent}
        code = main([str(places.get(each, each)) for each in arguments])
        assert code
        raise OSError(code)

    return run


JOURNAL = [*FOREIGN, journal_of_another_campaign, newer_journal]
ENTRIES = {
    "state": (state, [*FOREIGN, newer_journal, newer_state]),
    "opt-outs": (opt_outs, [*FOREIGN, newer_journal]),
    "campaign": (campaign, JOURNAL),
    "journal": (journal, JOURNAL),
    "kept": (asked, [*FOREIGN, newer_journal]),
    "report": (reported, JOURNAL),
    "stream recording": (recorded, FOREIGN),
    "archive": (archived, FOREIGN),
    "save": (saved, FOREIGN),
    "dial --journal": (command("dial", "CSV", "--journal", "FILE", "--text", "x", "--yes"), JOURNAL),
    "dial --resume": (command("dial", "--resume", "--journal", "FILE", "--yes"), [*FOREIGN, newer_journal]),
    "dial --report": (command("dial", "CSV", "--text", "x", "--yes", "--report", "FILE"), FOREIGN),
    "dial --rejects": (command("dial", "CSV", "--text", "x", "--yes", "--rejects", "FILE"), FOREIGN),
    "dial FILE": (command("dial", "FILE", "--text", "x", "--yes"), FOREIGN),
    "dial --do-not-call": (command("dial", "CSV", "--text", "x", "--yes", "--do-not-call", "FILE"), FOREIGN),
    "dial enqueue": (command("dial", "enqueue", "CSV", "FILE", "--name", "x"), FOREIGN),
    "dial status": (command("dial", "status", "FILE"), [*FOREIGN, newer_journal]),
    "dial report": (command("dial", "report", "FILE"), [*FOREIGN, newer_journal]),
    "dial pause": (command("dial", "pause", "FILE"), [*FOREIGN, newer_journal]),
    "recordings download": (command("recordings", "download", "a.mp3", "-o", "FILE"), FOREIGN),
    "recordings archive": (command("recordings", "archive", "DIRECTORY"), FOREIGN),
    "listen --save": (command("listen", "--forward", "http://127.0.0.1:9", "--save", "FILE"), FOREIGN),
    "listen --replay": (command("listen", "--forward", "http://127.0.0.1:9", "--replay", "FILE"), FOREIGN),
    "stream --record": (command("stream", "ws://127.0.0.1:9", "--record", "FILE"), FOREIGN),
    "stream --file": (command("stream", "ws://127.0.0.1:9", "--file", "FILE"), FOREIGN),
    "svaml check": (command("svaml", "check", "FILE"), FOREIGN),
    "sandbox --state": (command("sandbox", "--port", "0", "--state", "FILE"), [*FOREIGN, newer_journal, newer_state]),
    "sandbox --seed": (command("sandbox", "--port", "0", "--seed", "FILE"), FOREIGN),
}
CASES = [
    pytest.param(run, kind, id=f"{name}, {kind.__name__}") for name, (run, kinds) in ENTRIES.items() for kind in kinds
]
NAME = "manifest.jsonl"


def everything(directory: Path) -> dict[str, tuple[bytes, int, int, int, int]]:
    """Each file of a directory: content, mode, owner, time and inode."""
    found = {}
    for each in sorted(directory.rglob("*")):
        about = each.stat()
        content = each.read_bytes() if each.is_file() and not each.name.endswith("-shm") else b""
        found[each.name] = (content, stat.S_IMODE(about.st_mode), about.st_uid, about.st_mtime_ns, about.st_ino)
    return found


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINCH_APPLICATION_KEY", "key")
    monkeypatch.setenv("SINCH_APPLICATION_SECRET", "c2VjcmV0")
    monkeypatch.setenv("SINCH_VOICE_BASE_URL", "http://127.0.0.1:9")


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Callable[[Path], None]], Path]:
    """Returns the directory of one kind of files, which is made once."""
    made: dict[Callable[[Path], None], Path] = {}

    def original(kind: Callable[[Path], None]) -> Path:
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp(kind.__name__)
            kind(made[kind] / NAME)
        return made[kind]

    return original


@pytest.mark.parametrize(("run", "kind"), CASES)
def test_a_path_that_is_refused_is_not_changed(
    tmp_path: Path, originals: Callable[..., Path], run: Callable[[Path], None], kind: Callable[[Path], None]
) -> None:
    """The entry point raises, and the directory is as it was, to the modes and the times."""
    shutil.copytree(originals(kind), tmp_path / "theirs")
    before = everything(tmp_path / "theirs")
    with pytest.raises((Exception, SystemExit)) as caught:
        run(tmp_path / "theirs" / NAME)
    assert not isinstance(caught.value, AssertionError)
    assert everything(tmp_path / "theirs") == before
