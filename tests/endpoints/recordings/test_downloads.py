"""Downloads: whole or not at all, through every break of the stream."""

import hashlib
import itertools
import json
import os
import random
import stat
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import anyio
import httpx
import pytest

from sinch_voice_async import (
    DecodeError,
    DownloadError,
    InvalidRequestError,
    NotFoundError,
    RetryPolicy,
    ServerError,
    VoiceClient,
    _files,
)
from sinch_voice_async._endpoints.recordings import Recordings
from sinch_voice_async._endpoints.recordings.files import PartFile, Version, parse_date
from sinch_voice_async.sandbox import Sandbox
from tests.endpoints.recordings.conftest import QUICK, names, room_for
from tests.patience import with_more_time
from tests.transport.servers import FaultServer, Step, answer, say

DATA = random.Random(1).randbytes(300_000)
LONG = random.Random(2).randbytes(2_500_000)
"""Several blocks of a file."""
ONCE = RetryPolicy(max_attempts=1)
ETAG = b'ETag: "one"\r\n'
OLD = b"Last-Modified: Sat, 31 Jan 2026 12:00:00 GMT\r\n"


@asynccontextmanager
async def served_by(*script: Step, **options: Any) -> AsyncIterator[tuple[FaultServer, Recordings]]:
    """Serve a script, and give the recordings of a client of it."""
    with FaultServer(*script) as server:
        async with VoiceClient("key", "c2VjcmV0", base_url=server.url, **{"retry": QUICK, **options}) as client:
            yield server, client.recordings


def whole(data: bytes = DATA, headers: bytes = ETAG) -> Step:
    return answer(data, headers=headers)


def broken(sent: int, data: bytes = DATA, headers: bytes = ETAG) -> Step:
    """Announce the whole, send a part, hang up."""
    head = b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n" % (headers, len(data))
    return say(head + data[:sent], then="close")


def rest(start: int, data: bytes = DATA, headers: bytes = ETAG, total: bytes | None = None) -> Step:
    """Answer with what is left."""
    length = b"%d" % len(data) if total is None else total
    described = b"%bContent-Range: bytes %d-%d/%b\r\n" % (headers, start, len(data) - 1, length)
    return answer(data[start:], status=206, headers=described)


def asked(server: FaultServer) -> list[tuple[str | None, str | None]]:
    """Return the Range and If-Range of every request."""
    found = []
    for head in server.heads:
        fields = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:] if line)
        found.append((fields.get("range"), fields.get("if-range")))
    return found


# An open download


async def test_what_is_known_of_an_open_download(sandbox: Sandbox, recordings: Recordings) -> None:
    """Length, type and headers are there before a byte of the recording is."""
    stored = sandbox.add_recording(seconds=0.1)
    download = recordings.download(stored.key)
    assert repr(download) == f"<Download {stored.key!r}, new, 0 bytes>"
    async with download:
        assert (download.content_length, download.content_type) == (stored.size, "audio/wav")
        assert download.headers["ETag"] == stored.etag
        assert repr(download) == f"<Download {stored.key!r}, open, 0 of {stored.size} bytes>"
        assert await download.read() == stored.read()
    assert repr(download) == f"<Download {stored.key!r}, closed, {stored.size} of {stored.size} bytes>"


async def test_chunk_by_chunk(sandbox: Sandbox, recordings: Recordings) -> None:
    """The chunks are the recording, and an iteration that was left goes on where it was."""
    stored = sandbox.add_recording(data=DATA)
    async with recordings.download(stored.key) as download:
        content = await anext(aiter(download))
        async for chunk in download:
            content += chunk
    assert content == DATA


async def test_left_early(sandbox: Sandbox, client: VoiceClient, recordings: Recordings) -> None:
    """Leaving a download closes its connection, and leaks nothing."""
    stored = sandbox.add_recording(seconds=100)
    for _ in range(3):
        async with recordings.download(stored.key) as download:
            assert await anext(aiter(download))
    assert repr(client._transport.session.sender) == "<ConnectionPool [0 active, 0 idle, 0 waiting]>"


