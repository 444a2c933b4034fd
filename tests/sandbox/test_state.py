"""A sandbox that remembers: what is kept in its file, what is over by then, and files that are none."""

import json
import os
import sqlite3
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from sinch_voice_async.sandbox import Person, Sandbox
from sinch_voice_async.sandbox.__main__ import main
from sinch_voice_async.sandbox.exchange.store import _explained
from tests.sandbox.applications import Application, served
from tests.sandbox.caller import in_process
from tests.sandbox.exchange.scripts import ending, lines, place

ICE = {"action": {"name": "connectPstn", "number": "+46700000009"}}
PEOPLE = {"answer": 0.5, "busy": 0.5}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the state is to be."""
    return tmp_path / "state.sqlite"


@pytest.fixture
def start(file: Path) -> Callable[..., Any]:
    """A function that gives a sandbox of this file for a while."""

    @contextmanager
    def started(**options: Any) -> Iterator[Sandbox]:
        with closing(Sandbox(**{"state": file, "speed": 0, **options})) as sandbox:
            yield sandbox

    return started


async def test_settings_are_kept(start: Callable[..., Any]) -> None:
    """Who the application is, its numbers, callback URLs and limits, and everybody who was put at a telephone."""
    with start() as before:
        async with in_process(before) as caller:
            urls = {"url": {"primary": "http://127.0.0.1:9/a", "fallback": "http://127.0.0.1:9/b"}}
            key = before.account.application_key
            await caller.send("POST", f"/v1/configuration/callbacks/applications/{key}", urls)
            await caller.send("POST", "/v1/configuration/numbers", {"numbers": ["+46700000077"]})
        before.account.forbidden = {"+882"}
        before.account.out_of_credit = True
        before.people.default = Person(answers_after=4.0)
        before.population(**PEOPLE, seed=3)
        before.phone("+46700000001").presses("1", "2#")
        before.account.max_text_length = 99
    with start() as after:
        assert after.account == before.account
        assert list(after.numbers) == list(before.numbers)
        assert list(after.people) == list(before.people)
        assert (after.people.default, after.people.population) == (before.people.default, before.people.population)
        after.people.population = None
    with start() as last:
        assert last.people.population is None


def test_settings_survive_a_process_that_dies(file: Path, start: Callable[..., Any]) -> None:
    """What a request has set is written at once, and so is a call; whatever went on is over."""
    script = f"""
import anyio, os, httpx
from sinch_voice_async.sandbox import Sandbox
from tests.sandbox.caller import in_process
async def live():
    sandbox = Sandbox("key", "c2VjcmV0", speed=0, state={str(file)!r})
    async with in_process(sandbox) as caller:
        await caller.send("POST", "/v1/configuration/numbers", {{"numbers": ["+46700000077"]}})
        await caller.placed(custom="kept")
        sandbox.phone("+46700000002").does_not_answer()
        await caller.placed(destination={{"type": "number", "endpoint": "+46700000002"}})
        os._exit(9)
anyio.run(live)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 9
    with start() as after:
        assert after.account.application_key == "key"
        assert [each.number for each in after.numbers] == ["+46700000077"]
        talked, rang = after.calls
        assert talked.custom == "kept"
        assert (talked.result, talked.reason) == ("ANSWERED", "GENERALERROR")
        assert (rang.result, rang.reason, rang.debit) == ("FAILED", "GENERALERROR", 0)
        assert lines(rang)[-2:] == ["note the sandbox ended during this call", "state final"]
        assert after.executed == 2


