"""Archives: restartable at any moment, nothing downloaded twice, nothing deleted unsaved."""

import errno
import hashlib
import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from sinch_voice_async import ArchiveSummary, DownloadError, ForbiddenError, InvalidRequestError, VoiceClient, _files
from sinch_voice_async._endpoints.recordings import Recordings
from sinch_voice_async._endpoints.recordings.archive import Entry, Manifest
from sinch_voice_async._endpoints.recordings.files import holds
from sinch_voice_async.sandbox import Sandbox
from sinch_voice_async.sandbox.exchange.recordings import Recording
from tests.endpoints.recordings.conftest import names, room_for

KEY = "/calling/v1/recording/{key}"


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def stored(sandbox: Sandbox, *keys: str, size: int = 1000) -> None:
    for number, key in enumerate(keys):
        sandbox.add_recording(key, data=bytes([65 + number]) * size)


def files(folder: Path) -> list[str]:
    return [name for name in names(folder) if name != "manifest.jsonl"]


async def test_everything_in_a_directory(sandbox: Sandbox, recordings: Recordings, tmp_path: Path) -> None:
    """Each recording is a file that can be played, and a line that says what is in it."""
    folder, calls = tmp_path / "deep" / "archive", list[tuple[int, int]]()
    sounds = {sound.key: sound for sound in (sandbox.add_recording(seconds=0.1) for _ in range(5))}
    summary = await recordings.archive(folder, progress=lambda done, total: calls.append((done, total)))
    assert summary == ArchiveSummary(listed=5, downloaded=5, bytes_downloaded=5 * 1644)
    assert calls == [(done, 5) for done in range(1, 6)]
    assert files(folder) == sorted(sounds)
    assert {line["key"] for line in lines(folder)} == set(sounds)
    for line in lines(folder):
        content, sound = (folder / line["file"]).read_bytes(), sounds[line["key"]]
        assert content == sound.read()
        assert (line["size"], line["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        assert line["created"] == sound.created_on.isoformat().replace("+00:00", "Z")
        assert line["expires"] == sound.expires_on.isoformat().replace("+00:00", "Z")


async def test_nothing_is_downloaded_twice(sandbox: Sandbox, recordings: Recordings, tmp_path: Path) -> None:
    """The next run gets what is new, and what is not there any more."""
    stored(sandbox, "a.wav", "b.wav", "c.wav")
    await recordings.archive(tmp_path)
    stored(sandbox, "d.wav")
    (tmp_path / "b.wav").unlink()
    (tmp_path / "c.wav").write_bytes(b"short")
    summary = await recordings.archive(tmp_path)
    assert summary == ArchiveSummary(listed=4, already_there=1, downloaded=3, bytes_downloaded=3000)
    assert [sandbox.recordings[key].downloads for key in ("a.wav", "b.wav", "c.wav", "d.wav")] == [1, 2, 2, 1]
    assert (tmp_path / "c.wav").read_bytes() == b"short"
    again = await recordings.archive(tmp_path)
    assert again == ArchiveSummary(listed=4, already_there=4)


async def test_deleting_what_is_saved(sandbox: Sandbox, recordings: Recordings, tmp_path: Path) -> None:
    """Each recording goes from the platform when its file and its line are on the disk."""
    stored(sandbox, "a.wav", "b.wav")
    assert (await recordings.archive(tmp_path, delete_after=True)).deleted == 2
    assert len(sandbox.recordings) == 0
    assert [(tmp_path / line["file"]).stat().st_size for line in lines(tmp_path)] == [1000, 1000]


async def test_a_file_of_an_earlier_run_is_read_before_its_recording_is_deleted(
    sandbox: Sandbox, recordings: Recordings, tmp_path: Path
) -> None:
    """A file that is damaged meanwhile is no reason to delete what it was: that is downloaded once more, beside it."""
    stored(sandbox, "a.wav", "b.wav")
    await recordings.archive(tmp_path)
    (tmp_path / "a.wav").write_bytes(b"-" * 1000)
    summary = await recordings.archive(tmp_path, delete_after=True)
    assert (summary.already_there, summary.downloaded, summary.deleted) == (1, 1, 2)
    last = {line["key"]: line["file"] for line in lines(tmp_path)}
    assert (tmp_path / last["a.wav"]).read_bytes() == b"A" * 1000
    assert last["a.wav"] != "a.wav"


async def test_names_that_collide(sandbox: Sandbox, recordings: Recordings, tmp_path: Path) -> None:
    """Keys that differ in case, or clean to one name, and files that are not ours: each keeps its own."""
    keys = ["A.wav", "a.wav", "x/y.wav", "x\\y.wav", "../../mine.wav", "mine.wav", "manifest.jsonl", "a.wav.part"]
    (tmp_path / "mine.wav").write_bytes(b"mine")
    stored(sandbox, *keys)
    await recordings.archive(tmp_path)
    found = {line["key"]: line["file"] for line in lines(tmp_path)}
    assert set(found) == set(keys)
    assert len({file.casefold() for file in found.values()}) == len(keys)
    for key, file in found.items():
        assert (tmp_path / file).read_bytes() == sandbox.recordings[key].read()
    assert (tmp_path / "mine.wav").read_bytes() == b"mine"
    assert len(files(tmp_path)) == len(keys) + 1


async def test_a_recording_that_vanishes(sandbox: Sandbox, recordings: Recordings, tmp_path: Path) -> None:
    """What somebody else deleted after it was listed is counted, and no error, not even on deleting it."""
    stored(sandbox, "a.wav", "b.wav", "c.wav")

    def progress(done: int, _total: int) -> None:
        if done == 1:
            sandbox.remove_recording("b.wav")

    # The platform forgets the last one too, between its download and its deletion.
    sandbox.faults.add("DELETE", KEY, status=404, times=1)
    summary = await recordings.archive(tmp_path, concurrency=1, delete_after=True, progress=progress)
    assert (summary.listed, summary.downloaded, summary.vanished, summary.deleted) == (3, 2, 1, 2)


async def test_one_that_fails_keeps_no_other_from_it(sandbox: Sandbox, recordings: Recordings, tmp_path: Path) -> None:
    """The error comes when the others are there, and says how many failed; the next run gets what is missing."""
    stored(sandbox, "a.wav", "b.wav", "c.wav")
    sandbox.faults.add("GET", KEY, status=403, times=2)
    with pytest.raises(
        DownloadError, match=r"2 of 3 recordings could not be archived; the first is 'a.wav': 403"
    ) as caught:
        await recordings.archive(tmp_path, concurrency=1)
    assert isinstance(caught.value.__cause__, ForbiddenError)
    assert files(tmp_path) == ["c.wav"]
    assert (await recordings.archive(tmp_path)).downloaded == 2


async def test_a_failure_of_the_disk_ends_it(sandbox: Sandbox, recordings: Recordings, tmp_path: Path) -> None:
    """Nothing more is downloaded, since it could not be stored either; one plain error says so."""
    stored(sandbox, "a.wav", "b.wav", "c.wav", "d.wav", size=200_000)
    with room_for(100_000), pytest.raises(DownloadError, match="File too large"):
        await recordings.archive(tmp_path, concurrency=2)
    assert sum(recording.downloads for recording in sandbox.recordings) <= 3
    assert (await recordings.archive(tmp_path)).downloaded == 4


async def test_a_directory_that_cannot_be_made(recordings: Recordings, tmp_path: Path) -> None:
    """The error names it."""
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match=r"cannot save to .*file"):
        await recordings.archive(tmp_path / "file")


async def test_progress_that_fails(sandbox: Sandbox, recordings: Recordings, tmp_path: Path) -> None:
    """Its error ends the archive, and comes out alone and as it is."""
    stored(sandbox, "a.wav", "b.wav", "c.wav")
    with pytest.raises(ZeroDivisionError):
        await recordings.archive(tmp_path, progress=lambda done, _: done / 0)


@pytest.mark.parametrize(
    "arguments", [{"concurrency": 0}, {"concurrency": True}, {"concurrency": 1.5}, {"start": "now"}]
)
async def test_what_cannot_be_asked_for(recordings: Recordings, tmp_path: Path, arguments: dict[str, Any]) -> None:
    """A slip is named, and nothing is made."""
    with pytest.raises(InvalidRequestError, match=next(iter(arguments))):
        await recordings.archive(tmp_path / "archive", **arguments)
    assert names(tmp_path) == []


class Platform:
    """An httpx transport with one recording; ``told`` hears of every request before it is answered."""

    def __init__(self, told: Callable[[httpx.Request], object]) -> None:
        self.told = told

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.told(request)
        if request.url.path.endswith("/a"):
            return httpx.Response(200, content=b"-")
        listed = [{"key": "a", "url": "https://evil.example/calling/v1/recording/a"}]
        return httpx.Response(200, json=listed if request.url.params["page"] == "1" else [])

    def client(self) -> VoiceClient:
        return VoiceClient("key", "c2VjcmV0", transport=httpx.MockTransport(self))


async def test_times_that_the_platform_leaves_out(tmp_path: Path) -> None:
    """They are null in the manifest."""
    async with Platform(lambda _: None).client() as client:
        await client.recordings.archive(tmp_path)
    assert [(line["created"], line["expires"]) for line in lines(tmp_path)] == [(None, None)]


async def test_the_url_of_a_recording_is_left_alone(tmp_path: Path) -> None:
    """It may lead anywhere: a recording is reached by its key, and credentials stay with the platform."""
    hosts: list[str] = []
    async with Platform(lambda request: hosts.append(request.url.host)).client() as client:
        await client.recordings.archive(tmp_path, delete_after=True)
    assert set(hosts) == {"calling.api.sinch.com"}


async def test_each_step_is_on_the_disk_before_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """First the bytes, then the name, then the line in the manifest; and only then the recording is deleted."""
    steps: list[str] = []
    genuine = os.fsync

    def fsync(handle: int) -> None:
        genuine(handle)
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            steps.append(f"directory with {names(tmp_path)}")
        else:
            steps.append("manifest" if os.path.sameopenfile(handle, manifest.fileno()) else "file")

    async with Platform(lambda request: steps.append(request.method)).client() as client:
        await client.recordings.archive(tmp_path, end=datetime(2020, 1, 1, tzinfo=UTC))
        (tmp_path / "a").unlink()
        steps.clear()
        with (tmp_path / "manifest.jsonl").open("rb") as manifest:
            monkeypatch.setattr(os, "fsync", fsync)
            await client.recordings.archive(tmp_path, delete_after=True)
    assert steps[-5:] == [
        "GET",
        "file",
        "directory with ['a', 'a.part.json', 'manifest.jsonl']",
        "manifest",
        "DELETE",
    ]


async def test_lines_are_written_one_by_one(
    sandbox: Sandbox, recordings: Recordings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a line that fails would take the next one with it."""
    genuine, writing, most = Manifest.add, list[Entry](), list[int]()

    def add(manifest: Manifest, entry: Entry) -> None:
        writing.append(entry)
        most.append(len(writing))
        time.sleep(0.005)
        genuine(manifest, entry)
        writing.remove(entry)

    monkeypatch.setattr(Manifest, "add", add)
    stored(sandbox, *(f"{number}.wav" for number in range(8)))
    await recordings.archive(tmp_path)
    assert most == [1] * 8


# What a process that died leaves behind


async def test_a_file_whose_line_was_not_written_any_more(
    sandbox: Sandbox, recordings: Recordings, tmp_path: Path
) -> None:
    """Its note proves what it is: it gets its line, and is not downloaded again."""
    stored(sandbox, "a.wav", "b.wav")
    for name, key in (("a.wav", "a.wav"), ("b.wav", "another")):
        (tmp_path / name).write_bytes(sandbox.recordings[name].read())
        (tmp_path / f"{name}.part.json").write_text(json.dumps({"key": key, "validator": '"1"', "length": 1000}))
        (tmp_path / f"{name}.part.json").chmod(0o600)
    summary = await recordings.archive(tmp_path)
    assert summary == ArchiveSummary(listed=2, already_there=1, downloaded=1, bytes_downloaded=1000)
    assert sandbox.recordings["a.wav"].downloads == 0
    assert {line["key"]: line["file"] == line["key"] for line in lines(tmp_path)} == {"a.wav": True, "b.wav": False}


async def test_a_line_that_is_torn(sandbox: Sandbox, recordings: Recordings, tmp_path: Path) -> None:
    """It is cut off, and what it stood for is done again."""
    stored(sandbox, "a.wav", "b.wav")
    await recordings.archive(tmp_path, concurrency=1)
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_bytes(manifest.read_bytes()[:-5])
    (tmp_path / "b.wav").unlink()
    assert (await recordings.archive(tmp_path)).downloaded == 1
    assert [line["key"] for line in lines(tmp_path)] == ["a.wav", "b.wav"]


@pytest.mark.parametrize(
    "line", [b"no json", b"[]", b"{}", b'{"key": "a", "file": "a", "size": "1", "sha256": ""}', b"\xff"]
)
async def test_a_manifest_that_is_damaged(recordings: Recordings, tmp_path: Path, line: bytes) -> None:
    """It is left as it is, and named with the line: to guess would be to download, or to delete, by mistake."""
    (tmp_path / "manifest.jsonl").write_bytes(line + b"\n")
    with pytest.raises(DownloadError, match="line 1"):
        await recordings.archive(tmp_path)
    assert (tmp_path / "manifest.jsonl").read_bytes() == line + b"\n"


async def test_two_archives_in_one_directory(sandbox: Sandbox, recordings: Recordings, tmp_path: Path) -> None:
    """The second is refused while the first is being made: they would write the same files."""
    stored(sandbox, "a.wav")
    sandbox.faults.add("GET", KEY, latency=300, times=1)
    async with anyio.create_task_group() as group:
        group.start_soon(recordings.archive, tmp_path)
        while any(left for _, left in sandbox.faults.armed):
            await anyio.sleep(0.001)
        with pytest.raises(DownloadError, match="another archive"):
            await recordings.archive(tmp_path)
        group.cancel_scope.cancel()
    await recordings.archive(tmp_path)
    assert files(tmp_path) == ["a.wav"]


def test_a_line_that_could_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written of it goes, so that the next one is whole."""
    manifest = Manifest.open(tmp_path)
    manifest.add(Entry(key="a", file="a", size=1, sha256=""))

    def refuse(_handle: int) -> None:
        raise OSError(errno.EIO, "no")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", refuse)
        with pytest.raises(OSError, match="no"):
            manifest.add(Entry(key="b", file="b", size=1, sha256=""))
    manifest.add(Entry(key="c", file="c", size=1, sha256=""))
    manifest.close()
    assert [line["key"] for line in lines(tmp_path)] == ["a", "c"]


def test_where_there_are_no_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has none of this kind: the archive is made all the same."""
    monkeypatch.setattr(_files, "lock", lambda _: True)
    one, other = Manifest.open(tmp_path), Manifest.open(tmp_path)
    one.close()
    other.close()


ARCHIVE = """
import json, sys, anyio
from sinch_voice_async import VoiceClient

async def main(folder, options):
    async with VoiceClient(**json.loads(options)) as client:
        told = lambda *_: (print("one", flush=True), sys.stdin.readline())
        await client.recordings.archive(folder, concurrency=3, delete_after=True, progress=told)

anyio.run(main, *sys.argv[2:], backend=sys.argv[1])
"""


def check_that_all_is_safe(folder: Path, sandbox: Sandbox, sounds: dict[str, Recording]) -> None:
    """What is in the manifest is whole, and nothing else is gone from the platform."""
    written = (folder / "manifest.jsonl").read_bytes().split(b"\n")[:-1]
    saved = {line["key"]: folder / line["file"] for line in map(json.loads, written)}
    assert set(sounds) - {recording.key for recording in sandbox.recordings} <= set(saved)
    for key, path in saved.items():
        assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(sounds[key].read()).digest()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_process_that_is_killed(sandbox: Sandbox, tmp_path: Path, backend: str) -> None:
    """Killed twice in the middle, it ends complete; no file is damaged, and nothing was deleted unsaved."""
    sounds = {key: sandbox.add_recording(key, data=os.urandom(1_500_000)) for key in map(str, range(14))}
    command = [sys.executable, "-c", ARCHIVE, backend, str(tmp_path), json.dumps(sandbox.client_options())]
    for killed_after in (2, 3, None):
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            for count, _line in enumerate(process.stdout, 1):
                if count == killed_after:
                    process.kill()
                    break
                process.stdin.write(b"go on\n")
                process.stdin.flush()
        assert (process.returncode == 0) == (killed_after is None)
        check_that_all_is_safe(tmp_path, sandbox, sounds)
    assert len(sandbox.recordings) == 0
    assert files(tmp_path) == sorted(sounds)
    # Only what was in the middle is asked for again, and then for the rest of it alone.
    assert sum(sound.downloads for sound in sounds.values()) <= len(sounds) + 2 * 3 * 2


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/b", "a\\b", "", ".", "..", "a\0b", 5, None])
def test_a_manifest_that_names_another_place_is_refused(tmp_path: Path, name: object) -> None:
    """No line leads out of the directory."""
    line = {"key": "a", "file": name, "size": 1, "sha256": ""}
    (tmp_path / "manifest.jsonl").write_text(json.dumps(line) + "\n")
    with pytest.raises(DownloadError, match="line 1: this is not a line of a manifest"):
        Manifest.open(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="links and modes of POSIX")
@pytest.mark.parametrize("kind", ["link", "hard link"])
async def test_a_manifest_that_is_a_link_is_refused(sandbox: Sandbox, tmp_path: Path, kind: str) -> None:
    """What it points to is not written to, and nothing is deleted from the platform."""
    folder, outside = tmp_path / "archive", tmp_path / "outside"
    folder.mkdir()
    outside.write_bytes(b"")
    if kind == "link":
        (folder / "manifest.jsonl").symlink_to(outside)
    else:
        (folder / "manifest.jsonl").hardlink_to(outside)
    sandbox.add_recording(data=b"RIFF")
    async with VoiceClient(**sandbox.client_options()) as client:
        with pytest.raises(DownloadError, match=r"manifest\.jsonl"):
            await client.recordings.archive(folder, delete_after=True)
    assert outside.read_bytes() == b""
    assert len(sandbox.recordings) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="links and modes of POSIX")
async def test_an_archive_is_private_and_through_no_link(sandbox: Sandbox, tmp_path: Path) -> None:
    """Every file and directory that an archive makes is for its owner alone, and a link in the way is not followed."""
    umask = os.umask(0)
    try:
        folder, outside = tmp_path / "deep" / "archive", tmp_path / "outside"
        outside.write_bytes(b"precious")
        folder.mkdir(parents=True, mode=0o777)
        for key in ("a.wav", "-rf.wav", "--help"):
            sandbox.add_recording(key, data=key.encode())
        (folder / "a.wav.part").symlink_to(outside)
        async with VoiceClient(**sandbox.client_options()) as client:
            await client.recordings.archive(folder, delete_after=True)
            await client.recordings.archive(tmp_path / "new" / "one")
    finally:
        os.umask(umask)
    assert outside.read_bytes() == b"precious"
    made = [path for path in folder.iterdir() if not path.is_symlink()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o600}
    assert not [path for path in folder.iterdir() if path.is_symlink() or path.name.startswith("-")]
    assert {path.read_bytes() for path in made} >= {b"a.wav", b"-rf.wav", b"--help"}
    assert stat.S_IMODE((tmp_path / "new" / "one").stat().st_mode) == 0o700


async def test_a_file_of_the_archive_that_became_a_link_is_downloaded_again(sandbox: Sandbox, tmp_path: Path) -> None:
    """Nothing is deleted from the platform because of a file that is somewhere else."""
    sandbox.add_recording("a.wav", data=b"RIFF")
    async with VoiceClient(**sandbox.client_options()) as client:
        await client.recordings.archive(tmp_path)
        (tmp_path / "other").write_bytes(b"RIFF")
        (tmp_path / "a.wav").unlink()
        (tmp_path / "a.wav").symlink_to(tmp_path / "other")
        summary = await client.recordings.archive(tmp_path, delete_after=True)
    assert (summary.downloaded, summary.deleted) == (1, 1)
    saved = [path for path in tmp_path.iterdir() if path.name.startswith("a~")]
    assert [path.read_bytes() for path in saved] == [b"RIFF"]


async def test_a_process_that_dies_within_the_rename_has_saved_the_file(sandbox: Sandbox, tmp_path: Path) -> None:
    """Both names of the whole file are there for a moment; the file is recognised, and not downloaded again."""
    recording = sandbox.add_recording("a.wav", data=b"RIFF")
    note = {"key": "a.wav", "validator": None, "length": 4}
    (tmp_path / "a.wav.part.json").write_text(json.dumps(note))
    (tmp_path / "a.wav.part.json").chmod(0o600)
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    (tmp_path / "a.wav.part").hardlink_to(tmp_path / "a.wav")
    async with VoiceClient(**sandbox.client_options()) as client:
        summary = await client.recordings.archive(tmp_path)
    assert (summary.already_there, recording.downloads) == (1, 0)
    assert not (tmp_path / "a.wav.part").exists()


async def test_a_file_beside_a_part_is_not_taken_for_the_recording(sandbox: Sandbox, tmp_path: Path) -> None:
    """While a part has the note, a file of the right length is something else: it is kept, under its name."""
    recording = sandbox.add_recording("a.wav", data=b"RIFF")
    (tmp_path / "a.wav.part.json").write_text(json.dumps({"key": "a.wav", "validator": None, "length": 4}))
    (tmp_path / "a.wav.part.json").chmod(0o600)
    (tmp_path / "a.wav").write_bytes(b"mine")
    (tmp_path / "a.wav.part").write_bytes(b"RI")
    async with VoiceClient(**sandbox.client_options()) as client:
        await client.recordings.archive(tmp_path)
    assert (recording.downloads, (tmp_path / "a.wav").read_bytes()) == (1, b"mine")


@pytest.mark.parametrize("arguments", [{"concurrency": 0}, {"concurrency": True}, {"delete_after": 1}, {"progress": 1}])
async def test_arguments_of_an_archive_are_checked(tmp_path: Path, arguments: dict[str, Any]) -> None:
    """Before anything is requested or made."""
    async with VoiceClient("key", "c2VjcmV0", base_url="http://127.0.0.1:9") as client:
        with pytest.raises(InvalidRequestError, match=next(iter(arguments))):
            await client.recordings.archive(tmp_path / "a", **arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("note", [b"", b"{", b"\xff", b"[" * 100_000, b"[]", b"{}"])
def test_a_note_that_is_torn_proves_nothing(tmp_path: Path, note: bytes) -> None:
    """A file whose note cannot be read is something else."""
    _files.write_whole(tmp_path / "a.part.json", note, overwrite=False)
    (tmp_path / "a").write_bytes(b"RIFF")
    assert not holds(tmp_path / "a", "a")