async def test_an_empty_recording(sandbox: Sandbox, recordings: Recordings, tmp_path: Path) -> None:
    """Nothing is a file as well."""
    stored = sandbox.add_recording(data=b"")
    async with recordings.download(stored.key) as download:
        assert [chunk async for chunk in download] == []
    async with recordings.download(stored.key) as download:
        saved = await download.save(tmp_path / "a.wav")
    assert saved.read_bytes() == b""


async def test_what_is_not_there(recordings: Recordings) -> None:
    """It is a NotFoundError on entering, as for any request."""
    with pytest.raises(NotFoundError):
        await recordings.download("nothing").__aenter__()


async def test_a_download_is_read_once_and_within_its_block(sandbox: Sandbox, recordings: Recordings) -> None:
    """Half a recording would come of anything else."""
    stored = sandbox.add_recording(data=DATA)
    download = recordings.download(stored.key)
    for use in (download.read, lambda: download.save("x"), lambda: anext(download)):
        with pytest.raises(InvalidRequestError, match="async with"):
            await use()
    with pytest.raises(InvalidRequestError, match="async with"):
        _ = download.content_length
    async with download:
        await anext(aiter(download))
        with pytest.raises(InvalidRequestError, match="before"):
            await download.read()
        with pytest.raises(InvalidRequestError, match="before"):
            await download.save("x")
    with pytest.raises(InvalidRequestError, match="opened before"):
        await download.__aenter__()


@pytest.mark.parametrize("status", [204, 206])
async def test_an_answer_that_is_no_file(status: int) -> None:
    """A part that nobody asked for is not taken for a recording."""
    async with served_by(answer(b"", status=status)) as (_, recordings):
        with pytest.raises(DecodeError, match=f"{status} does not answer"):
            await recordings.download("a").__aenter__()


# Breaks


@pytest.mark.parametrize("way", ["iterate", "read", "save"])
async def test_twenty_breaks(sandbox: Sandbox, recordings: Recordings, tmp_path: Path, way: str) -> None:
    """A stream that is cut at twenty random places ends as it should, byte by byte."""
    stored = sandbox.add_recording(data=LONG)
    stored.cut(*random.Random(3).sample(range(len(LONG)), 20))
    async with recordings.download(stored.key) as download:
        if way == "iterate":
            content = b"".join([chunk async for chunk in download])
        elif way == "read":
            content = await download.read()
        else:
            content = (await download.save(tmp_path / "a.wav")).read_bytes()
    assert hashlib.sha256(content).digest() == hashlib.sha256(stored.read()).digest()
    assert stored.downloads == 21


async def test_silence_is_a_break_too(sandbox: Sandbox) -> None:
    """A stream that stalls for longer than the read timeout is resumed."""

    async def once(scale: float) -> None:
        stored = sandbox.add_recording(data=DATA)
        stored.stall(100_000, seconds=300)
        async with (
            VoiceClient(**sandbox.client_options(), retry=QUICK, timeout=0.5 * scale) as client,
            client.recordings.download(stored.key) as download,
        ):
            assert await download.read() == DATA

    await with_more_time(once)


@pytest.mark.parametrize(
    ("headers", "if_range"),
    [
        (ETAG, '"one"'),
        (ETAG + OLD, '"one"'),
        (b'ETag: W/"one"\r\n' + OLD, "Sat, 31 Jan 2026 12:00:00 GMT"),
        (OLD + b"Date: Sat, 31 Jan 2026 12:00:01 GMT\r\n", "Sat, 31 Jan 2026 12:00:00 GMT"),
        (OLD + b"Date: Sat, 31 Jan 2026 12:00:01 -0000\r\n", "Sat, 31 Jan 2026 12:00:00 GMT"),
    ],
)
async def test_the_rest_of_the_same_file_is_asked_for(headers: bytes, if_range: str) -> None:
    """Range says from where, and If-Range of which version."""
    async with (
        served_by(broken(1000, headers=headers), rest(1000, headers=headers)) as (server, recordings),
        recordings.download("a") as download,
    ):
        assert await download.read() == DATA
    assert asked(server) == [(None, None), ("bytes=1000-", if_range)]