async def test_calls_are_kept(start: Callable[..., Any]) -> None:
    """With timeline, transcript, callbacks and cost; the platform's side answers for them as before."""
    with start(speed=1_000) as before:
        before.phone("+46700000001").presses("1")
        application = Application(before)
        with served(application.app) as url:
            before.account.callback_urls.primary = url
            menu = {"id": "main", "mainPrompt": "#tts[Press]", "options": [{"dtmf": "1", "action": "return(yes)"}]}
            document = {
                "instructions": [{"name": "setCookie", "key": "a", "value": "b"}],
                "action": {"name": "runMenu", "menus": [menu]},
            }
            call = place(before, ace=document, pie={"action": {"name": "hangup"}}, dice=url)
            dialled = await before.dial_in("alice", "bob", kind="username")
            await call.until_final(300)
            await dialled.until_final(300)
            elapsed = before.clock.now()
    with start() as after:
        again, inbound = after.calls
        for name in (
            "timeline",
            "transcript",
            "request",
            "cookies",
            "result",
            "reason",
            "duration",
            "debit",
            "to",
            "state",
        ):
            assert getattr(again, name) == getattr(call, name), name
        assert (inbound.caller, inbound.reason) == (dialled.caller, dialled.reason)
        assert again.timeline[-1].kind == "answer"
        async with in_process(after) as caller:
            told = await caller.call(call.call_id)
        assert (told["status"], told["custom"]) == ("FINAL", "")
        assert after.clock.date(again.placed_at) == before.clock.date(call.placed_at)
        assert after.clock.now() >= elapsed


def test_what_is_kept_cannot_be_acted_on(start: Callable[..., Any]) -> None:
    """A call of another time is over."""
    with start() as before:
        assert place(before).is_answered
    with start() as after:
        [call] = after.calls
        with pytest.raises(RuntimeError, match="no telephone"):
            call.pick_up()
        with pytest.raises(RuntimeError, match="no person"):
            call.press("1")
        call.hang_up()
        call.handle.note("late")
        assert call.until_final_sync(1) is call
        assert ending(call) == ("ANSWERED", "GENERALERROR", 0)


def test_seats_are_kept_and_empty(start: Callable[..., Any]) -> None:
    """A conference is over when its calls are."""
    with start() as before:
        assert place(before, "conferenceCallout", conferenceId="room").is_answered
    with start() as after:
        [call] = after.calls
        assert call.seat is not None
        assert call.seat.conference_id == "room"
        assert call.is_final


def test_recordings_are_kept(start: Callable[..., Any]) -> None:
    """Tones and bytes, with their dates; what is deleted stays so."""
    long_ago = datetime(2020, 1, 2, tzinfo=UTC)
    with start() as before:
        tone = before.add_recording("tone.wav", seconds=2, created_on=long_ago)
        text = before.add_recording("text.json", data=b'{"a": 1}', headers={"x": "y"})
        before.add_recording("gone.wav")
        before.remove_recording("gone.wav")
    with start() as after:
        assert {each.key: each.read() for each in after.recordings} == {
            "tone.wav": tone.read(),
            "text.json": text.read(),
        }
        assert (after.recordings["tone.wav"].created_on, after.recordings["tone.wav"].etag) == (long_ago, tone.etag)
        assert after.recordings["text.json"].headers == {"x": "y"}
        after.remove_recording("tone.wav")
        place(after)
    with start() as last:
        assert [each.key for each in last.recordings] == ["text.json"]


def test_what_is_given_goes_first(start: Callable[..., Any]) -> None:
    """Key, secret, callback URL and default person; numbers that are the customer's no more are left out."""
    with start(callback_url="http://127.0.0.1:9/old", numbers=["+46700000001", "+46700000002"]) as before:
        before.numbers.assign(["+46700000001", "+46700000002"], before.account.application_key, None)
        before.people.default = Person(answers_after=4.0)
    options = {"callback_url": "http://127.0.0.1:9/new", "numbers": ["+46700000002"], "person": Person(refuses="busy")}
    with start(application_key="new", application_secret="bmV3", **options) as after:
        account = after.account
        assert (account.application_key, account.application_secret) == ("new", "bmV3")
        assert account.callback_urls.primary == "http://127.0.0.1:9/new"
        assert [(each.number, each.application_key) for each in after.numbers] == [
            ("+46700000002", before.account.application_key)
        ]
        assert after.people.default == Person(refuses="busy")