@pytest.mark.parametrize(
    "headers",
    [
        b"",
        b'ETag: W/"one"\r\n',
        b'ETag: "\r\n',
        b"Last-Modified: yesterday\r\n",
        OLD + b"Date: Sat, 31 Jan 2026 12:00:00 GMT\r\n",
        OLD + b"Date: today\r\n",
    ],
)
async def test_what_names_no_version_begins_anew(headers: bytes) -> None:
    """Without a strong validator nothing proves that a rest is the rest of this file."""
    async with (
        served_by(broken(1000, headers=headers), whole(headers=headers)) as (server, recordings),
        recordings.download("a") as download,
    ):
        assert await download.read() == DATA
    assert asked(server) == [(None, None), (None, None)]


@pytest.mark.parametrize(
    "wrong",
    [
        answer(b"", status=416),
        rest(999),
        rest(1000, total=b"299999"),
        rest(1000, headers=b'ETag: "two"\r\n'),
        rest(1000, total=b"*"),
        answer(DATA[1000:], status=206, headers=ETAG),
    ],
)
async def test_a_rest_that_does_not_follow_is_not_taken(wrong: Step, tmp_path: Path) -> None:
    """Whatever is not certainly the rest is dropped, and the whole is asked for."""
    async with (
        served_by(broken(1000), wrong, whole()) as (server, recordings),
        recordings.download("a") as download,
    ):
        saved = await download.save(tmp_path / "a.wav")
    assert saved.read_bytes() == DATA
    assert asked(server) == [(None, None), ("bytes=1000-", '"one"'), (None, None)]


async def test_a_rest_of_unknown_length() -> None:
    """Where the first answer gave no length, the rest may tell one."""
    chunked = b"HTTP/1.1 200 OK\r\n%bTransfer-Encoding: chunked\r\n\r\n3e8\r\n%b\r\n" % (ETAG, DATA[:1000])
    async with (
        served_by(say(chunked, then="close"), rest(1000)) as (_, recordings),
        recordings.download("a") as download,
    ):
        assert await download.read() == DATA
        assert download.content_length is None


async def test_a_platform_without_ranges(sandbox: Sandbox, recordings: Recordings, tmp_path: Path) -> None:
    """It sends everything again: a file begins anew, an iteration skips what it has given, of the same version."""
    sandbox.recordings.accept_ranges = False
    stored = sandbox.add_recording(data=LONG)
    stored.cut(2_400_000)
    async with recordings.download(stored.key) as download:
        assert b"".join([chunk async for chunk in download]) == LONG
    stored.cut(2_400_000)
    async with recordings.download(stored.key) as download:
        assert (await download.save(tmp_path / "a.wav")).read_bytes() == LONG


async def test_another_file_under_the_same_key(sandbox: Sandbox, recordings: Recordings, tmp_path: Path) -> None:
    """A file that changes in the middle is begun anew; an iteration cannot take back what it gave, and ends."""
    stored = sandbox.add_recording(seconds=10)
    for use in ("read", "save"):
        stored.cut(100_000, then_changes=True)
        async with recordings.download(stored.key) as download:
            if use == "read":
                assert await download.read() == stored.read()
            else:
                assert (await download.save(tmp_path / "a.wav")).read_bytes() == stored.read()
    stored.cut(100_000, then_changes=True)
    async with recordings.download(stored.key) as download:
        with pytest.raises(DownloadError, match="may be of another recording") as caught:
            async for _chunk in download:
                pass
    assert caught.value.bytes_written == 100_000
    assert caught.value.attempts == 2


async def test_another_file_that_is_shorter(tmp_path: Path) -> None:
    """Nothing of the longer one stays behind it."""
    for new in (b"short", b""):
        changed = whole(new, headers=b'ETag: "two"\r\n')
        async with served_by(broken(1000), changed, broken(1000), changed) as (_, recordings):
            async with recordings.download("a") as download:
                assert await download.read() == new
            async with recordings.download("a") as download:
                assert (await download.save(tmp_path / f"{len(new)}.wav")).read_bytes() == new


async def test_another_file_that_breaks_too(tmp_path: Path) -> None:
    """The part is of the new version then, and so is what the next save asks for."""
    new, two = LONG[::-1], b'ETag: "two"\r\n'
    script = [broken(2_000_000, LONG), broken(1_500_000, new, two), *[answer(b"", status=404)] * 2]
    async with served_by(*script) as (server, recordings):
        async with recordings.download("a") as download:
            with pytest.raises(DownloadError, match="after 1500000 bytes"):
                await download.save(tmp_path / "a.wav")
        server.script.clear()
        server.script.extend([whole(new, two), rest(1_500_000, new, two)])
        async with recordings.download("a") as download:
            assert (await download.save(tmp_path / "a.wav")).read_bytes() == new
    assert asked(server)[-1] == ("bytes=1500000-", '"two"')


async def test_an_iteration_of_what_has_no_version() -> None:
    """What comes from zero again need not be the same, and is not glued to what was given."""
    async with (
        served_by(broken(1000, headers=b""), whole(headers=b"")) as (_, recordings),
        recordings.download("a") as download,
    ):
        with pytest.raises(DownloadError, match="may be of another recording"):
            async for _chunk in download:
                pass


async def test_an_end_that_nobody_can_tell_from_a_cut() -> None:
    """A body that ends with its connection may be half of a recording, and is never called whole."""
    async with (
        served_by(say(b"HTTP/1.1 200 OK\r\n\r\n" + DATA, then="close")) as (_, recordings),
        recordings.download("a") as download,
    ):
        with pytest.raises(DownloadError, match="whole or cut") as caught:
            await download.read()
    assert caught.value.bytes_written == len(DATA)


async def test_somebody_elses_transport_is_not_trusted_with_the_length(tmp_path: Path) -> None:
    """A stream that ends before its Content-Length is a break, also where the HTTP library does not notice."""
    ranges: list[str | None] = []

    async def half() -> AsyncIterator[bytes]:
        yield DATA[:1000]
        yield b""

    def platform(request: httpx.Request) -> httpx.Response:
        ranges.append(request.headers.get("range"))
        headers = {"etag": '"one"', "content-length": f"{len(DATA)}"}
        if len(ranges) == 1:
            return httpx.Response(200, headers=headers, content=half())
        headers = {"etag": '"one"', "content-range": f"bytes 1000-{len(DATA) - 1}/{len(DATA)}"}
        return httpx.Response(206, headers=headers, content=DATA[1000:])

    transport = httpx.MockTransport(platform)
    async with (
        VoiceClient("key", "c2VjcmV0", transport=transport, retry=QUICK) as client,
        client.recordings.download("a") as download,
    ):
        assert (await download.save(tmp_path / "a.wav")).read_bytes() == DATA
    assert ranges == [None, "bytes=1000-"]


async def test_somebody_elses_empty_chunk_is_no_end() -> None:
    """A transport may give nothing now and then."""

    class Stream:
        status = 200
        headers: ClassVar = [(b"transfer-encoding", b"chunked")]

        def __init__(self) -> None:
            self.chunks = [b"a", b"", b"b"]

        def __aiter__(self) -> Self:
            return self

        async def __anext__(self) -> bytes:
            if not self.chunks:
                raise StopAsyncIteration
            return self.chunks.pop(0)

        async def aclose(self) -> None:
            pass

    class Sender:
        async def stream(self, *_: object, **__: object) -> Stream:
            return Stream()

        async def aclose(self) -> None:
            pass

    async with VoiceClient("key", "c2VjcmV0") as client:
        client._transport.session.sender = cast("Any", Sender())
        async with client.recordings.download("a") as download:
            assert await download.read() == b"ab"


# Giving up


async def test_giving_up_says_how_far_it_came(sandbox: Sandbox, tmp_path: Path) -> None:
    """A policy without retries is obeyed; what has arrived is in the part file, and is not lost."""
    stored = sandbox.add_recording(data=DATA)
    stored.cut(100_000)
    async with (
        VoiceClient(**sandbox.client_options(), retry=ONCE) as client,
        client.recordings.download(stored.key) as download,
    ):
        with pytest.raises(DownloadError, match="after 100000 bytes") as caught:
            await download.save(tmp_path / "a.wav")
    assert caught.value.bytes_written == 100_000
    assert caught.value.part_path == tmp_path / "a.wav.part"
    assert caught.value.part_path.read_bytes() == DATA[:100_000]
    assert isinstance(caught.value.__cause__, DecodeError)
    assert not (tmp_path / "a.wav").exists()