def test_the_file_is_bounded_as_memory_is(file: Path, start: Callable[..., Any]) -> None:
    """Calls that are forgotten, by history or by a reset, are gone from the file."""
    with start(history=2) as before:
        for _ in range(5):
            place(before)
            before.clock.step(5)
        before.exchange.catch_up()
        newest = [call.call_id for call in before.calls]
    with start(history=1) as after:
        assert [call.call_id for call in after.calls] == newest[1:]
        assert after.executed == 5
        after.add_recording("a.wav")
        after.reset()
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT count(*) FROM kept WHERE kind != 'setting'").fetchone() == (0,)


def test_time_goes_on(start: Callable[..., Any]) -> None:
    """The exchange's calendar never goes back, though it ran ahead of the real one."""
    with start() as before:
        before.clock.step(86_400)
        place(before)
    with start() as after:
        assert after.clock.now() >= 86_400
        assert after.clock.date(after.clock.now()) > datetime.now(UTC) + timedelta(hours=23)


@pytest.mark.parametrize(
    "content", [b"no database at all, but long enough to be looked at" * 20, b"SQLite format 3\x00"]
)
def test_what_is_no_database(file: Path, content: bytes) -> None:
    """One sentence, and the file stays as it was."""
    file.write_bytes(content)
    with pytest.raises(ValueError, match="is not a SQLite database"):
        Sandbox(state=file)
    assert file.read_bytes() == content


def test_the_log_of_a_file_that_is_gone(file: Path, start: Callable[..., Any]) -> None:
    """It does not become part of the next file of that name, and stays as it was."""
    with start() as before:
        place(before)
        log = Path(f"{file}-wal")
        content = log.read_bytes()
    log.write_bytes(content)
    for content_of_file in (None, b""):
        file.unlink(missing_ok=True)
        if content_of_file is not None:
            file.write_bytes(content_of_file)
        with pytest.raises(ValueError, match="is the log of a file that is gone"):
            Sandbox(state=file)
        assert (file.exists(), log.read_bytes()) == (content_of_file is not None, content)


def test_a_database_of_something_else(file: Path) -> None:
    """It is not written to."""
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE mine (x)")
    with pytest.raises(ValueError, match="is a database of something else than a sandbox"):
        Sandbox(state=file)


def test_another_version(file: Path, start: Callable[..., Any]) -> None:
    """The sentence names both."""
    with start():
        pass
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA user_version = 7")
    with pytest.raises(ValueError, match=r"another version of the sandbox: its schema is 7, not \d+"):
        Sandbox(state=file)


def test_a_damaged_database(file: Path, start: Callable[..., Any]) -> None:
    """It is not repaired, and not written over."""
    with start() as before:
        for _ in range(20):
            place(before)
    raw = bytearray(file.read_bytes())
    raw[100:4_000] = b"\xff" * 3_900
    file.write_bytes(raw)
    with pytest.raises(ValueError, match="is a damaged database"):
        Sandbox(state=file)


@pytest.mark.parametrize("name", ["account", "numbers", "people", "progress"])
@pytest.mark.parametrize("value", ["null", "[1]", '"x"', "7"])
def test_damaged_settings(file: Path, start: Callable[..., Any], name: str, value: str) -> None:
    """One sentence, without the secret in the variables of any frame."""
    with start(application_key="key", application_secret="Q0FOQVJZ") as before:
        before.people.default = Person(answers_after=4.0)
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("UPDATE kept SET value = ? WHERE kind = 'setting' AND name = ?", (value, name))
    with pytest.raises(ValueError, match=r"state.sqlite: the settings that it keeps are damaged; remove it") as caught:
        Sandbox(state=file)
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    assert "Q0FOQVJZ" not in "".join(line for line in shown if "test_damaged_settings" not in line)