async def test_standing_still_has_an_end(tmp_path: Path) -> None:
    """Attempts count from the last byte that was new: three at one place are the policy's three."""
    stuck = [broken(0), broken(500), *[say(rest_head(500), then="close") for _ in range(5)]]
    async with served_by(*stuck) as (server, recordings), recordings.download("a") as download:
        with pytest.raises(DownloadError) as caught:
            await download.read()
    assert (caught.value.bytes_written, caught.value.attempts, server.executed) == (500, 4, 4)
    assert caught.value.part_path is None


def rest_head(start: int) -> bytes:
    length = len(DATA)
    described = b"Content-Range: bytes %d-%d/%d\r\nContent-Length: %d\r\n" % (start, length - 1, length, length - start)
    return b"HTTP/1.1 206 Partial Content\r\n%b%b\r\n" % (ETAG, described)


async def test_standing_still_is_taken_from_the_quota() -> None:
    """A client whose retries are used up does not multiply an outage by its downloads."""
    async with (
        served_by(broken(500), *[say(rest_head(500), then="close") for _ in range(5)]) as (server, recordings),
        recordings.download("a") as download,
    ):
        recordings._transport.session.quota.left = 0
        with pytest.raises(DownloadError):
            await download.read()
    assert server.executed == 2


async def test_standing_still_ends_with_the_deadline() -> None:
    """The deadline of the policy runs from the last byte that was new."""
    async with (
        served_by(broken(500), *[say(rest_head(500), then="close") for _ in range(5)]) as (server, recordings),
        recordings.download("a") as download,
    ):
        vars(recordings._transport.session.clock).update(monotonic=itertools.count(0, 25).__next__)
        with pytest.raises(DownloadError):
            await download.read()
    assert server.executed == 2


async def test_no_deadline() -> None:
    """A policy without one counts attempts alone."""
    policy = RetryPolicy(base_delay=0.001, deadline=None)
    async with (
        served_by(broken(500), rest(500), retry=policy) as (_, recordings),
        recordings.download("a") as download,
    ):
        assert await download.read() == DATA


@pytest.mark.parametrize(("status", "kind"), [(404, NotFoundError), (500, ServerError)])
async def test_a_rest_that_is_refused(status: int, kind: type[Exception]) -> None:
    """The reason is the cause."""
    async with (
        served_by(broken(1000), *[answer(b"", status=status)] * 3) as (_, recordings),
        recordings.download("a") as download,
    ):
        with pytest.raises(DownloadError, match=f"after 1000 bytes: {status}") as caught:
            await download.read()
    assert isinstance(caught.value.__cause__, kind)


# Files


async def test_progress(sandbox: Sandbox, recordings: Recordings, tmp_path: Path) -> None:
    """It is told for every chunk, and comes to the whole."""
    stored = sandbox.add_recording(data=DATA)
    calls: list[tuple[int, int | None]] = []
    async with recordings.download(stored.key) as download:
        saved = await download.save(str(tmp_path / "a.wav"), lambda done, total: calls.append((done, total)))
    assert saved == tmp_path / "a.wav"
    assert calls == sorted(calls)
    assert calls[-1] == (len(DATA), len(DATA))
    assert names(tmp_path) == ["a.wav"]


async def test_progress_that_fails(sandbox: Sandbox, recordings: Recordings, tmp_path: Path) -> None:
    """Its error is raised as it is, even one that a disk could have raised."""
    stored = sandbox.add_recording(data=DATA)

    def progress(_done: int, _total: int | None) -> None:
        raise BrokenPipeError

    async with recordings.download(stored.key) as download:
        with pytest.raises(BrokenPipeError):
            await download.save(tmp_path / "a.wav", progress)
    assert (tmp_path / "a.wav.part").stat().st_size > 0


async def test_an_existing_file_is_kept(sandbox: Sandbox, recordings: Recordings, tmp_path: Path) -> None:
    """Unless it was asked for: then it is replaced, when the new one is whole."""
    stored, target = sandbox.add_recording(data=DATA), tmp_path / "a.wav"
    target.write_bytes(b"mine")
    async with recordings.download(stored.key) as download:
        with pytest.raises(DownloadError, match="already exists; pass overwrite=True") as caught:
            await download.save(target)
    assert target.read_bytes() == b"mine"
    assert (caught.value.bytes_written, caught.value.part_path) == (0, None)
    async with recordings.download(stored.key) as download:
        await download.save(target, overwrite=True)
    assert target.read_bytes() == DATA


async def test_a_file_that_appears_meanwhile_is_kept(sandbox: Sandbox, recordings: Recordings, tmp_path: Path) -> None:
    """What was saved stays in the part, and becomes the file as soon as it may, without a byte being sent again."""
    stored, target = sandbox.add_recording(data=DATA), tmp_path / "a.wav"
    async with recordings.download(stored.key) as download:
        with pytest.raises(DownloadError, match="already exists; pass overwrite=True") as caught:
            await download.save(target, lambda *_: target.write_bytes(b"mine"))
    assert (target.read_bytes(), caught.value.bytes_written) == (b"mine", len(DATA))
    target.unlink()
    async with recordings.download(stored.key) as download:
        await download.save(target)
    assert target.read_bytes() == DATA
    assert stored.downloads == 2


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (".", "directory"),
        ("/", "directory"),
        ("no/such/a.wav", "No such file"),
        ("file/a.wav", "Not a directory"),
    ],
)
async def test_where_nothing_can_be_written(
    sandbox: Sandbox, recordings: Recordings, tmp_path: Path, path: str, reason: str
) -> None:
    """The error is clear, and says that nothing was written."""
    stored = sandbox.add_recording(data=DATA)
    (tmp_path / "file").touch()
    async with recordings.download(stored.key) as download:
        with pytest.raises(DownloadError, match=reason) as caught:
            await download.save(tmp_path / path, overwrite=True)
    assert (caught.value.bytes_written, caught.value.part_path) == (0, None)
    assert names(tmp_path) == ["file"]


async def test_a_disk_that_is_full(sandbox: Sandbox, recordings: Recordings, tmp_path: Path) -> None:
    """What fitted stays in the part, and is continued when there is room again."""
    stored = sandbox.add_recording(data=DATA)
    with room_for(123_456):
        async with recordings.download(stored.key) as download:
            with pytest.raises(DownloadError, match="File too large") as caught:
                await download.save(tmp_path / "a.wav")
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.part_path is not None
    assert caught.value.part_path.read_bytes() == DATA[:123_456]
    async with recordings.download(stored.key) as download:
        assert (await download.save(tmp_path / "a.wav")).read_bytes() == DATA


# A part file from an earlier time


@pytest.mark.parametrize("moment", [1, 2, 5, 10, 15, 16, 17, 18, 25, 33, 40])
async def test_a_save_that_was_cancelled_is_continued(
    sandbox: Sandbox, recordings: Recordings, tmp_path: Path, moment: int
) -> None:
    """Nothing that arrived is lost, whenever it happens, and the next save of the same key asks for the rest alone."""
    stored = sandbox.add_recording(data=LONG)
    arrived: list[int] = []
    with anyio.CancelScope() as scope:
        async with recordings.download(stored.key) as download:

            def progress(done: int, _total: int | None) -> None:
                arrived.append(done)
                if len(arrived) == moment:
                    scope.cancel()

            await download.save(tmp_path / "a.wav", progress)
    if scope.cancelled_caught:
        kept = (tmp_path / "a.wav.part").read_bytes()
        assert len(kept) >= arrived[-1]
        assert stored.read().startswith(kept)
        async with recordings.download(stored.key) as download:
            await download.save(tmp_path / "a.wav", lambda done, _: arrived.append(done))
        assert arrived == sorted(set(arrived))
    assert (tmp_path / "a.wav").read_bytes() == stored.read()
    assert names(tmp_path) == ["a.wav"]


async def test_a_note_of_an_earlier_save_is_resumed_by_range(tmp_path: Path) -> None:
    """Range says how much is there, and If-Range of which version it is."""
    earlier(tmp_path, 1000)
    async with served_by(whole(), rest(1000)) as (server, recordings), recordings.download("a") as download:
        assert (await download.save(tmp_path / "a.wav")).read_bytes() == DATA
    assert asked(server) == [(None, None), ("bytes=1000-", '"one"')]
    assert names(tmp_path) == ["a.wav"]


def earlier(folder: Path, size: int) -> None:
    """Leave behind what a save leaves that was killed after so many bytes."""
    (folder / "a.wav.part").write_bytes(DATA[:size])
    (folder / "a.wav.part.json").write_text(json.dumps({"key": "a", "validator": '"one"', "length": len(DATA)}))
    (folder / "a.wav.part").chmod(0o600)
    (folder / "a.wav.part.json").chmod(0o600)