@pytest.mark.parametrize("given", [None, "Q0FOQVJZ"])
async def test_a_secret_that_was_given_is_never_told(start: Callable[..., Any], given: str | None) -> None:
    """Nor after a restart that finds it in the file; one that the sandbox made up is told as before."""
    with start(application_secret=given) as before:
        made_up = before.account.application_secret
    for _ in range(2):
        with start() as after:
            transport = httpx.ASGITransport(after.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
                told = (await http.get("/_sandbox/api/account/credentials")).json()
        assert told["applicationSecret"] == (made_up if given is None else None)


def test_two_sandboxes_do_not_share(file: Path, start: Callable[..., Any]) -> None:
    """The second is told so."""
    with start(), pytest.raises(OSError, match="is in use by another sandbox"):
        Sandbox(state=file)


@pytest.mark.parametrize(
    ("place_", "problem"), [(".", "Is a directory"), ("missing/state.sqlite", "No such file or directory")]
)
def test_a_place_that_cannot_be_written(
    tmp_path: Path, place_: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command says so, too."""
    with pytest.raises(SystemExit) as caught:
        main(["--port", "0", "--state", str(tmp_path / place_)])
    assert caught.value.code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "cannot be opened for writing: " in said
    assert said.endswith(problem)


def test_the_file_of_another_user_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It could be read and changed by that user; and so could a file that has another name."""
    file.touch()
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)
        with pytest.raises(OSError, match="belongs to another user"):
            Sandbox(state=file)
    file.with_suffix(".other").hardlink_to(file)
    with pytest.raises(OSError, match="not a regular file with one name"):
        Sandbox(state=file)


def test_a_full_disk_is_said_once(start: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    """Then the sandbox goes on in memory."""
    with start() as sandbox:
        sandbox._state.store._database._connection.execute("PRAGMA max_page_count = 1")
        calls = [place(sandbox, custom="x" * 1_000) for _ in range(10)]
        sandbox.add_recording("a.wav", data=bytes(100_000))
        place(sandbox)
        assert [call.is_answered for call in calls] == [True] * 10
    [record] = [each for each in caplog.records if each.levelname == "ERROR"]
    assert record.getMessage().endswith("is not written any more: database or disk is full")


def test_what_is_too_deep_is_left_out(start: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    """One call of a hostile application, and no other."""
    deep: dict[str, Any] = {}
    for _ in range(400):
        deep = {"x": deep}
    with start() as before:
        call = place(before)
        call.updates.append(_deeper(deep))
        call.handle.note("changed")
        other = place(before)
    assert "nested too deeply to be kept" in caplog.text
    with start() as after:
        assert other.call_id in {each.call_id for each in after.calls}


def _deeper(value: dict[str, Any]) -> dict[str, Any]:
    for _ in range(100_000):
        value = {"x": value}
    return value


def test_the_file_is_readable_text(file: Path, start: Callable[..., Any]) -> None:
    """Whoever looks into it finds JSON."""
    with start() as before:
        place(before, custom="hello")
    with closing(sqlite3.connect(file)) as database:
        [(value,)] = database.execute("SELECT value FROM kept WHERE kind = 'call'").fetchall()
    assert json.loads(value)["custom"] == "hello"


@pytest.mark.skipif(os.name == "nt", reason="files have no mode there")
def test_the_file_is_private(file: Path, start: Callable[..., Any]) -> None:
    """Whoever else has an account on the machine cannot read a secret, or what was said in calls."""
    file.touch(0o644)
    with start():
        assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_link_is_not_followed(tmp_path: Path, link: Callable[[Path, Path], None]) -> None:
    """Not even to an empty file: the file of another program is not written to."""
    other, name = tmp_path / "other", tmp_path / "state.sqlite"
    other.touch(0o644)
    link(other, name)
    with pytest.raises(OSError, match="cannot be opened for writing"):
        Sandbox(state=name)
    assert other.read_bytes() == b""


def test_errors_of_the_disk_are_told_in_words() -> None:
    """Also those that nobody has thought of."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    assert str(_explained(error, "state.sqlite")) == "state.sqlite cannot be opened for writing: disk I/O error"