@pytest.mark.parametrize("length", ["", "-1", "1.5", "two", "\xb2", "9" * 5000])
def test_a_length_that_is_none(length: str) -> None:
    """It counts as not given, and breaks nothing."""
    assert Version.of({"content-length": length}) == Version(None, None)


def test_a_part_has_no_holes(tmp_path: Path) -> None:
    """Bytes that do not follow what is there are refused: what is not written must not read as zeros."""
    part = PartFile(tmp_path / "a.wav", "a", overwrite=False)
    part.open(Version('"one"', 10))
    with pytest.raises(OSError, match="gap"):
        part.write(5, [b"-"], Version('"one"', 10))
    part.keep(0, [], Version('"one"', 10))
    assert part.path.read_bytes() == b""


@pytest.mark.parametrize(
    "spoilt", ["key", "validator", "length", "note", "no note", "a list", "too long", "old", "gone"]
)
async def test_a_part_that_need_not_be_of_this_file_begins_anew(tmp_path: Path, spoilt: str) -> None:
    """Only what is provably the beginning of the same version of the same recording is continued."""
    target, part, note = (tmp_path / name for name in ("a.wav", "a.wav.part", "a.wav.part.json"))
    part.write_bytes(b"-" * 1000)
    fields: dict[str, Any] = {"key": "a", "validator": '"one"', "length": len(DATA)}
    note.write_text(json.dumps({**fields, spoilt: "other"} if spoilt in fields else fields))
    if spoilt == "note":
        note.write_text("{")
    elif spoilt == "a list":
        note.write_text("[]")
    elif spoilt == "no note":
        note.unlink()
    elif spoilt == "too long":
        part.write_bytes(DATA + b"-")
    elif spoilt == "old":
        # From before the machine was started: a loss of power may have left holes in it.
        os.utime(part, (time.time(), time.time() - time.monotonic() - 60))
    elif spoilt == "gone":
        part.unlink()
    async with served_by(whole()) as (server, recordings), recordings.download("a") as download:
        assert (await download.save(target)).read_bytes() == DATA
    assert asked(server) == [(None, None)]
    assert names(tmp_path) == ["a.wav"]


async def test_a_part_of_what_has_no_version_begins_anew(tmp_path: Path) -> None:
    """A file without a validator is never continued, even by a note that says so."""
    (tmp_path / "a.wav.part").write_bytes(b"-")
    (tmp_path / "a.wav.part.json").write_text(json.dumps({"key": "a", "validator": None, "length": len(DATA)}))
    (tmp_path / "a.wav.part.json").chmod(0o600)
    async with served_by(whole(headers=b"")) as (_, recordings), recordings.download("a") as download:
        assert (await download.save(tmp_path / "a.wav")).read_bytes() == DATA


async def test_a_part_whose_rest_cannot_be_had(tmp_path: Path) -> None:
    """It stays, for a better day."""
    earlier(tmp_path, 1000)
    async with served_by(whole(), answer(b"", status=403)) as (_, recordings), recordings.download("a") as download:
        with pytest.raises(DownloadError, match="403") as caught:
            await download.save(tmp_path / "a.wav")
    assert (caught.value.bytes_written, caught.value.part_path) == (1000, tmp_path / "a.wav.part")


# Files in a directory that others may write to


def readable(path: Path) -> None:
    """Leave a part and its note behind, of which one may be read by others."""
    earlier(path.parent, 1000)
    path.chmod(0o644)


OBSTACLES: dict[str, Callable[[Path, Path], object]] = {
    "link": lambda path, outside: path.symlink_to(outside),
    "dangling link": lambda path, outside: path.symlink_to(outside.parent / "nowhere"),
    "hard link": lambda path, outside: path.hardlink_to(outside),
    "file": lambda path, outside: path.write_bytes(b"left over"),
    "readable part": lambda path, outside: readable(path),
    "pipe": lambda path, outside: os.mkfifo(path),
}


@pytest.mark.skipif(sys.platform == "win32", reason="links and modes of POSIX")
@pytest.mark.parametrize("obstacle", OBSTACLES)
@pytest.mark.parametrize("place", ["a.wav.part", "a.wav.part.json"])
async def test_what_stands_in_the_way_is_not_written_to(tmp_path: Path, obstacle: str, place: str) -> None:
    """The saved file is a new and private one; no file outside, and no other name of a file, is changed."""
    folder, outside = tmp_path / "shared", tmp_path / "outside"
    folder.mkdir()
    outside.write_bytes(b"precious")
    OBSTACLES[obstacle](folder / place, outside)
    async with served_by(whole()) as (server, recordings), recordings.download("a") as download:
        saved = await download.save(folder / "a.wav")
    assert asked(server) == [(None, None)]
    assert saved.read_bytes() == DATA
    assert outside.read_bytes() == b"precious"
    found = saved.lstat()
    assert (stat.S_ISREG(found.st_mode), stat.S_IMODE(found.st_mode), found.st_nlink) == (True, 0o600, 1)
    assert names(folder) == ["a.wav"]


@pytest.mark.parametrize("place", ["a.wav.part", "a.wav.part.json"])
async def test_a_directory_in_the_way_is_an_error(tmp_path: Path, place: str) -> None:
    """It is not ours to remove."""
    (tmp_path / place).mkdir()
    async with served_by(whole()) as (_, recordings), recordings.download("a") as download:
        with pytest.raises(DownloadError, match="directory"):
            await download.save(tmp_path / "a.wav")


async def test_a_link_at_the_target_is_replaced_and_not_followed(tmp_path: Path) -> None:
    """With ``overwrite`` the link becomes the file; without, it is an existing file."""
    (tmp_path / "outside").write_bytes(b"precious")
    (tmp_path / "a.wav").symlink_to(tmp_path / "outside")
    async with served_by(whole()) as (_, recordings), recordings.download("a") as download:
        await download.save(tmp_path / "a.wav", overwrite=True)
    assert not (tmp_path / "a.wav").is_symlink()
    assert (tmp_path / "outside").read_bytes() == b"precious"


def test_a_part_that_is_swapped_while_it_is_renamed_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file under the name must be the one that was written."""
    part = PartFile(tmp_path / "a.wav", "a", overwrite=False)
    part.open(Version('"one"', 1))
    part.write(0, [b"-"], Version('"one"', 1))
    place = _files.place

    def swap(path: Path, target: Path, *, overwrite: bool) -> None:
        path.rename(tmp_path / "ours")
        path.write_bytes(b"theirs")
        place(path, target, overwrite=overwrite)

    monkeypatch.setattr(_files, "place", swap)
    with pytest.raises(OSError, match="replaced while it was renamed"):
        part.finish()


async def test_a_rest_that_is_longer_than_the_file_ends(tmp_path: Path) -> None:
    """Bytes beyond the announced length are a break without progress: the attempts are bounded."""
    too_long = answer(
        DATA[5000:] + b"extra",
        status=206,
        headers=ETAG + b"Content-Range: bytes 5000-%d/%d\r\n" % (len(DATA) - 1, len(DATA)),
    )
    async with (
        served_by(broken(5000), *[too_long] * 5) as (server, recordings),
        recordings.download("a") as download,
    ):
        with pytest.raises(DownloadError):
            await download.save(tmp_path / "a.wav")
    assert len(server.heads) <= 6
    assert not (tmp_path / "a.wav").exists()


@pytest.mark.parametrize("arguments", [{"path": "a\0b"}, {"path": ""}, {"path": b"a"}, {"path": 5}])
@pytest.mark.parametrize("other", [{}, {"progress": 5}, {"overwrite": "yes"}])
async def test_arguments_of_save_are_checked(arguments: dict[str, Any], other: dict[str, Any]) -> None:
    """Before anything is read: the download can still be saved."""
    async with served_by(whole()) as (_, recordings), recordings.download("a") as download:
        with pytest.raises(InvalidRequestError, match=r"must be"):
            await download.save(**{**arguments, **({"path": "a"} if other else {}), **other})
        assert await download.read() == DATA


@pytest.mark.parametrize("text", ["", "x", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "1", ",,,,", "Jan " * 9])
def test_a_date_that_is_none(text: str) -> None:
    """A header that cannot be read names no version, and breaks nothing."""
    with pytest.raises(ValueError):
        parse_date(text)
    assert Version.of({"last-modified": text, "date": text}).validator is None
